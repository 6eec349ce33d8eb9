/**
 * What the compiler gets from outside: it edits graphs and knows neither a runtime nor a task.
 */
import type { TensorSpec, Tensors } from './tensor.js';

/** Runs a model over the calibration samples through the task's own pre-processing. @public */
export interface Calibrator {
  /**
   * `model`: ONNX bytes with the inputs of the original and any outputs. `see` gets all outputs of each run, in the order of the samples;
   * the tensors belong to the runtime and may be used during the call only. Throws what the runtime or the task throws.
   */
  run(model: Uint8Array, see: (outputs: Tensors, run: number) => void): Promise<void>;
}

/** What is wrong on one sample, counted in the task's own unit: characters, boxes, lines, frames. */
export interface SampleScore {
  /** 0 when right; may exceed `total`. */
  readonly errors: number;
  /** How many there should have been. */
  readonly total: number;
}

/**
 * How a task makes a model's only input from the pixels of an image: `(byte / 255 - mean) / std`. A model that does so itself takes the
 * bytes as they are.
 */
export interface PixelNormalisation {
  /** The input as the task feeds it to such a model: uint8, 1 x height x width x 3, RGB. */
  readonly input: TensorSpec;
  /** Of the model as shipped, and of `mean` and `std`. */
  readonly channelOrder: 'rgb' | 'bgr';
  readonly mean: readonly [number, number, number];
  /** Above 0. */
  readonly std: readonly [number, number, number];
}

/** A model the evaluator is to try on its samples. */
export interface Candidate {
  readonly name: string;
  /** ONNX bytes. */
  readonly model: Uint8Array;
  /** Its own inputs, where they are not the model's. */
  readonly inputs?: readonly TensorSpec[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Evaluation {
  readonly name: string;
  /** One a sample, against the truth where there is one, else against the original's answer. Empty when it could not run. */
  readonly scores: readonly SampleScore[];
  /** By the task's second metric, where it has one; reported, never decisive. */
  readonly also?: readonly SampleScore[];
  /** Milliseconds of CPU and of wall time a model run, one thread, interleaved with the other candidates. */
  readonly cpuMs: Spread;
  readonly wallMs: Spread;
  /** Milliseconds of CPU the task takes to make the inputs of a run. Only beside a candidate with inputs of its own. */
  readonly prepareMs?: Spread;
  /** Resident bytes it added to its process, at the peak. */
  readonly memoryBytes: number;
  /** Why it could not be run at all. */
  readonly failure?: string;
}

/** Runs candidates over samples of its own: those held out where it judges, those of the calibration where it chooses. @public */
export interface Evaluator {
  /** Accuracy and cost; the original is the first candidate. */
  evaluate(candidates: readonly Candidate[]): Promise<readonly Evaluation[]>;
}
