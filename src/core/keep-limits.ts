/** Bounds of what is kept of captures, and of what is remembered of their statistics; part of `limits` (limits.ts). */
export const keepLimits = {
  /** What a picture that is kept or published may have: a message of this size passes every broker of the field. */
  pictureBytesMax: 100_000,
  /** Longer side of such a picture: beyond it 100 KB blur more than the reduction does. */
  pictureSideMax: 1280,
  /** Bytes of a copy that is no picture: a minute of 16 kHz sound; an engine's answer must hold it. */
  copyBytesMax: 1_966_080,
  /** Rounds of looking for faces in a picture whose faces are hidden, until it is given up: what a model takes for one at the edge of another that was hidden needs a fourth. */
  redactRoundsMax: 6,
  /** Masked polygons of one input. */
  masksMax: 32,
  /** Copies asked for and not made; more come only where engines are overloaded. */
  copiesWaitingMax: 16,
  /** How long a copy waits for an engine: its capture's file is held back for as long. */
  copyWaitMs: 20_000,
  /** Captures held in memory because they are the best of an event so far; 1 MiB each at most. */
  copiesHeldMax: 16,
  /** What a command waits for a purge: every page of a large file on a slow card. */
  purgeAnswerMs: 10 * 60_000,
  /** Between two looks at what is kept for too long. */
  keptTendMs: 10 * 60_000,

  /** Values of a reference: bins of a tenth then hold 50 each, and chance alone moves the index by less than 0.04. */
  driftReferenceValues: 500,
  /** Half a window of recent values. */
  driftHalfValues: 250,
  driftBins: 10,
  /** Signals of one pipeline: two a stage and a few of its input. */
  driftSignalsMax: 36,
  /** At most one capture of a pipeline in this time: neighbours of a stream are alike, and a reference should be more than a moment. */
  driftEveryMs: 1000,
  /** Between two writes of what is remembered: what a power cut may cost. */
  driftSaveMs: 10 * 60_000,
  driftFileBytesMax: 16 * 1024 * 1024,
} as const;
