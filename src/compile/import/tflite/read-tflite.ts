/**
 * TFLite bytes to a model.
 *
 * Guarantees: whatever the bytes are, an answer or MODEL_INVALID in time and memory proportional to their number and `limits.tflitePartsMax`;
 * indices of tensors are within the model; constants have the bytes their shape and type ask for. Deliberately does not judge operators, nor
 * follow data outside the flatbuffer: what cannot be imported is the importer's to refuse.
 *
 * Source of the field ids: schema.ts.
 */
import { limits } from '../../../core/limits.js';
import { invalid, rootTable, type Table } from './flatbuffer.js';
import type { TfliteModel, TfliteOperator, TfliteQuantization, TfliteTensor } from './model.js';
import { customOperator, elementBytes, operatorName, optionTables, type TensorType, tensorTypeOf } from './schema.js';

/** The model's views point into `bytes`, which must not change afterwards. Throws MODEL_INVALID. */
export function readTflite(bytes: Uint8Array): TfliteModel {
  if (bytes.length > limits.tfliteBytesMax) throw invalid(`${bytes.length} bytes, the limit is ${limits.tfliteBytesMax}`);
  const model = rootTable(bytes, 'TFL3');
  // table Model: version 0, operator_codes 1, subgraphs 2, buffers 4.
  const version = model.uint(0);
  if (version !== 3) throw invalid(`schema version ${version}, expected 3`);
  const graphs = model.tables(2);
  const [graph] = graphs;
  if (graph === undefined) throw invalid('it has no subgraph');
  if (graphs.length > 1) {
    const names = graphs.slice(0, 5).map((each) => `"${each.text(4).slice(0, 80)}"`);
    throw invalid(`it has ${graphs.length} subgraphs (${names.join(', ')}), expected one; save each signature as a model of its own`);
  }
  const buffers = new Buffers(model.tables(4));
  // table SubGraph: tensors 0, inputs 1, outputs 2, operators 3, name 4.
  const tensors = graph.tables(0).map((tensor, index) => readTensor(tensor, index, buffers));
  const codes = model.tables(1).map(readCode);
  return {
    tensors,
    operators: graph.tables(3).map((operator) => readOperator(operator, codes, tensors.length)),
    inputs: indices(graph.ints(1), tensors.length, 'an input of the model'),
    outputs: indices(graph.ints(2), tensors.length, 'an output of the model'),
  };
}

/** The constants of a file. Many tensors may share a buffer; what they hold together is bounded. */
class Buffers {
  readonly #tables: readonly Table[];
  #left: number = limits.tfliteConstantBytesMax;

  constructor(tables: readonly Table[]) {
    this.#tables = tables;
  }

  /** Null for an empty one, which is a tensor without data. */
  data(index: number): Uint8Array | null {
    const table = this.#tables[index];
    if (table === undefined) throw invalid(`buffer ${index} of ${this.#tables.length}`);
    // table Buffer: data 0, offset 1, size 2; the last two are for data behind the flatbuffer, and count when above 1.
    if (table.uint(1) > 1) throw invalid(`buffer ${index} lies outside the flatbuffer, which is only for models of 2 GB`);
    const bytes = table.bytes(0);
    this.#left -= bytes.length;
    if (this.#left < 0) throw invalid(`constants of more than ${limits.tfliteConstantBytesMax} bytes`);
    return bytes.length === 0 ? null : bytes;
  }
}

/** table OperatorCode: deprecated_builtin_code 0 (a byte), custom_code 1, builtin_code 3. The larger code is the true one (version 3a). */
function readCode(table: Table): string {
  const code = Math.max(table.byte(0), table.int(3));
  return code === customOperator ? `custom operator ${table.text(1)}` : operatorName(code);
}

/** table Operator: opcode_index 0, inputs 1, outputs 2, builtin_options 3 and 4. */
function readOperator(table: Table, codes: readonly string[], tensors: number): TfliteOperator {
  const name = codes[table.uint(0)];
  if (name === undefined) throw invalid(`operator code ${table.uint(0)} of ${codes.length}`);
  const inputs = table.ints(1);
  for (const input of inputs) if (input < -1 || input >= tensors) throw invalid(`${name} reads tensor ${input} of ${tensors}`);
  return { name, inputs, outputs: indices(table.ints(2), tensors, `an output of ${name}`), options: readOptions(table, name) };
}

function readOptions(operator: Table, name: string): Readonly<Record<string, number>> {
  const expected = Object.hasOwn(optionTables, name) ? optionTables[name] : undefined;
  if (expected === undefined) return {};
  const kind = operator.ubyte(3);
  if (kind !== 0 && kind !== expected.kind) throw invalid(`${name} with options of kind ${kind}, expected ${expected.kind}`);
  const table = kind === 0 ? undefined : operator.table(4);
  const read = ([id, type, otherwise = 0]: readonly [number, 'byte' | 'int' | 'float', number?]): number => {
    if (table === undefined) return otherwise;
    return type === 'float' ? table.float(id) : type === 'byte' ? table.byte(id, otherwise) : table.int(id, otherwise);
  };
  return Object.fromEntries(Object.entries(expected.fields).map(([field, place]) => [field, read(place)]));
}

/** table Tensor: shape 0, type 1, buffer 2, name 3, quantization 4, is_variable 5, sparsity 6, shape_signature 7. */
function readTensor(table: Table, index: number, buffers: Buffers): TfliteTensor {
  const shape = table.ints(0);
  const name = table.text(3);
  if (shape.length > limits.onnxRankMax || shape.some((dim) => dim < 0)) {
    throw invalid(`tensor ${index} "${name.slice(0, 80)}" of shape [${shape.slice(0, 20).join(', ')}]`);
  }
  const type = tensorTypeOf(table.byte(1));
  const sparse = table.has(6);
  const data = buffers.data(table.uint(2));
  if (data !== null && !sparse) checkSize(name, type, shape, data.length);
  return {
    index,
    name,
    type,
    shape,
    dynamic: table.ints(7).some((dim, i) => dim < 0 && i > 0),
    sparse,
    variable: table.byte(5) !== 0,
    quantization: readQuantization(table.table(4)),
    data,
  };
}

function checkSize(name: string, type: TensorType, shape: readonly number[], bytes: number): void {
  const size = elementBytes[type];
  const expected = shape.reduce((product, dim) => product * dim, size ?? 1);
  if (size !== undefined && expected !== bytes) {
    throw invalid(`tensor "${name.slice(0, 80)}", ${type} of shape [${shape.join(', ')}], with ${bytes} bytes, expected ${expected}`);
  }
}

/** table QuantizationParameters: scale 2, zero_point 3, details 4 and 5, quantized_dimension 6. Without a scale a tensor is not quantized. */
function readQuantization(table: Table | undefined): TfliteQuantization | null {
  if (table === undefined) return null;
  if (table.ubyte(4) !== 0) throw invalid('a tensor with custom quantization');
  const scales = table.floats(2);
  if (scales.length === 0) return null;
  const stated = table.longs(3);
  const zeros = stated.length === 0 ? scales.map(() => 0) : stated;
  // Some converters write one zero for all scales.
  const all = zeros.length === 1 ? scales.map(() => zeros[0] ?? 0) : zeros;
  if (all.length !== scales.length) throw invalid(`a tensor with ${scales.length} scales and ${all.length} zero points`);
  return { scales, zeros: all, axis: table.int(6) };
}

function indices(list: readonly number[], tensors: number, what: string): readonly number[] {
  for (const index of list) if (index < 0 || index >= tensors) throw invalid(`${what} is tensor ${index} of ${tensors}`);
  return list;
}
