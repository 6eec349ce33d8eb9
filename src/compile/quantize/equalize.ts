/**
 * Cross-layer equalization: channels between two convolutions are scaled so that all of them use the byte they share.
 *
 * Guarantees: the same function. Factors are powers of two, so weights, biases and what they give are the same numbers with other
 * exponents; a pair whose weights would leave the normal float32 numbers stays as it is. Needs the weights alone, no sample, no runtime.
 * Deliberately does pairs with nothing or a Relu between them: through a gate or a sum the factors of a channel would have to agree
 * with those of other convolutions.
 *
 * Source: M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, Data-Free Quantization Through Weight Equalization and Bias Correction,
 * ICCV 2019, section 4.1.
 */
import type { Graph } from '../graph.js';
import { intOf } from '../onnx/values.js';
import { type Convolution, convolutionOf, putBack } from '../passes/convolution.js';

/** Ratios of two neighbours settle within a few rounds; a chain of pairs passes them on. */
const roundsMax = 8;
/** Factors of a channel within one round, as exponents of two. */
const exponentMax = 10;
/** Beyond these the products of a float convolution may no longer be exact to the last bit. */
const [least, most] = [2 ** -100, 2 ** 100];

interface Pair {
  readonly first: Convolution;
  readonly second: Convolution;
  /** The input channel of `second` an element of its weights counts for. */
  readonly inputOf: (element: number) => number;
}

/** Edits in place; answers how many pairs changed. Rounds end early when none does. */
export function equalize(graph: Graph): number {
  const changed = new Set<string>();
  for (let round = 0; round < roundsMax; round++) {
    const before = changed.size;
    let any = false;
    for (const node of [...graph.nodes]) {
      const pair = pairFrom(graph, convolutionOf(graph, node));
      if (pair === null || !balance(graph, pair)) continue;
      any = true;
      changed.add(pair.first.node.outputs[0] ?? '');
    }
    if (!any && changed.size === before) break;
  }
  return changed.size;
}

/** The pair that begins with a convolution, if its output goes into one other as data, through nothing or a Relu. */
function pairFrom(graph: Graph, first: Convolution | null): Pair | null {
  if (first === null || first.node.op !== 'Conv') return null;
  let [name = ''] = first.node.outputs;
  let user = graph.onlyUser(name);
  if (user?.op === 'Relu' && user.domain === '') {
    [name = ''] = user.outputs;
    user = graph.onlyUser(name);
  }
  const second = user?.inputs.lastIndexOf(name) === 0 ? convolutionOf(graph, user) : null;
  if (second === null || second.node.op !== 'Conv') return null;
  const group = intOf(second.node, 'group', 1);
  const [rows = 0, columns = 0, ...kernel] = second.dims;
  const inner = kernel.reduce((product, size) => product * size, 1);
  if (columns * group !== first.bias.length) return null;
  return {
    first,
    second,
    inputOf: (element) => {
      const row = Math.floor(element / (columns * inner));
      return Math.floor(row / (rows / group)) * columns + (Math.floor(element / inner) % columns);
    },
  };
}

/** Whether a factor other than one was found, and the weights took it. */
function balance(graph: Graph, { first, second, inputOf }: Pair): boolean {
  const given = peaks(first.weights, first.outputOf, first.bias.length);
  const taken = peaks(second.weights, inputOf, first.bias.length);
  const factors = Float64Array.from(given, (peak, channel) => factorOf(peak, taken[channel] ?? 0));
  if (factors.every((factor) => factor === 1)) return false;
  const scaled = (values: Float64Array, channelOf: (i: number) => number, up: boolean): Float64Array =>
    values.map((value, i) => (up ? value * (factors[channelOf(i)] ?? 1) : value / (factors[channelOf(i)] ?? 1)));
  const next: readonly Convolution[] = [
    { ...first, weights: scaled(first.weights, first.outputOf, false), bias: scaled(first.bias, (channel) => channel, false) },
    { ...second, weights: scaled(second.weights, inputOf, true) },
  ];
  if (!next.every(({ weights, bias }) => [...weights, ...bias].every(isSafe))) return false;
  return next.every((convolution) => putBack(graph, convolution));
}

function peaks(weights: Float64Array, channelOf: (element: number) => number, channels: number): Float64Array {
  const found = new Float64Array(channels);
  for (const [i, weight] of weights.entries()) found[channelOf(i)] = Math.max(found[channelOf(i)] ?? 0, Math.abs(weight));
  return found;
}

/** What the first convolution is divided by: the power of two nearest to the root of the ratio of both peaks; 1 for a dead channel. */
function factorOf(given: number, taken: number): number {
  if (given === 0 || taken === 0) return 1;
  const ratio = given / taken;
  let exponent = 0;
  // Between the squares of 2 ** (exponent - 1/2) and 2 ** (exponent + 1/2); no logarithm, whose last bit is the machine's own.
  while (exponent < exponentMax && ratio >= 2 ** (2 * exponent + 1)) exponent++;
  while (exponent > -exponentMax && ratio < 2 ** (2 * exponent - 1)) exponent--;
  return 2 ** exponent;
}

function isSafe(value: number): boolean {
  return value === 0 || (Math.abs(value) > least && Math.abs(value) < most);
}
