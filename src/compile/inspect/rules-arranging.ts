/** Shape rules of the operators that move elements about: Reshape, Slice, Concat, Resize and the like. Also the numbers they pass on. */
import { dataType } from '../onnx/model.js';
import { intOf, intsOf } from '../onnx/values.js';
import { axisOf, elements, type Fact, fact, factOf, product, type Shape, type Size, unknown, withSize } from './facts.js';
import type { Call, Rule } from './rule.js';

/** From an attribute in old opsets, from an input in new ones; null when neither says it. */
function told({ node, inputs }: Call, attribute: string, input: number): readonly number[] | null {
  return intsOf(node, attribute) ?? inputs[input]?.value ?? null;
}

/** It is told at run time only: not even the outcome's rank is known. */
function toldLater({ node, inputs }: Call, attribute: string, input: number): boolean {
  return intsOf(node, attribute) === null && (node.inputs[input] ?? '') !== '' && (inputs[input]?.value ?? null) === null;
}

const reshape: Rule = (call) => {
  const [x = unknown, target = unknown] = call.inputs;
  const wanted = told(call, 'shape', 1);
  if (wanted === null) {
    const rank = target.shape?.length === 1 ? target.shape[0] : null;
    return [fact(x.type, typeof rank === 'number' && rank <= 16 ? new Array<Size>(rank).fill(null) : null)];
  }
  const keepsZero = intOf(call.node, 'allowzero', 0) === 1;
  const shape: Size[] = wanted.map((size, i) => (size === 0 && !keepsZero ? (x.shape?.[i] ?? null) : size));
  const open = shape.indexOf(-1);
  if (open === -1) return [fact(x.type, shape, x.value)];
  const known = product(withSize(shape, open, 1));
  const all = elements(x.shape);
  return [fact(x.type, withSize(shape, open, known === null || known === 0 || all === null ? null : all / known), x.value)];
};

const flatten: Rule = ({ node, inputs: [x = unknown] }) => {
  if (x.shape === null) return [fact(x.type, [null, null])];
  const axis = intOf(node, 'axis', 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  return [fact(x.type, [product(x.shape.slice(0, at)), product(x.shape.slice(at))])];
};

const transpose: Rule = ({ node, inputs: [x = unknown] }) => {
  const { shape, value } = x;
  if (shape === null) return [fact(x.type, null)];
  const order = intsOf(node, 'perm') ?? shape.map((_, axis) => shape.length - 1 - axis);
  const turned = order.map((axis) => shape[axis] ?? null);
  const flips = shape.length === 2 && order[0] === 1;
  return [fact(x.type, turned, shape.length < 2 ? value : flips && value !== null ? columnsFirst(value, shape[1] ?? 0) : null)];
};

function columnsFirst(value: readonly number[], columns: number): number[] {
  const rows = columns === 0 ? 0 : value.length / columns;
  return value.map((_, i) => value[(i % rows) * columns + Math.floor(i / rows)] ?? 0);
}

const concat: Rule = ({ node, inputs }) => {
  const [first = unknown] = inputs;
  const axis = first.shape === null ? undefined : axisOf(intOf(node, 'axis', 0), first.shape.length);
  if (first.shape === null || axis === undefined) return [fact(first.type, null)];
  const sizes = inputs.map(({ shape }) => shape?.[axis] ?? null);
  const total = sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  const values = inputs.every(({ value, shape }) => value !== null && shape?.length === 1);
  return [
    fact(
      first.type,
      withSize(first.shape, axis, total),
      values && (total ?? 1e9) <= 64 ? inputs.flatMap(({ value }) => value ?? []) : null,
    ),
  ];
};

const split: Rule = (call) => {
  const [x = unknown] = call.inputs;
  const axis = x.shape === null ? undefined : axisOf(intOf(call.node, 'axis', 0), x.shape.length);
  const { shape } = x;
  if (shape === null || axis === undefined) return call.node.outputs.map(() => fact(x.type, null));
  const sizes = told(call, 'split', 1);
  const count = call.node.outputs.length;
  const whole = shape[axis] ?? null;
  const part = whole === null ? null : Math.ceil(whole / count);
  const equal = (i: number): Size => (whole === null || part === null ? null : Math.min(part, whole - i * part));
  return call.node.outputs.map((_, i) => fact(x.type, withSize(shape, axis, sizes === null ? equal(i) : (sizes[i] ?? null))));
};

const slice: Rule = (call) => {
  const [x = unknown] = call.inputs;
  const [starts, ends] = [told(call, 'starts', 1), told(call, 'ends', 2)];
  if (x.shape === null) return [fact(x.type, null)];
  if (starts === null || ends === null || toldLater(call, 'axes', 3))
    return [
      fact(
        x.type,
        x.shape.map(() => null),
      ),
    ];
  const axes = told(call, 'axes', 3) ?? starts.map((_, i) => i);
  const steps = call.inputs[4]?.value ?? null;
  let shape: Shape = x.shape;
  let value = x.value;
  for (const [i, given] of axes.entries()) {
    const axis = axisOf(given, shape.length);
    if (axis === undefined) return [fact(x.type, null)];
    const step = steps?.[i] ?? (toldLater(call, 'steps', 4) ? Number.NaN : 1);
    const range = rangeOf(starts[i] ?? 0, ends[i] ?? 0, step, shape[axis] ?? null);
    value = value === null || range === null ? null : picked(value, shape, axis, range);
    shape = withSize(shape, axis, range?.count ?? null);
  }
  return [fact(x.type, shape, value)];
};

interface Range {
  readonly from: number;
  readonly step: number;
  readonly count: number;
}

/** As NumPy slices: negative positions count from the end, what lies outside is cut off. */
function rangeOf(start: number, end: number, step: number, size: Size): Range | null {
  if (size === null || Number.isNaN(step) || step === 0) return null;
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const place = (position: number): number => Math.min(Math.max(position < 0 ? position + size : position, low), high);
  const from = place(start);
  // Minus infinity, as the way back to the first element is written, is no position from the end.
  const to = step < 0 && end < -size ? -1 : place(end);
  return { from, step, count: Math.max(0, Math.ceil((to - from) / step)) };
}

/** A slice of few elements along one axis. */
function picked(value: readonly number[], shape: Shape, axis: number, { from, step, count }: Range): number[] {
  const inner = product(shape.slice(axis + 1)) ?? 0;
  const size = shape[axis] ?? 0;
  const outer = size === 0 || inner === 0 ? 0 : value.length / (size * inner);
  return Array.from({ length: outer * count * inner }, (_, i) => {
    const place = from + (Math.floor(i / inner) % count) * step;
    return value[(Math.floor(i / (inner * count)) * size + place) * inner + (i % inner)] ?? 0;
  });
}

const gather: Rule = ({ node, inputs: [x = unknown, indices = unknown] }) => {
  if (x.shape === null || indices.shape === null) return [fact(x.type, null)];
  const axis = axisOf(intOf(node, 'axis', 0), x.shape.length);
  if (axis === undefined) return [fact(x.type, null)];
  const from = x.shape.length === 1 ? x.value : null;
  const value = from === null ? null : (indices.value?.map((index) => from.at(index) ?? 0) ?? null);
  return [fact(x.type, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], value)];
};

