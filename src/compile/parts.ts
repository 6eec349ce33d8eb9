/**
 * The parts of a model that turn to bytes or stay float together, each with its share of the model's arithmetic.
 *
 * Guarantees: parts are consecutive runs of nodes and begin where a convolution or matrix product does, so that what is fused with one stays
 * with it; there are at most as many as asked for. Shares are estimates by the shapes (see inspect/work.ts): they rank, they foretell nothing.
 */
import { Dimensions } from './inspect/dimensions.js';
import { factOf, unknown } from './inspect/facts.js';
import { walkModel } from './inspect/walk.js';
import { workOf } from './inspect/work.js';
import type { OnnxModel, OnnxNode } from './onnx/model.js';

export interface Part {
  /** First outputs of its nodes, in order. */
  readonly nodes: readonly string[];
  /** Of the arithmetic of all nodes, 0..1. */
  readonly share: number;
}

const heavy: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm']);

/** Of a simplified model. `count`: at most so many parts, of about as many heavy nodes each. */
export function partsOf(model: OnnxModel, count: number): Part[] {
  const { nodes } = model.graph;
  const each = Math.max(1, Math.ceil(nodes.filter(({ op }) => heavy.has(op)).length / count));
  const works = worksOf(model);
  const all = works.reduce((sum, work) => sum + work, 0) || 1;
  const parts: { nodes: string[]; share: number; heavy: number }[] = [];
  for (const [i, node] of nodes.entries()) {
    let part = parts.at(-1);
    if (part === undefined || (heavy.has(node.op) && part.heavy >= each)) {
      part = { nodes: [], share: 0, heavy: 0 };
      parts.push(part);
    }
    part.nodes.push(node.outputs[0] ?? '');
    part.share += (works[i] ?? 0) / all;
    if (heavy.has(node.op)) part.heavy++;
  }
  return parts.map(({ nodes: names, share }) => ({ nodes: names, share }));
}

/** By node; 0 where the shapes do not tell. Free dimensions have the sizes that an inspection assumes. */
function worksOf(model: OnnxModel): number[] {
  const dimensions = new Dimensions(model, new Map());
  const { made } = walkModel(model, (value) => dimensions.shapeOf(value));
  const constants = new Map(model.graph.initializers.map((tensor) => [tensor.name, factOf(tensor)]));
  const work = (node: OnnxNode): number => {
    const facts = node.inputs.map((name) => made.get(name) ?? constants.get(name) ?? unknown);
    const found = workOf(node, facts, made.get(node.outputs[0] ?? '') ?? unknown);
    return (found?.macs ?? 0) + (found?.others ?? 0);
  };
  return model.graph.nodes.map(work);
}
