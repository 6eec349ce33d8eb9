/** What a shape rule gets and answers. */
import type { OnnxNode } from '../onnx/model.js';
import type { Fact } from './facts.js';

export interface Call {
  readonly node: OnnxNode;
  /** One each input of the node; an absent one is unknown. */
  readonly inputs: readonly Fact[];
}

/** Answers a fact each output; what is missing is unknown. */
export type Rule = (call: Call) => readonly Fact[];
