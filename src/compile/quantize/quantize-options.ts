/** What the quantizer is told; how it came to be known is the matter of calibration and of the search. */
import type { Range } from './affine.js';
import type { WeightOptions } from './weights.js';

export interface QuantizeOptions {
  readonly weights: WeightOptions;
  /** What values each float tensor takes, by its name. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Nodes to leave float, by their first output. */
  readonly floatNodes: ReadonlySet<string>;
  /** What is added to the bias of a convolution, a number an output channel, by the name of its output. */
  readonly biasCorrections?: ReadonlyMap<string, readonly number[]>;
}
