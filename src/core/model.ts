/**
 * What a card says of a model: enough to choose it, check it, feed it and read it, without loading it.
 */
import type { StatedCalibration } from './calibration.js';
import type { TensorSpec } from './tensor.js';

/** What a variant gets wrong that the original gets right, as its card states it. */
export interface VariantAccuracy {
  /** What is counted, such as "character error rate". */
  readonly metric: string;
  /** Errors per thing counted, more than the original makes: 0 is as good, 0.01 is one in a hundred worse. */
  readonly loss: number;
  /** Upper 95 % bound of `loss`. */
  readonly bound: number;
  /** The largest `bound` at which this variant may stand in for the original. */
  readonly budget: number;
}

export interface ModelVariant {
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Its own tensors, where they are not the model's: a variant may take pixels as they are. */
  readonly inputs?: readonly TensorSpec[];
  readonly outputs?: readonly TensorSpec[];
  /** Absent for the original, and for a variant nobody measured. */
  readonly accuracy?: VariantAccuracy;
  /** Applied to every score; absent where scores are as the model gives them. */
  readonly calibration?: StatedCalibration;
}

/** What a model's maker knows of how its answers come and go. */
export interface EventAdvice {
  readonly on_after_ms?: number | undefined;
  readonly off_after_ms?: number | undefined;
  readonly cooldown_ms?: number | undefined;
}

/** A model as the tasks see it. Immutable: a version folder never changes. */
export interface ModelFacts {
  readonly name: string;
  readonly version: string;
  readonly task: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Numbers and words a task's pre- and post-processing needs (sizes, mean, std, anchors); the task validates them in `fit`. */
  readonly params: Readonly<Record<string, unknown>>;
  /** One label a line of the card's labels file, in the order of the model's classes; empty without one. */
  readonly labels: readonly string[];
}

export interface Model extends ModelFacts {
  readonly title: string;
  /** SPDX expression of the weights. */
  readonly licence: string;
  /** Where the file comes from, for a person. */
  readonly source: string;
  readonly directory: string;
  /** Milliseconds: for a pipeline that tells events and says nothing of its own; as in the card. */
  readonly events?: EventAdvice;
  /** The first one is the default. */
  readonly variants: readonly ModelVariant[];
  /** Variant by class of board, where it is not the default; see board-class.ts. */
  readonly pinned?: Readonly<Record<string, string>>;
}

/** The model with the tensors of the variant that runs: what a task and a session are given. */
export function asVariant<Facts extends ModelFacts>(model: Facts, variant: Pick<ModelVariant, 'inputs' | 'outputs'>): Facts {
  return { ...model, inputs: variant.inputs ?? model.inputs, outputs: variant.outputs ?? model.outputs };
}

/** `name@version`. */
export function modelRef(model: Pick<ModelFacts, 'name' | 'version'>): string {
  return `${model.name}@${model.version}`;
}
