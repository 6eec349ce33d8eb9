/**
 * Writes `x * clip(x + 3, 0, 6) / 6` in an ONNX model as `x * HardSigmoid(x)`: half the passes over memory, which in small
 * convolutional models cost as much as the convolutions. The runtime does not see the pattern by itself.
 *
 * Guarantees: same function, but for the last bits of a float; whatever is not exactly this pattern, or a file that cannot be
 * read, stays as it is. Models with subgraphs are left alone, since those may use a tensor from outside.
 *
 * Source: onnx.proto (field numbers) and the operators HardSigmoid, Clip and HardSwish of the ONNX specification.
 */
import { bytesField, type Field, floatField, numberField, readFields } from './protobuf.js';

interface Node {
  readonly field: Field;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly op: string;
  readonly attributes: readonly Field[][];
}

/** Names of scalars of type float32, from initializers and Constant nodes. */
type Scalars = ReadonlyMap<string, number>;

const float32 = 1;

export function fuseHardSwish(model: Uint8Array): Uint8Array {
  const bytes = Buffer.from(model.buffer, model.byteOffset, model.byteLength);
  try {
    const fields = readFields(bytes);
    const graph = fields.find(({ number }) => number === 7);
    if (graph === undefined) return model;
    const fused = fuseGraph(readFields(graph.bytes));
    if (fused === null) return model;
    return Buffer.concat(fields.map((field) => (field === graph ? bytesField(7, fused) : field.raw)));
  } catch (error) {
    // What is wrong with the file, the runtime says better.
    if (error instanceof RangeError) return model;
    throw error;
  }
}

/** The graph's fields anew, or null when there is nothing to fuse. */
function fuseGraph(fields: readonly Field[]): Buffer[] | null {
  const nodes = fields.filter(({ number }) => number === 1).map(readNode);
  const subgraphs = nodes.some(({ attributes }) =>
    attributes.some((attribute) => attribute.some(({ number }) => number === 6 || number === 11)),
  );
  if (subgraphs) return null;
  const scalars = readScalars(fields, nodes);
  const outputs = new Set(fields.filter(({ number }) => number === 12).map(({ bytes }) => textOf(readFields(bytes), 1)));
  const users = new Map<string, Node[]>();
  for (const node of nodes) for (const name of node.inputs) users.set(name, [...(users.get(name) ?? []), node]);
  const onlyUser = (node: Node | undefined): Node | undefined => {
    const name = node?.outputs[0] ?? '';
    const all = users.get(name) ?? [];
    return all.length === 1 && !outputs.has(name) ? all[0] : undefined;
  };
  const changed = new Map<Field, Buffer | null>();
  for (const add of nodes) {
    const x = otherOf(add, 'Add', 3, scalars);
    const clip = onlyUser(add);
    const product = onlyUser(clip);
    const quotient = onlyUser(product);
    if (x === undefined || clip === undefined || product === undefined || quotient === undefined) continue;
    const [gate = ''] = clip.outputs;
    const fits = isClip(clip, scalars) && isProduct(product, x, gate) && isSixth(quotient, scalars);
    if (!fits) continue;
    changed.set(add.field, hardSigmoid(x, gate));
    changed.set(clip.field, null);
    changed.set(
      product.field,
      bytesField(1, [bytesField(1, x), bytesField(1, gate), bytesField(2, quotient.outputs[0] ?? ''), bytesField(4, 'Mul')]),
    );
    changed.set(quotient.field, null);
  }
  if (changed.size === 0) return null;
  return fields.flatMap((field) => changed.get(field) ?? (changed.has(field) ? [] : [field.raw]));
}

function readNode(field: Field): Node {
  const parts = readFields(field.bytes);
  const texts = (wanted: number): string[] => parts.filter(({ number }) => number === wanted).map(({ bytes }) => bytes.toString());
  const attributes = parts.filter(({ number }) => number === 5).map(({ bytes }) => readFields(bytes));
  return { field, inputs: texts(1), outputs: texts(2), op: textOf(parts, 4), attributes };
}

function textOf(fields: readonly Field[], wanted: number): string {
  return fields.find(({ number }) => number === wanted)?.bytes.toString() ?? '';
}

function readScalars(fields: readonly Field[], nodes: readonly Node[]): Scalars {
  const scalars = new Map<string, number>();
  const add = (name: string | undefined, tensor: readonly Field[]): void => {
    const type = tensor.find(({ number }) => number === 2)?.value;
    const data = tensor.find(({ number }) => number === 9 || number === 4)?.bytes;
    if (type === float32 && data?.length === 4) scalars.set(name ?? textOf(tensor, 8), data.readFloatLE());
  };
  for (const { number, bytes } of fields) if (number === 5) add(undefined, readFields(bytes));
  for (const { op, outputs, attributes } of nodes) {
    const tensor = attributes[0]?.find(({ number }) => number === 5);
    if (op === 'Constant' && tensor !== undefined) add(outputs[0], readFields(tensor.bytes));
  }
  return scalars;
}

/** The other input of a node that has the scalar as one of its two. */
function otherOf(node: Node, op: string, scalar: number, scalars: Scalars): string | undefined {
  const [a = '', b = ''] = node.inputs;
  if (node.op !== op) return undefined;
  return scalars.get(b) === scalar ? a : scalars.get(a) === scalar ? b : undefined;
}

/** To 0..6, with bounds as inputs (operator set 11 and later) or attributes. */
function isClip({ op, inputs, attributes }: Node, scalars: Scalars): boolean {
  const bound = (name: string, input: number): number | undefined => {
    const attribute = attributes.find((fields) => textOf(fields, 1) === name);
    if (attribute === undefined) return scalars.get(inputs[input] ?? '');
    return attribute.find(({ number }) => number === 2)?.bytes.readFloatLE();
  };
  return op === 'Clip' && bound('min', 1) === 0 && bound('max', 2) === 6;
}

function isProduct({ op, inputs }: Node, x: string, gate: string): boolean {
  return op === 'Mul' && inputs.includes(x) && inputs.includes(gate);
}

function isSixth(node: Node, scalars: Scalars): boolean {
  if (node.op === 'Div') return scalars.get(node.inputs[1] ?? '') === 6;
  return otherOf(node, 'Mul', Math.fround(1 / 6), scalars) !== undefined;
}

function hardSigmoid(x: string, output: string): Buffer {
  const attribute = (name: string, value: number): Buffer => bytesField(5, [bytesField(1, name), floatField(2, value), numberField(20, 1)]);
  return bytesField(1, [
    bytesField(1, x),
    bytesField(2, output),
    bytesField(4, 'HardSigmoid'),
    attribute('alpha', 1 / 6),
    attribute('beta', 0.5),
  ]);
}
