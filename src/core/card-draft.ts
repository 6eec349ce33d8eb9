/**
 * What a task is shown of a model nobody described, and what it proposes: the words between an import and the tasks.
 */
import type { TensorSpec } from './tensor.js';

/** A foreign model as its file shows it. */
export interface ForeignModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** The operator each output comes from, by the output's name. */
  readonly madeBy: Readonly<Record<string, string>>;
  /** Least and greatest value of inputs, by name, that the model turns into bytes at once: what else is fed is clipped to these. */
  readonly ranges: Readonly<Record<string, readonly [least: number, greatest: number]>>;
  /** As the operator or the file says; empty when nobody does. */
  readonly labels: readonly string[];
}

/** How a foreign model may be meant: what its card would say. A person confirms it. */
export interface CardDraft {
  readonly params: Readonly<Record<string, unknown>>;
  /** Names of classes, where nobody gave any and the tensors tell how many there are. */
  readonly labels?: readonly string[];
  /** Outputs to use, where it is not all of them. */
  readonly outputs?: readonly TensorSpec[];
  /** What was concluded from what, a sentence each, for a person. */
  readonly remarks: readonly string[];
}
