/**
 * Writes the ONNX graph tensor by tensor: the part of the importer that knows no operator.
 *
 * Guarantees: a tensor is stored once for each layout it is needed in, as bytes when the file has it quantized, else in float; every operator's
 * output is checked against the shape the file states for it, so that no step is built on a wrong one; names are free and the same on every run.
 */
import { limits } from '../../../core/limits.js';
import { dataType, type OnnxNode, type OnnxTensor } from '../../onnx/model.js';
import { nodeOf, type PlainValue, tensorOf } from '../../onnx/values.js';
import { inLayout, isNeutral, type Layout, permuted, sizeOf, toFirst, toLast } from './layout.js';
import type { TfliteModel, TfliteTensor } from './model.js';
import { type Bytes, byteAt, bytesOf, called, refused, sameBytes } from './quantized.js';

/** Bounds of the fused activations (`enum ActivationFunctionType`) that only cut. */
const bounds: Readonly<Record<number, readonly [number, number]>> = {
  0: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  1: [0, Number.POSITIVE_INFINITY],
  2: [-1, 1],
  3: [0, 6],
};

/** Characters of a tensor's name that its ONNX names begin with: converters chain the names of all they have fused. */
const stemChars = 64;

/**
 * A step is taken to be smaller by this part, so that a mean halfway between two bytes is a little beyond the middle: 16 times what float32
 * cannot tell apart, and too little (128 times it is 1.2e-4) to reach a middle from any other mean of up to 4000 bytes.
 */
const halfwayNudge = 2 ** -20;

