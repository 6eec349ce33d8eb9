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

/** What decided: of a stage, how many observations it had and the best of them; its words clipped to `limits.traceFoundCharsMax`. */
export interface Witness {
  stage: string;
  found: number;
  /** The best-scored; absent where there was none. `values`: only those the condition speaks of. */
  best?: Pick<Observation, 'score' | 'label' | 'text' | 'values'>;
}

/** A condition of the configuration, what it came to on this capture, and what it looked at. */
export interface Decision {
  /** The condition, clipped to `limits.traceTextCharsMax`. */
  text: string;
  holds: boolean;
  /** Why it could not be answered in full. */
  trouble?: string;
  /** The stages it speaks of, at most `limits.traceWitnessesMax`. */
  saw: Witness[];
}

/** How many of the things a stage looked at, or found in the whole capture, were good enough. */
export interface AcceptDecision {
  text: string;
  of: number;
  accepted: number;
  /** Of those not accepted, how many have no answer at all; absent for none. */
  unanswered?: number;
  trouble?: string;
  /** The lowest-scored observation that was not accepted; absent where all were, or only things without an answer were not. */
  worst?: NonNullable<Witness['best']>;
}

/** The second look of a stage, by another variant or model, at what was not accepted. Milliseconds as in the stage. */
export interface Escalation {
  model: string;
  variant: string;
  state: 'ran' | 'failed' | `skipped: ${string}`;
  /** Things looked at again: 1 for the whole capture. */
  inputs: number;
  runs: number;
  preprocess_ms: number;
  run_ms: number;
  postprocess_ms: number;
  /** Observations that took the place of those not accepted. */
  found: number;
  /** As in the stage, of this variant. */
  calibrated?: true;
}

/** Another model or variant that the configuration names for a stage and that did not run on this capture. */
export interface Alternative {
  model: string;
  variant: string;
  /** What it cost on average when this engine ran it, for as many inputs; absent where it never did. */
  usual_ms?: number;
}

/** Of the things a stage with `crop` was to look at, how many it did not: smaller than `min_px`, or beyond `limits.cropsMax`; absent for none. */
export interface LeftOut {
  too_small?: number;
  too_many?: number;
}

/** Whether a stateful stage went on from the window before: `fresh` where there was none, `reset: <reason>` where what was kept does not lead up to this one. */
export type StreamContinuity = 'fresh' | 'continued' | `reset: ${string}`;

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
  /** Absent where all were looked at. */
  left_out?: LeftOut;
  /** The scores are calibrated; absent where they are as the model gives them. */
  calibrated?: true;
  /** Of a stateful stage on a window of a stream. */
  stream?: StreamContinuity;
  /** The stage's conditions, each where the configuration has it and it was asked. */
  when?: Decision;
  accept?: AcceptDecision;
  escalated?: Escalation;
  stop?: Decision & { reason: string };
  /** What could have run instead: the stage's own model where a condition kept it from running, its escalation where that was not needed. */
  alternative?: Alternative;
}

/** What a stage spent (ms), its second look included. */
export function spentMs({ preprocess_ms, run_ms, postprocess_ms, escalated }: Spent & Pick<StageTrace, 'escalated'>): number {
  return preprocess_ms + run_ms + postprocess_ms + (escalated === undefined ? 0 : spentMs(escalated));
}

type Spent = Pick<Escalation, 'preprocess_ms' | 'run_ms' | 'postprocess_ms'>;

/** That a pipeline ran in a cheaper way than configured, and why. */
export interface Degradation {
  /** What was different, in the order of the configuration. */
  steps: readonly string[];
  /** How many steps there are. */
  of: number;
  why: string;
  /** The pipeline whose steps these are, where this one runs instead of it. */
  instead_of?: string;
}

/** As stored it also names its schema, `shoal/trace/1` (docs/schema/trace-1.json), additive only. */
export interface Trace {
  queue_ms: number;
  decode_ms: number;
  /** It was decoded while another capture ran, and `decode_ms` is only what was left of that. */
  decoded_ahead?: true;
  stages: StageTrace[];
  /** The pipeline's `abstain`, where it has one and its stages came to an end in time. */
  abstain?: Decision;
  /** The pipeline's `report.when`, where it has one and was asked. */
  report?: Decision;
  /** Which attempt this was; above 1 after a crash. */
  attempt: number;
  /** Absent where it ran as configured. */
  degraded?: Degradation;
}