/** The last dimension of the indices is a place in the first dimensions of x, after `batch_dims` that both have. */
const gatherND: Rule = ({ node, inputs: [x = unknown, indices = unknown] }) => {
  const depth = indices.shape?.at(-1);
  if (x.shape === null || indices.shape === null || typeof depth !== 'number') return [fact(x.type, null)];
  return [fact(x.type, [...indices.shape.slice(0, -1), ...x.shape.slice(intOf(node, 'batch_dims', 0) + depth)])];
};

const squeeze: Rule = (call) => {
  const [x = unknown] = call.inputs;
  const { shape } = x;
  if (shape === null || toldLater(call, 'axes', 1)) return [fact(x.type, null, x.value)];
  const axes = told(call, 'axes', 1)?.map((axis) => axisOf(axis, shape.length));
  if (axes === undefined && shape.includes(null)) return [fact(x.type, null, x.value)];
  return [
    fact(
      x.type,
      shape.filter((size, i) => (axes === undefined ? size !== 1 : !axes.includes(i))),
      x.value,
    ),
  ];
};

const unsqueeze: Rule = (call) => {
  const [x = unknown] = call.inputs;
  const given = told(call, 'axes', 1);
  if (x.shape === null || given === null || given.length + x.shape.length > 16) return [fact(x.type, null, x.value)];
  const rank = x.shape.length + given.length;
  const axes = new Set(given.map((axis) => axisOf(axis, rank)));
  const old = [...x.shape];
  return [
    fact(
      x.type,
      Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : (old.shift() ?? null))),
      x.value,
    ),
  ];
};

const expand: Rule = ({ inputs: [x = unknown, target = unknown] }) => {
  if (x.shape === null || target.value === null) return [fact(x.type, null)];
  const wanted = target.value;
  const rank = Math.max(x.shape.length, wanted.length);
  const pad = (sizes: Shape): Shape => [...new Array<Size>(rank - sizes.length).fill(1), ...sizes];
  const [own, asked] = [pad(x.shape), pad(wanted)];
  return [
    fact(
      x.type,
      own.map((size, i) => (asked[i] === 1 ? size : (asked[i] ?? null))),
    ),
  ];
};

const tile: Rule = ({ inputs: [x = unknown, repeats = unknown] }) => [
  fact(x.type, x.shape?.map((size, i) => (size === null || repeats.value === null ? null : size * (repeats.value[i] ?? 1))) ?? null),
];

const pad: Rule = (call) => {
  const [x = unknown] = call.inputs;
  const { shape } = x;
  const pads = told(call, 'pads', 1);
  if (shape === null) return [fact(x.type, null)];
  if (pads === null || toldLater(call, 'axes', 3))
    return [
      fact(
        x.type,
        shape.map(() => null),
      ),
    ];
  const axes = call.inputs[3]?.value ?? shape.map((_, i) => i);
  const half = pads.length / 2;
  return [
    fact(
      x.type,
      shape.map((size, i) => {
        const at = axes.findIndex((axis) => axisOf(axis, shape.length) === i);
        return size === null || at === -1 ? size : size + (pads[at] ?? 0) + (pads[at + half] ?? 0);
      }),
    ),
  ];
};

