/**
 * One operator at a time from float to int8.
 *
 * An entry answers whether it has written the node; if not, the node stays float. What is written is standard ONNX: operators between
 * DequantizeLinear and QuantizeLinear, which a runtime may fuse to integer kernels or run as it stands, and operators on the bytes
 * themselves where those suffice.
 */
import type { OnnxNode } from '../onnx/model.js';
import { byteOf } from './affine.js';
import { givenBytes } from './given-bytes.js';
import type { Int8Writer, View } from './int8-writer.js';
import { convolution, matrixProduct } from './linear-operators.js';
import { gateOf, keepsValues, onlyConvolutionsRead, scalarStep } from './patterns.js';

type Operator = (writer: Int8Writer, node: OnnxNode) => boolean;

const operators: Readonly<Record<string, Operator>> = {
  Conv: convolution,
  MatMul: matrixProduct,
  Gemm: matrixProduct,
  Add: sum,
  Mul: product,
  Relu: bounded,
  Clip: bounded,
  HardSigmoid: gate,
  Concat: concatenation,
  GlobalAveragePool: pooled,
  AveragePool: pooled,
  DequantizeLinear: givenBytes,
};

/** Writes a node in int8 if it can be. */
export function writeInt8(writer: Int8Writer, node: OnnxNode): boolean {
  if (node.domain !== '' || node.outputs.length !== 1) return false;
  if (keepsValues(node)) return moved(writer, node);
  return Object.hasOwn(operators, node.op) ? (operators[node.op]?.(writer, node) ?? false) : false;
}

function moved(writer: Int8Writer, node: OnnxNode): boolean {
  const [input = '', ...others] = node.inputs;
  const [output = ''] = node.outputs;
  const view = writer.view(input);
  if (view === undefined || view.offset !== 0 || writer.graph.constant(input) !== undefined) return false;
  for (const other of others) writer.ensureFloat(other);
  writer.setView(output, { ...view, tensor: writer.emitBytes(node.op, [view.tensor, ...others], output, node.attributes) });
  return true;
}

function pooled(writer: Int8Writer, node: OnnxNode): boolean {
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const view = writer.view(input);
  if (view === undefined || writer.plan.affine(output) === undefined) return false;
  return writer.emitQuantized(node, [writer.dequantize(view)], output);
}

/** Relu and Clip. Bytes at the ends are what they leave; else the bytes are clipped. */
function bounded(writer: Int8Writer, node: OnnxNode): boolean {
  const [input = '', lowName = '', highName = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const view = writer.view(input);
  if (view === undefined || view.offset !== 0) return false;
  const low = node.op === 'Relu' ? 0 : lowName === '' ? Number.NEGATIVE_INFINITY : writer.graph.scalar(lowName);
  const high = node.op === 'Relu' || highName === '' ? Number.POSITIVE_INFINITY : writer.graph.scalar(highName);
  if (low === undefined || high === undefined) return false;
  writer.setView(output, clipped(writer, view, byteOf(low, view), byteOf(high, view), output));
  return true;
}

function clipped(writer: Int8Writer, view: View, low: number, high: number, stem: string): View {
  if (low <= 0 && high >= 255) return view;
  const bound = (value: number): string => writer.graph.addConstant('bound', Uint8Array.of(value), []);
  return { ...view, tensor: writer.emitBytes('Clip', [view.tensor, bound(low), bound(high)], stem) };
}

/** The bytes of a gate are those of its input under another scale, when byte 0 is where it opens. */
function gate(writer: Int8Writer, node: OnnxNode): boolean {
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const shape = gateOf(node);
  const view = writer.view(input);
  if (shape === undefined || view === undefined || view.offset !== 0) return false;
  if (Math.abs(view.zero * view.scale - shape.span) > 1e-4 * shape.span) return false;
  const open = { tensor: view.tensor, scale: Math.fround(view.scale * shape.alpha), zero: 0, offset: 0 };
  writer.setView(output, clipped(writer, open, 0, byteOf(1, open), output));
  return true;
}

function sum(writer: Int8Writer, node: OnnxNode): boolean {
  return shifted(writer, node) || pairwise(writer, node, 2);
}

/** A gate in float may join: it is small, and its product is not. */
function product(writer: Int8Writer, node: OnnxNode): boolean {
  return scaled(writer, node) || pairwise(writer, node, 1);
}

/** `x + number`: the same bytes, and another byte means zero. */
function shifted(writer: Int8Writer, node: OnnxNode): boolean {
  const step = scalarStep(writer.graph, node);
  const [output = ''] = node.outputs;
  const view = writer.view(step?.input);
  if (step === undefined || view === undefined) return false;
  const bytes = Math.round(step.value / view.scale);
  const zero = view.zero - bytes;
  const offset = step.value - bytes * view.scale + view.offset;
  const taken = onlyConvolutionsRead(writer.graph, output, (user) => writer.plan.isFloat(user));
  const small = Math.abs(offset) < view.scale / 16;
  if (zero < 0 || zero > 255 || !(taken || small)) return false;
  writer.setView(output, { tensor: view.tensor, scale: view.scale, zero, offset: taken ? offset : 0 });
  return true;
}

/** `x * number`: the same bytes with another scale. */
function scaled(writer: Int8Writer, node: OnnxNode): boolean {
  const step = scalarStep(writer.graph, node);
  const [output = ''] = node.outputs;
  const view = writer.view(step?.input);
  if (step === undefined || view === undefined || view.offset !== 0 || step.value <= 0) return false;
  writer.setView(output, { ...view, scale: Math.fround(view.scale * step.value) });
  return true;
}

/** Two tensors; at least `present` of them must be bytes already, so that no float tensor is quantized for one operator's sake. */
function pairwise(writer: Int8Writer, node: OnnxNode, present: number): boolean {
  const [output = ''] = node.outputs;
  const { graph } = writer;
  const changing = node.inputs.filter((name) => graph.constant(name) === undefined);
  if (changing.filter((name) => writer.view(name) !== undefined).length < Math.min(present, changing.length)) return false;
  if (changing.length === 0 || writer.plan.affine(output) === undefined) return false;
  const views = node.inputs.map((name) => writer.quantized(name));
  if (views.some((view) => view === undefined || view.offset !== 0)) return false;
  return writer.emitQuantized(
    node,
    views.flatMap((view) => (view === undefined ? [] : [writer.dequantize(view)])),
    output,
  );
}

/** Inputs whose bytes mean the same are put together as they are. */
function concatenation(writer: Int8Writer, node: OnnxNode): boolean {
  const [output = ''] = node.outputs;
  const affine = writer.plan.affine(output);
  const views = node.inputs.map((name) => (writer.graph.constant(name) === undefined ? writer.view(name) : undefined));
  const present = views.flatMap((view) => (view === undefined || view.offset !== 0 ? [] : [view]));
  if (affine === undefined || present.length < views.length) return false;
  const alike = present.every(({ scale, zero }) => scale === affine.scale && zero === affine.zero);
  if (!alike) {
    return writer.emitQuantized(
      node,
      present.map((view) => writer.dequantize(view)),
      output,
    );
  }
  const tensors = present.map(({ tensor }) => tensor);
  writer.setView(output, { ...affine, tensor: writer.emitBytes('Concat', tensors, output, node.attributes), offset: 0 });
  return true;
}

/** Whether the quantizer knows the operator; its tensors are then worth observing. */
export function mayBeInt8(node: OnnxNode): boolean {
  return node.domain === '' && (Object.hasOwn(operators, node.op) || keepsValues(node));
}
