/**
 * The ONNX graph as it grows.
 *
 * TensorFlow keeps images NHWC, ONNX's convolutions want NCHW: an operator asks for a tensor in the layout it needs, and a Transpose is written
 * only where nobody has asked before. Constants are transposed as data. So a chain of convolutions has none inside.
 *
 * Guarantees: the same calls give the same graph; every tensor has one name, taken from the node that asked for it; what is written stays
 * within `limits.importWeightBytesMax`.
 */
import { limits } from '../../../core/limits.js';
import { Graph } from '../../graph.js';
import { dataType, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValue } from '../../onnx/model.js';
import { nodeOf, tensorOf } from '../../onnx/values.js';
import { invalid } from './unsuited.js';
import { checkedShape, count, type Elements, type ElementType, type Layout, toNchw, toNhwc, transposed, type Value } from './value.js';

type Attributes = Parameters<typeof nodeOf>[3];

/** What a tensor inside the graph is; at its borders whole numbers are int32. */
const carriers = { float32: dataType.float32, int32: dataType.int64, bool: dataType.bool } as const;
const border = { float32: dataType.float32, int32: dataType.int32, bool: dataType.bool } as const;

/** The first operator set with ReduceSum and Squeeze as they are used here. */
const opset = 13;
const irVersion = 7;

export class Builder {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxTensor[] = [];
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: { readonly value: Value; readonly name: string; readonly source: string }[] = [];
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();
  /** Small constants by what they hold. */
  readonly #shared = new Map<string, string>();
  #bytes = 0;
  #stem = 'tensor';

  /** Names given to the borders of the model: nothing inside takes them. */
  reserve(names: readonly string[]): void {
    for (const name of names) this.#taken.add(name);
  }

  /** What follows is named after this node. */
  startNode(name: string): void {
    this.#stem = name;
  }

  /** Declares an input, NHWC; its name must be reserved. */
  input(name: string, shape: readonly number[], type: ElementType): Value {
    this.#inputs.push(statedValue(name, border[type], checkedShape(shape)));
    if (type !== 'int32') return { shape, type, names: new Map([['nhwc', name]]) };
    const wide = this.emit('Cast', [name], { to: dataType.int64 });
    return { shape, type, names: new Map([['nhwc', wide]]), narrow: name };
  }

  /** Gives a value out under a reserved name, NHWC. */
  output(value: Value, name: string): void {
    const narrowed =
      value.type === 'int32' ? (value.narrow ?? this.emit('Cast', [this.tensor(value)], { to: dataType.int32 })) : this.tensor(value);
    this.#outputs.push({ value, name, source: narrowed });
  }

  /** The ONNX tensor that holds a value, in the layout asked for. */
  tensor(value: Value, layout: Layout = 'nhwc'): string {
    const wanted = value.shape.length === 4 ? layout : 'nhwc';
    const known = value.names.get(wanted);
    if (known !== undefined) return known;
    const made = value.data === undefined ? this.#rearranged(value, wanted) : this.#constant(value.data, value.shape, wanted);
    value.names.set(wanted, made);
    return made;
  }

  /** The layout in which a value is at hand. */
  layoutOf(value: Value): Layout {
    return value.shape.length === 4 && value.names.has('nchw') ? 'nchw' : 'nhwc';
  }

  /** A value that the ONNX tensor `name` holds. */
  value(shape: readonly number[], type: ElementType, layout: Layout, name: string): Value {
    return { shape: checkedShape(shape), type, names: new Map([[shape.length === 4 ? layout : 'nhwc', name]]) };
  }

  /** Writes a node with one output and answers the output's name. An empty name is an input not given. */
  emit(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const [output = ''] = this.emitMany(op, inputs, attributes, 1);
    return output;
  }