const resize: Rule = ({ node, inputs }) => {
  const [x = unknown] = inputs;
  const sizes = node.op === 'Resize' ? inputs[3]?.value : null;
  if (sizes && sizes.length > 0 && x.shape !== null) {
    const axes = intsOf(node, 'axes');
    return [
      fact(
        x.type,
        axes === null
          ? sizes
          : x.shape.map((size, i) => {
              const at = axes.indexOf(i);
              return at === -1 ? size : (sizes[at] ?? null);
            }),
      ),
    ];
  }
  // Resize of opset 10 and Upsample have the scales where later ones have the region.
  const attribute = node.attributes.get('scales');
  const scales = attribute?.kind === 'floats' ? attribute.value : inputs[node.inputs.length === 2 ? 1 : 2]?.value;
  return [fact(x.type, x.shape?.map((size, i) => (size === null || !scales ? null : Math.floor(size * (scales[i] ?? 1)))) ?? null)];
};

const depthToSpace: Rule = ({ node, inputs: [x = unknown] }) => {
  const [n = null, c = null, h = null, w = null] = x.shape ?? [];
  const block = intOf(node, 'blocksize', 1);
  const [less, more] = node.op === 'DepthToSpace' ? [block * block, block] : [1 / (block * block), 1 / block];
  return [fact(x.type, [n, c === null ? null : c / less, h === null ? null : h * more, w === null ? null : w * more])];
};

const shapeOf: Rule = ({ node, inputs: [x = unknown] }) => {
  if (x.shape === null) return [fact(dataType.int64, [null])];
  const part = x.shape.slice(intOf(node, 'start', 0), node.attributes.has('end') ? intOf(node, 'end', 0) : undefined);
  return [fact(dataType.int64, [part.length], part.every((size) => size !== null) ? part : null)];
};

const constantOfShape: Rule = ({ node, inputs: [wanted = unknown] }) => {
  const attribute = node.attributes.get('value');
  const filling = attribute?.kind === 'tensor' ? factOf(attribute.value) : null;
  const count = wanted.value === null ? null : product(wanted.value);
  const fill = filling?.value?.[0] ?? 0;
  const value = count !== null && count <= 64 ? new Array<number>(count).fill(fill) : null;
  return [fact(filling?.type ?? dataType.float32, wanted.value, value)];
};

const range: Rule = ({ inputs: [start = unknown, limit = unknown, delta = unknown] }) => {
  const [from, to, by] = [start.value?.[0], limit.value?.[0], delta.value?.[0]];
  const count = from === undefined || to === undefined || by === undefined ? null : Math.max(0, Math.ceil((to - from) / by));
  return [fact(start.type, [count])];
};

const constant: Rule = ({ node }) => [constantFact(node.attributes)];

function constantFact(attributes: Call['node']['attributes']): Fact {
  for (const [name, attribute] of attributes) {
    if (name === 'value' && attribute.kind === 'tensor') return factOf(attribute.value);
    if (attribute.kind === 'int') return fact(dataType.int64, [], [Number(attribute.value)]);
    if (attribute.kind === 'ints') return fact(dataType.int64, [attribute.value.length], attribute.value.slice(0, 65).map(Number));
    if (attribute.kind === 'float') return fact(dataType.float32, [], [attribute.value]);
    if (attribute.kind === 'floats') return fact(dataType.float32, [attribute.value.length], attribute.value);
    if (attribute.kind === 'string') return fact(dataType.string, []);
    if (attribute.kind === 'strings') return fact(dataType.string, [attribute.value.length]);
  }
  return unknown;
}

const topK: Rule = ({ node, inputs: [x = unknown, k] }) => {
  const count = node.attributes.has('k') ? intOf(node, 'k', 0) : (k?.value?.[0] ?? null);
  const axis = x.shape === null ? undefined : axisOf(intOf(node, 'axis', -1), x.shape.length);
  const shape = x.shape === null || axis === undefined ? null : withSize(x.shape, axis, count);
  return [fact(x.type, shape), fact(dataType.int64, shape)];
};

const oneHot: Rule = ({ node, inputs: [indices = unknown, depth = unknown, values = unknown] }) => {
  if (indices.shape === null) return [fact(values.type, null)];
  const axis = axisOf(intOf(node, 'axis', -1), indices.shape.length + 1) ?? 0;
  return [fact(values.type, indices.shape.toSpliced(axis, 0, depth.value?.[0] ?? null))];
};

export const arrangingRules: Readonly<Record<string, Rule>> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherND: gatherND,
  GatherElements: ({ inputs: [x = unknown, indices = unknown] }) => [fact(x.type, indices.shape)],
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Resize: resize,
  Upsample: resize,
  DepthToSpace: depthToSpace,
  SpaceToDepth: depthToSpace,
  Shape: shapeOf,
  ConstantOfShape: constantOfShape,
  Range: range,
  Constant: constant,
  TopK: topK,
  OneHot: oneHot,
};