export class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #model: TfliteModel;
  /** Names of what is stored, by tensor and layout. */
  readonly #stored = new Map<string, string>();
  readonly #layouts = new Map<number, Layout>();
  readonly #constants = new Map<string, string>();
  readonly #names: Set<string>;
  #count = 0;
  #left: number = limits.tfliteConstantBytesMax;

  /** `reserved` are names that only inputs and outputs may have. */
  constructor(model: TfliteModel, reserved: Iterable<string>) {
    this.#model = model;
    this.#names = new Set(reserved);
  }

  tensor(index: number | undefined): TfliteTensor {
    const tensor = index === undefined ? undefined : this.#model.tensors[index];
    if (tensor === undefined) throw refused('an operator lacks an input or an output');
    return tensor;
  }

  // ------------------------------------------------------------ names and nodes

  fresh(stem: string): string {
    let name = stem.split(';', 1)[0]?.slice(0, stemChars) || 'tensor';
    const first = name;
    while (this.#names.has(name)) name = `${first}_${this.#count++}`;
    this.#names.add(name);
    return name;
  }

  emit(op: string, inputs: readonly string[], stem: string, attributes: Readonly<Record<string, PlainValue>> = {}): string {
    const output = this.fresh(stem);
    this.nodes.push(nodeOf(op, inputs, [output], attributes));
    return output;
  }

  /** A constant that is written once however often it is asked for under one key; `make` is only called the first time. */
  constant(key: string, stem: string, make: () => Parameters<typeof tensorOf>[1], dims: readonly number[]): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.fresh(stem);
    this.#constants.set(key, name);
    this.#add(tensorOf(name, make(), dims));
    return name;
  }

  /** What `write` writes and answers the name of, written once however often it is asked for under one key. */
  once(key: string, write: () => string): string {
    const name = this.#constants.get(key) ?? write();
    this.#constants.set(key, name);
    return name;
  }

  /** Keeps a small file from becoming a large graph, by many operators that each want a copy of the same numbers. */
  #add(tensor: OnnxTensor): void {
    this.#left -= tensor.data.length;
    if (this.#left < 0) throw refused(`its graph would have constants of more than ${limits.tfliteConstantBytesMax} bytes`);
    this.initializers.push(tensor);
  }

  number(value: number): string {
    return this.constant(`number ${Object.is(value, -0) ? '-0' : value}`, 'number', () => Float32Array.of(value), []);
  }

  integers(values: readonly number[]): string {
    return this.constant(`integers ${values.join()}`, 'integers', () => BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** The last inputs of QuantizeLinear and DequantizeLinear. */
  parameters({ scale, zero }: Bytes): readonly [string, string] {
    return [this.number(scale), this.constant(`byte ${zero}`, 'zero', () => Uint8Array.of(zero), [])];
  }

  // ------------------------------------------------------------ what tensors are stored as

  /** The layout a tensor is stored in; channels-last when in both, or a constant. */
  layout(tensor: TfliteTensor): Layout {
    return this.#layouts.get(tensor.index) ?? 'channels-last';
  }

  /** Says that `name` holds a tensor: its bytes when it is quantized, its floats else. `shape` is that of the channels-last tensor. */
  store(tensor: TfliteTensor, name: string, shape: readonly number[], layout: Layout): void {
    if (tensor.shape.join() !== shape.join()) {
      throw refused(`${called(tensor)} is stated as [${tensor.shape.join(', ')}], and computed as [${shape.join(', ')}]`);
    }
    if (this.#layouts.has(tensor.index) || tensor.data !== null) throw refused(`${called(tensor)} is computed twice`);
    this.#layouts.set(tensor.index, layout);
    this.#stored.set(`${tensor.index} ${layout}`, name);
  }

  /** The name of a tensor's bytes, when it is quantized, or of its floats. */
  stored(tensor: TfliteTensor, layout: Layout): string {
    const known = this.#stored.get(`${tensor.index} ${layout}`);
    if (known !== undefined) return known;
    const held = this.#layouts.get(tensor.index);
    const name = held === undefined ? this.#constantOf(tensor, layout) : this.#turned(tensor, held, layout);
    this.#stored.set(`${tensor.index} ${layout}`, name);
    return name;
  }

  #turned(tensor: TfliteTensor, held: Layout, layout: Layout): string {
    const source = this.#stored.get(`${tensor.index} ${held}`) ?? '';
    const shape = inLayout(tensor.shape, layout);
    if (isNeutral(tensor.shape)) return this.emit('Reshape', [source, this.integers(shape)], tensor.name);
    return this.emit('Transpose', [source], tensor.name, { perm: layout === 'channels-first' ? toFirst : toLast });
  }

  /** A constant that takes part as an activation does. */
  #constantOf(tensor: TfliteTensor, layout: Layout): string {
    const { data, shape } = tensor;
    const bytes = bytesOf(tensor);
    if (data === null) throw refused(`${called(tensor)} has no data, and nothing computes it`);
    const turned = layout === 'channels-first' ? permuted(data, shape, toFirst, bytes === null ? 4 : 1) : Uint8Array.from(data);
    if (bytes !== null && tensor.type === 'INT8') for (const [i, byte] of turned.entries()) turned[i] = byte ^ 128;
    const elements = bytes === null ? new Float32Array(turned.buffer) : turned;
    return this.constant(`tensor ${tensor.index} ${layout}`, tensor.name, () => elements, inLayout(shape, layout));
  }

  /** The name of a tensor's values in float. Each user gets a DequantizeLinear of its own: the runtime fuses it into that user. */
  float(tensor: TfliteTensor, layout: Layout): string {
    const bytes = bytesOf(tensor);
    const name = this.stored(tensor, layout);
    return bytes === null ? name : this.emit('DequantizeLinear', [name, ...this.parameters(bytes)], `${name}_float`);
  }

  // ------------------------------------------------------------ results of operators

  /** Takes an operator's result in float for `tensor`: cuts it as the fused activation says, quantizes it when the file does. */
  result(tensor: TfliteTensor, float: string, shape: readonly number[], layout: Layout, activation = 0): void {
    const bytes = bytesOf(tensor);
    const cut = this.#cut(tensor, float, bytes, activation);
    const name = bytes === null ? cut : this.emit('QuantizeLinear', [cut, ...this.parameters(bytes)], tensor.name);
    this.store(tensor, name, shape, layout);
  }

  /** Bytes cut by themselves at 0 and 255: an activation whose bounds lie there, as mostly, costs nothing. */
  #cut(tensor: TfliteTensor, float: string, bytes: Bytes | null, activation: number): string {
    const found = bounds[activation];
    if (found === undefined)
      throw refused(`${called(tensor)} has fused activation ${activation}; none, RELU, RELU_N1_TO_1 and RELU6 are understood`);
    const [low, high] = found;
    const free = bytes === null ? [low < -1, high > 6] : [byteAt(low, bytes) <= 0, byteAt(high, bytes) >= 255];
    if (free[0] === true && free[1] === true) return float;
    if (low === 0 && free[1] === true) return this.emit('Relu', [float], `${tensor.name}_relu`);
    const limit = (value: number): string => (Number.isFinite(value) ? this.number(value) : '');
    return this.emit('Clip', [float, limit(low), limit(high)], `${tensor.name}_clip`);
  }

  /**
   * An operator that only moves values: over bytes as they stand when both tensors mean the same by them, else over floats.
   * `move` writes it and answers its output.
   */
  moved(
    from: TfliteTensor,
    to: TfliteTensor,
    shape: readonly number[],
    layouts: readonly [Layout, Layout],
    move: (name: string) => string,
  ): void {
    const [source, target] = layouts;
    if (sameBytes(bytesOf(from), bytesOf(to))) this.store(to, move(this.stored(from, source)), shape, target);
    else this.result(to, move(this.float(from, source)), shape, target);
  }

  /**
   * An operator that takes means. Between tensors of one scale it runs over the stored numbers themselves, whose sums are exact, so that
   * their means fall to the same byte on every machine; those halfway between two go away from zero, as TFLite's kernels have it.
   */
  mean(
    from: TfliteTensor,
    to: TfliteTensor,
    shape: readonly number[],
    layouts: readonly [Layout, Layout],
    write: (name: string) => string,
  ): void {
    const bytes = bytesOf(from);
    if (bytes === null || !sameBytes(bytes, bytesOf(to))) {
      this.result(to, write(this.float(from, layouts[0])), shape, layouts[1]);
      return;
    }
    // What TFLite takes for zero here is the middle of signed bytes, whatever the tensor's own zero point.
    const zero = from.type === 'INT8' ? 128 : 0;
    const stored = this.stored(from, layouts[0]);
    const float = write(this.emit('DequantizeLinear', [stored, ...this.parameters({ scale: 1, zero })], `${stored}_steps`));
    const away = this.parameters({ scale: 1 - halfwayNudge, zero });
    this.store(to, this.emit('QuantizeLinear', [float, ...away], to.name), shape, layouts[1]);
  }

  /** The numbers of a constant INT32 or INT64 tensor, such as the axes of a MEAN. */
  integersOf(tensor: TfliteTensor, what: string): number[] {
    const { data, type } = tensor;
    if (data === null || (type !== 'INT32' && type !== 'INT64'))
      throw refused(`${what} are ${called(tensor)}, ${type} and not constant INT32`);
    const count = sizeOf(tensor.shape);
    if (count > 2 * limits.onnxRankMax) throw refused(`${what} are ${count} numbers`);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const read = (i: number): number => (type === 'INT32' ? view.getInt32(i * 4, true) : Number(view.getBigInt64(i * 8, true)));
    return Array.from({ length: count }, (_, i) => read(i));
  }

  /** An initializer of a type that is no element of `tensorOf`. Takes the bytes over. */
  halfConstant(tensor: TfliteTensor, data: Uint8Array): string {
    const name = this.fresh(tensor.name);
    this.#add({ name, type: dataType.float16, dims: [...tensor.shape], data, external: false, rest: [] });
    return name;
  }
}
