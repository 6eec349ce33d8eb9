/**
 * A TFLite model as ONNX.
 *
 * Guarantees: the same function, up to the rounding of the last step where TFLite computes in integers; the same bytes in give the same model
 * on every machine; a model that is not understood whole is refused with the name of what was not. Inputs and outputs keep their names, their shapes
 * (channels last) and their meaning, and are float32 whatever they are in the file: tasks feed and read values, so that a float and a quantized
 * file of one model are used alike, and the step from values to bytes is in the graph, with the file's own scale. Quantized tensors stay bytes
 * in between (QuantizeLinear and DequantizeLinear around float operators, which runtimes fuse). Deliberately does not improve the graph: that is what the
 * passes are for.
 *
 * Source: the TFLite schema (schema.ts) and "TensorFlow Lite 8-bit quantization specification" (tensorflow.org/lite/performance/quantization_spec).
 */
import type { OnnxModel, OnnxValue } from '../../onnx/model.js';
import { dataType } from '../../onnx/model.js';
import { nodeOf } from '../../onnx/values.js';
import { GraphWriter } from './graph-writer.js';
import type { TfliteModel, TfliteOperator, TfliteTensor } from './model.js';
import { operators } from './operators/index.js';
import { bytesOf, refused } from './quantized.js';
import { readTflite } from './read-tflite.js';

/** The first with a scale a channel in DequantizeLinear, and the IR version that came with it, or soon after. */
const opset = 13;
const irVersion = 8;

export interface ImportOptions {
  /** Names of tensors to have as outputs, instead of the file's: what only others need is not looked at. */
  readonly outputs?: readonly string[] | undefined;
}

/** Throws MODEL_INVALID. `bytes` is not kept. */
export function importTflite(bytes: Uint8Array, options: ImportOptions = {}): OnnxModel {
  const model = readTflite(bytes);
  const outputs = outputsOf(model, options.outputs);
  const needed = neededFor(model, outputs);
  const inputs = [...new Set(model.inputs)].map((index) => named(model, index));
  if (inputs.length === 0 || outputs.length === 0) throw refused(`it has ${inputs.length} inputs and ${outputs.length} outputs`);
  checkNames([...inputs, ...outputs]);
  const writer = new GraphWriter(
    model,
    [...inputs, ...outputs].map(({ name }) => name),
  );
  for (const input of inputs) feed(writer, input);
  for (const operator of needed) {
    const write = Object.hasOwn(operators, operator.name) ? operators[operator.name] : undefined;
    if (write === undefined) throw refused(`${operator.name.slice(0, 80)} is not understood`);
    write(writer, operator);
  }
  for (const output of outputs) answer(writer, output);
  const { nodes, initializers } = writer;
  const value = ({ name, shape }: TfliteTensor): OnnxValue => ({
    name,
    type: dataType.float32,
    shape: [...shape],
    otherType: null,
    rest: [],
  });
  return {
    irVersion,
    opsets: new Map([['', opset]]),
    graph: { name: 'tflite', nodes, initializers, inputs: inputs.map(value), outputs: outputs.map(value), values: [], rest: [] },
    functions: 0,
    rest: [],
  };
}

/** A tensor that can be called by a caller. */
function named(model: TfliteModel, index: number): TfliteTensor {
  const tensor = model.tensors[index];
  if (tensor === undefined) throw refused(`tensor ${index} of ${model.tensors.length}`);
  return tensor.name === '' ? { ...tensor, name: `tensor_${index}` } : tensor;
}

function outputsOf(model: TfliteModel, names: readonly string[] | undefined): TfliteTensor[] {
  if (names === undefined) return [...new Set(model.outputs)].map((index) => named(model, index));
  return names.map((name) => {
    const found = model.tensors.filter((tensor) => tensor.name === name);
    const [tensor] = found;
    if (tensor === undefined || found.length > 1)
      throw refused(`${found.length} tensors are called "${name}", expected one to be the output`);
    return tensor;
  });
}

function checkNames(tensors: readonly TfliteTensor[]): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw refused(`two inputs or outputs are called "${name.slice(0, 80)}"`);
    names.add(name);
  }
}

/** The operators that outputs depend on, in the order of the file, which is one they can run in. */
function neededFor(model: TfliteModel, outputs: readonly TfliteTensor[]): TfliteOperator[] {
  const wanted = new Set(outputs.map(({ index }) => index));
  const needed: TfliteOperator[] = [];
  for (const operator of [...model.operators].reverse()) {
    if (!operator.outputs.some((index) => wanted.has(index))) continue;
    for (const index of operator.inputs) if (index !== -1) wanted.add(index);
    needed.push(operator);
  }
  return needed.reverse();
}

function feed(writer: GraphWriter, input: TfliteTensor): void {
  const bytes = bytesOf(input);
  const stored = bytes === null ? input.name : writer.emit('QuantizeLinear', [input.name, ...writer.parameters(bytes)], input.name);
  writer.store(input, stored, input.shape, 'channels-last');
}

/** Gives an output its name. */
function answer(writer: GraphWriter, output: TfliteTensor): void {
  const bytes = bytesOf(output);
  const stored = writer.stored(output, 'channels-last');
  const node =
    bytes === null
      ? nodeOf('Identity', [stored], [output.name])
      : nodeOf('DequantizeLinear', [stored, ...writer.parameters(bytes)], [output.name]);
  writer.nodes.push(node);
}
