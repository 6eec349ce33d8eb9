/** Operators that move values and compute none; over bytes they run on the bytes. */
import type { GraphWriter } from '../graph-writer.js';
import { axisIn, inLayout, isNeutral, type Layout, reordered, sizeOf } from '../layout.js';
import type { TfliteOperator, TfliteTensor } from '../model.js';
import { bytesOf, called, refused, sameBytes } from '../quantized.js';
import { axisOf, inputOf, type Operator, option, outputOf } from './operator.js';

/** RESHAPE, SQUEEZE and EXPAND_DIMS: the same values in the order of the file, under the shape that the file states for the output. */
export const reshape: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  if (sizeOf(input.shape) !== sizeOf(output.shape)) {
    throw refused(`${operator.name} from [${input.shape.join(', ')}] to [${output.shape.join(', ')}]`);
  }
  // An image of one place or one channel needs no turning.
  const layout = input.shape.length === 4 && isNeutral(input.shape) ? writer.layout(input) : 'channels-last';
  const shape = writer.integers(output.shape);
  writer.moved(input, output, output.shape, [layout, 'channels-last'], (name) => writer.emit('Reshape', [name, shape], output.name));
};

export const transpose: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  const rank = input.shape.length;
  const perm = writer.integersOf(inputOf(writer, operator, 1), 'the order of TRANSPOSE').map((axis) => axisOf(axis, rank, 'TRANSPOSE'));
  if (perm.length !== rank || new Set(perm).size !== rank) throw refused(`TRANSPOSE of ${rank} dimensions to ${perm.join()}`);
  const shape = reordered(input.shape, perm);
  writer.moved(input, output, shape, ['channels-last', 'channels-last'], (name) => writer.emit('Transpose', [name], output.name, { perm }));
};

/** PAD, with zeros. */
export const pad: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  const amounts = writer.integersOf(inputOf(writer, operator, 1), 'the amounts of PAD');
  const rank = input.shape.length;
  if (amounts.length !== 2 * rank || amounts.some((amount) => amount < 0)) throw refused(`PAD of ${rank} dimensions by ${amounts.join()}`);
  const [before, after] = [0, 1].map((end) => input.shape.map((_, axis) => amounts[2 * axis + end] ?? 0)) as [number[], number[]];
  const layout = writer.layout(input);
  const pads = writer.integers([...inLayout(before, layout), ...inLayout(after, layout)]);
  const shape = input.shape.map((dim, axis) => dim + (before[axis] ?? 0) + (after[axis] ?? 0));
  const bytes = bytesOf(input);
  // Zero is a byte of its own where the operator runs on bytes.
  const zero = bytes !== null && sameBytes(bytes, bytesOf(output)) ? writer.parameters(bytes)[1] : writer.number(0);
  writer.moved(input, output, shape, [layout, layout], (name) => writer.emit('Pad', [name, pads, zero], output.name));
};

export const concatenation: Operator = (writer, operator) => {
  const output = outputOf(writer, operator);
  const inputs = operator.inputs.map((_, place) => inputOf(writer, operator, place));
  const rank = output.shape.length;
  const axis = axisOf(option(operator, 'axis'), rank, operator.name);
  for (const { shape } of inputs) {
    const fits = shape.length === rank && shape.every((dim, i) => i === axis || dim === output.shape[i]);
    if (!fits) throw refused(`CONCATENATION of [${shape.join(', ')}] to [${output.shape.join(', ')}] along dimension ${axis}`);
  }
  const shape = output.shape.map((dim, i) => (i === axis ? inputs.reduce((sum, each) => sum + (each.shape[i] ?? 0), 0) : dim));
  const layout: Layout = inputs.some((each) => writer.layout(each) === 'channels-first') ? 'channels-first' : 'channels-last';
  const join = (names: readonly string[]): string => writer.emit('Concat', names, output.name, { axis: axisIn(axis, layout) });
  const activation = option(operator, 'activation');
  const alike = activation === 0 && inputs.every((each) => sameBytes(bytesOf(each), bytesOf(output)));
  if (alike) writer.store(output, join(inputs.map((each) => writer.stored(each, layout))), shape, layout);
  else writer.result(output, join(inputs.map((each) => writer.float(each, layout))), shape, layout, activation);
};

/** A part of each dimension, every so manieth; a bit of a mask a dimension says that an end is not given. */
export const stridedSlice: Operator = (writer, operator) => {
  const [input, output] = [inputOf(writer, operator, 0), outputOf(writer, operator)];
  for (const form of ['ellipsisMask', 'newAxisMask', 'offset']) {
    if (option(operator, form) !== 0) throw refused(`STRIDED_SLICE with ${form}`);
  }
  const parts = input.shape.map((size, axis) => partOf(writer, operator, input, size, axis));
  const dropped = parts.flatMap(({ drop }, axis) => (drop ? [axis] : []));
  const layout: Layout = dropped.length === 0 ? writer.layout(input) : 'channels-last';
  const numbers = (pick: (part: Part) => number): string => writer.integers(inLayout(parts, layout).map(pick));
  const axes = writer.integers(parts.map((_, axis) => axis));
  const slice = (name: string): string => {
    const ends = [numbers(({ begin }) => begin), numbers(({ end }) => end), axes, numbers(({ stride }) => stride)];
    const cut = writer.emit('Slice', [name, ...ends], output.name);
    return dropped.length === 0 ? cut : writer.emit('Squeeze', [cut, writer.integers(dropped)], output.name);
  };
  const shape = parts.filter(({ drop }) => !drop).map(({ count }) => count);
  writer.moved(input, output, shape, [layout, layout], slice);
};

interface Part {
  readonly begin: number;
  /** First place not taken; for a stride back, the smallest number ONNX has when the first place is taken. */
  readonly end: number;
  readonly stride: number;
  readonly count: number;
  /** Whether the dimension goes, with the one place that was taken. */
  readonly drop: boolean;
}

function partOf(writer: GraphWriter, operator: TfliteOperator, input: TfliteTensor, size: number, axis: number): Part {
  const given = (place: number): number | undefined => {
    const numbers = writer.integersOf(inputOf(writer, operator, place), 'the ends of STRIDED_SLICE');
    if (numbers.length > input.shape.length) throw refused(`STRIDED_SLICE of ${called(input)} with ${numbers.length} ends`);
    return numbers[axis];
  };
  const bit = (mask: string): boolean => ((option(operator, mask) >> axis) & 1) === 1;
  const whole = { begin: 0, end: size, stride: 1, count: size, drop: false };
  const stride = given(3);
  if (stride === undefined) return whole;
  const drop = bit('shrinkAxisMask');
  if (stride === 0 || (drop && stride !== 1)) throw refused(`STRIDED_SLICE with a stride of ${stride}`);
  const [least, most] = stride > 0 ? [0, size] : [-1, size - 1];
  const place = (end: number): number => Math.min(Math.max(end < 0 ? end + size : end, least), most);
  const begin = bit('beginMask') ? (stride > 0 ? 0 : size - 1) : place(given(1) ?? 0);
  const end = drop ? begin + 1 : bit('endMask') ? (stride > 0 ? size : -1) : place(given(2) ?? size);
  const count = Math.max(0, Math.ceil((end - begin) / stride));
  return { begin, end: end < 0 ? -(2 ** 31) : end, stride, count, drop };
}
