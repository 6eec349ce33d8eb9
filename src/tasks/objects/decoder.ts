/**
 * What the heads of object detectors have in common: what they are built for, and what comes out of them.
 *
 * A decoder turns a model's outputs into boxes in the unit square of its input (x to the right, y down, 0..1), each with its best class.
 * It drops nothing that overlaps: see class-nms.ts.
 */
import type { ModelFacts } from '../../core/model.js';
import type { Rectangle } from '../../core/rectangle.js';

export interface FoundObject {
  /** 0..1. */
  readonly score: number;
  /** Index into the model's labels. */
  readonly kind: number;
  readonly box: Rectangle;
}

/**
 * `output` gives the floats of an output by name. `minScore` is inclusive; a score that is no number is left out. In the order of the
 * outputs.
 */
export type Decode = (output: (name: string) => Float32Array, minScore: number) => FoundObject[];

/** What a decoder is built for: the size of the input in pixels, and how many classes the labels name. */
export interface Head {
  readonly model: ModelFacts;
  readonly width: number;
  readonly height: number;
  readonly kinds: number;
}

/** The largest of `count` values from `at` on, `step` apart: its place and value. */
export function best(values: Float32Array, at: number, count: number, step = 1): { readonly kind: number; readonly value: number } {
  let kind = 0;
  let value = values[at] ?? Number.NaN;
  for (let i = 1; i < count; i++) {
    const other = values[at + i * step] ?? Number.NaN;
    if (other > value) [kind, value] = [i, other];
  }
  return { kind, value };
}
