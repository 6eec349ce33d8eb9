/**
 * Results, observations and traces: what a pipeline says about one capture, and why.
 *
 * Geometry convention, here once: x to the right, y down, 0..1 of the original image after EXIF rotation.
 * Times are seconds from the start of the capture.
 */

/** A box; `x_min <= x_max`, `y_min <= y_max`, all 0..1. */
export interface Box {
  x_min: number;
  y_min: number;
  x_max: number;
  y_max: number;
}

export type Point = [x: number, y: number];

/** Four points, clockwise from the top left of what was found (not of the image). */
export type Quad = [Point, Point, Point, Point];

/** Seconds; `start_s <= end_s`. */
export interface Segment {
  start_s: number;
  end_s: number;
}

/** One box, line, label, segment or score. `score` is 0..1. Absent fields were not asked of the model. */
export interface Observation {
  score: number;
  label?: string;
  /** What kind of thing `label` is: `code` for `python`. */
  group?: string;
  text?: string;
  box?: Box;
  quad?: Quad;
  segment?: Segment;
  /** Named key points, 0..1. */
  points?: Record<string, Point>;
  /** Named numbers, the unit in the name (`yaw_deg`), at most `limits.valuesMax`; names match `valueNamePattern`. */
  values?: Record<string, number>;
  /** A direction that stands for how the thing looks or sounds: floats whose squares sum to 1, at most `limits.embeddingMax`. */
  embedding?: number[];
  /** For a stage with `each:`: index of the observation of that stage this one is about. */
  of?: number;
}

/** What a named number may be called, so that a condition can speak of it. */
export const valueNamePattern = /^[a-z][a-z0-9_]{0,63}$/;

export const outcomes = ['published', 'silent', 'abstained', 'late', 'dropped', 'failed'] as const;
export type Outcome = (typeof outcomes)[number];

/** Milliseconds on the monotonic clock, rounded to 0.01. */
export interface StageTrace {
  stage: string;
  task: string;
  /** `name@version`; absent when the stage did not run. */
  model?: string;
  variant?: string;
  /** `ran`, or why not: `skipped: <reason>`. */
  state: 'ran' | 'failed' | `skipped: ${string}`;
  preprocess_ms: number;
  run_ms: number;
  postprocess_ms: number;
  /** Things looked at (1, or the observations of the `each:` stage) and model runs made for them. */
  inputs: number;
  runs: number;
  /** Observations that came out. */
  found: number;
}

export interface Trace {
  queue_ms: number;
  decode_ms: number;
  stages: StageTrace[];
  /** Which attempt this was; above 1 after a crash. */
  attempt: number;
}
