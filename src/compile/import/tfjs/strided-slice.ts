/** StridedSlice: NumPy's `x[a:b:c, ...]` as bit masks. */
import type { GraphNode } from './graph-node.js';
import { Unsuited } from './unsuited.js';
import { numbersOf, type Value } from './value.js';

interface Strided {
  /** [begin, end, step] a dimension, within its bounds. */
  readonly slices: readonly (readonly [number, number, number])[];
  /** What is left when dimensions that were asked for by one index are gone. */
  readonly shape: readonly number[];
}

/** Throws Unsuited for steps backwards, an ellipsis and new axes. */
export function stridedSlices(shape: readonly number[], node: GraphNode, inputs: readonly Value[]): Strided {
  const mask = (name: string): number => node.int(`${name}_mask`, 0);
  if (mask('ellipsis') !== 0 || mask('new_axis') !== 0) throw new Unsuited('it has an ellipsis or a new axis');
  const [begins, ends, steps] = [numbersOf(inputs[1], 'begin'), numbersOf(inputs[2], 'end'), numbersOf(inputs[3], 'step')];
  if (begins.length > shape.length) throw new Unsuited(`it cuts ${begins.length} dimensions where there are ${shape.length}`);
  const kept: number[] = [];
  const slices = shape.map((dim, i): [number, number, number] => {
    const bit = 1 << i;
    const given = i < begins.length;
    const step = given ? (steps[i] ?? 1) : 1;
    if (step < 1) throw new Unsuited(`its step is ${step}`);
    const bound = (at: number): number => Math.min(dim, Math.max(0, at < 0 ? at + dim : at));
    const begin = given && (mask('begin') & bit) === 0 ? bound(begins[i] ?? 0) : 0;
    if (given && (mask('shrink_axis') & bit) !== 0) {
      if (begin >= dim) throw new Unsuited(`it takes element ${begins[i]} of ${dim}`);
      return [begin, begin + 1, 1];
    }
    const end = given && (mask('end') & bit) === 0 ? bound(ends[i] ?? 0) : dim;
    kept.push(Math.max(0, Math.ceil((end - begin) / step)));
    return [begin, end, step];
  });
  return { slices, shape: kept };
}