  emitMany(op: string, inputs: readonly string[], attributes: Attributes, outputs: number): string[] {
    const names = Array.from({ length: outputs }, () => this.#fresh());
    this.#nodes.push(nodeOf(op, inputs, names, attributes));
    if (this.#nodes.length > limits.importNodesMax * 4) throw invalid(`it becomes more than ${limits.importNodesMax * 4} ONNX nodes`);
    return names;
  }

  /** A constant vector of int64: shapes, axes, pads. */
  integers(numbers: readonly number[], shape: readonly number[] = [numbers.length]): string {
    return this.#share(`i${shape.join()}:${numbers.join()}`, () => this.constant(Int32Array.from(numbers), shape));
  }

  /** A constant scalar of float32. */
  number(value: number): string {
    return this.#share(`f${Object.is(value, -0) ? '-0' : value}`, () => this.constant(Float32Array.of(value), []));
  }

  /** Writes a constant as it is, in the dimensions given; takes the elements over. */
  constant(data: Elements, shape: readonly number[]): string {
    const name = this.#fresh();
    const wide = data instanceof Int32Array ? BigInt64Array.from(data, BigInt) : data;
    this.#bytes += wide.byteLength;
    if (this.#bytes > limits.importWeightBytesMax)
      throw invalid(`its weights take more than ${limits.importWeightBytesMax} bytes as float32`);
    const tensor = tensorOf(name, wide, shape);
    if (data instanceof Uint8Array) tensor.type = dataType.bool;
    this.#initializers.push(tensor);
    return name;
  }

  /** The graph so far as a model, without what nothing needs, unused inputs included. */
  finish(): OnnxModel {
    const outputs = this.#nameOutputs();
    const model: OnnxModel = {
      irVersion,
      opsets: new Map([['', opset]]),
      graph: { name: 'tfjs', nodes: this.#nodes, initializers: this.#initializers, inputs: this.#inputs, outputs, values: [], rest: [] },
      functions: 0,
      rest: [],
    };
    new Graph(model).prune();
    const used = new Set(model.graph.nodes.flatMap((node) => node.inputs));
    model.graph.inputs = model.graph.inputs.filter(({ name }) => used.has(name));
    return model;
  }

  #share(key: string, make: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#shared.set(key, made);
    return made;
  }

  #fresh(): string {
    let name = this.#stem;
    for (let i = this.#next.get(this.#stem) ?? 1; this.#taken.has(name); i++) {
      name = `${this.#stem}_${i}`;
      this.#next.set(this.#stem, i + 1);
    }
    this.#taken.add(name);
    return name;
  }

  #constant(data: Elements, shape: readonly number[], layout: Layout): string {
    if (layout === 'nhwc') return this.constant(data, shape);
    const { data: moved, shape: dims } = transposed(data, shape, toNchw);
    return this.constant(moved, dims);
  }

  #rearranged(value: Value, wanted: Layout): string {
    const [n = 1, h = 1, w = 1, c = 1] = value.shape;
    const source = value.names.get(wanted === 'nchw' ? 'nhwc' : 'nchw') ?? '';
    // One pixel or one channel: the elements lie in the same order either way.
    if (h * w === 1 || c === 1) return this.emit('Reshape', [source, this.integers(wanted === 'nchw' ? [n, c, h, w] : value.shape)]);
    return this.emit('Transpose', [source], { perm: wanted === 'nchw' ? toNchw : toNhwc });
  }

  /** Renames the tensors that leave the graph; one that cannot be renamed is handed through an Identity. */
  #nameOutputs(): OnnxValue[] {
    const made = new Set(this.#nodes.flatMap(({ outputs }) => outputs));
    const renamed = new Map<string, string>();
    for (const { name, source } of this.#outputs) {
      if (made.has(source) && !renamed.has(source)) renamed.set(source, name);
      else this.#nodes.push(nodeOf('Identity', [renamed.get(source) ?? source], [name]));
    }
    const rename = (name: string): string => renamed.get(name) ?? name;
    for (const node of this.#nodes) {
      node.inputs = node.inputs.map(rename);
      node.outputs = node.outputs.map(rename);
      node.name = node.outputs[0] ?? '';
    }
    return this.#outputs.map(({ value, name }) => statedValue(name, border[value.type], value.shape));
  }
}

function statedValue(name: string, type: number, shape: readonly number[]): OnnxValue {
  return { name, type, shape: [...shape], otherType: null, rest: [] };
}

/** Of a value inside the graph; see `carriers`. */
export function castTo(builder: Builder, value: Value, type: ElementType): Value {
  if (value.type === type) return value;
  if (value.data !== undefined && count(value.shape) <= limits.importPartsMax) {
    const numbers = Array.from(value.data, (number) => (type === 'bool' ? Number(number !== 0) : number));
    const data =
      type === 'float32' ? Float32Array.from(numbers) : type === 'int32' ? Int32Array.from(numbers, Math.trunc) : Uint8Array.from(numbers);
    return { shape: value.shape, type, data, names: new Map() };
  }
  const layout = builder.layoutOf(value);
  const source = layout === 'nhwc' ? (value.narrow ?? builder.tensor(value, layout)) : builder.tensor(value, layout);
  return builder.value(value.shape, type, layout, builder.emit('Cast', [source], { to: carriers[type] }));
}
