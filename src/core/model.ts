/**
 * What a card says of a model: enough to choose it, check it, feed it and read it, without loading it.
 */
import type { TensorSpec } from './tensor.js';

export interface ModelVariant {
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
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
  /** The first one is the default. */
  readonly variants: readonly ModelVariant[];
}

/** `name@version`. */
export function modelRef(model: Pick<ModelFacts, 'name' | 'version'>): string {
  return `${model.name}@${model.version}`;
}
