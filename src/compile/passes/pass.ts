/** What a pass is, and the walk that all of them share. */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';

export interface Pass {
  readonly name: string;
  /** Edits in place, keeping what the graph computes (up to rounding) and the names of its outputs; answers how many places changed. */
  apply(graph: Graph): number;
}

/** Visits every node of the main graph that is still in it when its turn comes. `edit` answers whether it changed something. */
export function eachNode(graph: Graph, edit: (node: OnnxNode) => boolean): number {
  let changed = 0;
  for (const node of [...graph.nodes]) {
    const present = node.outputs.some((name) => name !== '' && graph.producer(name) === node);
    if (present && edit(node)) changed++;
  }
  return changed;
}
