/**
 * A Silero voice activity graph, which hears one frame a run, written anew to hear many: what does not depend on the state is done for all
 * frames at once, the LSTM over their sequence.
 *
 * Guarantees: the same function of the same weights up to rounding (a convolution over four positions becomes a product of matrices, so sums
 * are made in another order), and the same bytes on every machine. Deliberately knows the 16 kHz graph of the releases 5 and 6 only, by its
 * weights, and refuses any other: STFT by convolution, four convolutions, an LSTM of 128, one output.
 *
 * Input `input` float32 [frames, 576]: 64 samples of the frame before and 512 of its own; `state` float32 [2, 1, 128]. Output `output`
 * float32 [frames, 1], `stateN` float32 [2, 1, 128] after the last frame.
 */
import { ShoalError } from '../core/errors.js';
import { dataType, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValue } from './onnx/model.js';
import { floatsOf, nodeOf, type PlainValue, tensorOf } from './onnx/values.js';

/** Of the weights by the end of their names, with their shapes as the makers export them. */
const weights = {
  'stft.forward_basis_buffer': [258, 1, 256],
  'encoder.0.reparam_conv.weight': [128, 129, 3],
  'encoder.0.reparam_conv.bias': [128],
  'encoder.1.reparam_conv.weight': [64, 128, 3],
  'encoder.1.reparam_conv.bias': [64],
  'encoder.2.reparam_conv.weight': [64, 64, 3],
  'encoder.2.reparam_conv.bias': [64],
  'encoder.3.reparam_conv.weight': [128, 64, 3],
  'encoder.3.reparam_conv.bias': [128],
  'decoder.rnn.weight_ih': [512, 128],
  'decoder.rnn.weight_hh': [512, 128],
  'decoder.rnn.bias_ih': [512],
  'decoder.rnn.bias_hh': [512],
  'decoder.decoder.2.weight': [1, 128, 1],
  'decoder.decoder.2.bias': [1],
} as const;

type WeightName = keyof typeof weights;

/** Throws MODEL_INVALID, naming the weight that is not as this graph has it. */
export function speechFrames(model: OnnxModel): OnnxModel {
  const writer = new Writer(model);
  const magnitudes = spectrum(writer);
  const heard = encoder(writer, magnitudes);
  const { output, stateN } = decoder(writer, heard);
  const { graph } = model;
  return {
    irVersion: model.irVersion,
    opsets: new Map([['', 15]]),
    functions: 0,
    rest: [],
    graph: {
      name: graph.name,
      nodes: writer.nodes,
      initializers: writer.initializers,
      inputs: [boundary('input', ['frames', 576]), boundary('state', [2, 1, 128])],
      outputs: [boundary(output, ['frames', 1]), boundary(stateN, [2, 1, 128])],
      values: [],
      rest: [],
    },
  };
}

function boundary(name: string, shape: (number | string)[]): OnnxValue {
  return { name, type: dataType.float32, shape, otherType: null, rest: [] };
}

/** Magnitudes of four short spectra a frame, [frames, 4, 129]. The end of a frame is mirrored, as the makers do. */
function spectrum(writer: Writer): string {
  const mirrored = writer.add('Pad', ['input', writer.integers([0, 0, 0, 64])], { mode: 'reflect' });
  const blocks = writer.add('Reshape', [mirrored, writer.integers([-1, 5, 128])]);
  const windows = writer.add('Concat', [writer.rows(blocks, 0, 4), writer.rows(blocks, 1, 5)], { axis: 2 });
  const parts = writer.add('MatMul', [windows, writer.product('stft.forward_basis_buffer', [0])]);
  const squares = [0, 129].map((from) => {
    const part = writer.add('Slice', [parts, writer.integers([from]), writer.integers([from + 129]), writer.integers([2])]);
    return writer.add('Mul', [part, part]);
  });
  return writer.add('Sqrt', [writer.add('Add', squares)]);
}

/** 128 features a frame, [frames, 128]. All convolutions have three taps and one zero on each side; their strides are 1, 2, 2, 1. */
function encoder(writer: Writer, magnitudes: string): string {
  const around = writer.add('Pad', [magnitudes, writer.integers([0, 1, 0, 0, 1, 0])]);
  const four = writer.add('Concat', [writer.rows(around, 0, 4), writer.rows(around, 1, 5), writer.rows(around, 2, 6)], { axis: 2 });
  const first = writer.layer(four, 'encoder.0.reparam_conv', [0, 1, 2]);
  const before = writer.add('Pad', [first, writer.integers([0, 1, 0, 0, 0, 0])]);
  const flat = [0, 2].map((from) => writer.add('Reshape', [writer.rows(before, from, from + 3), writer.integers([-1, 1, 384])]));
  const second = writer.layer(writer.add('Concat', flat, { axis: 1 }), 'encoder.1.reparam_conv', [0, 1, 2]);
  // From here a frame is one position: taps that would only meet zeros are left out.
  const third = writer.layer(writer.add('Reshape', [second, writer.integers([-1, 128])]), 'encoder.2.reparam_conv', [1, 2]);
  return writer.layer(third, 'encoder.3.reparam_conv', [1]);
}

function decoder(writer: Writer, heard: string): { output: string; stateN: string } {
  const sequence = writer.add('Unsqueeze', [heard, writer.integers([1])]);
  const [hidden, cell] = [0, 1].map((at) => writer.add('Slice', ['state', ...[at, at + 1, 0].map((each) => writer.integers([each]))]));
  const inputs = [sequence, writer.gates('decoder.rnn.weight_ih'), writer.gates('decoder.rnn.weight_hh'), writer.gateBias()];
  const outputs = ['sequence', 'hidden_after', 'cell_after'];
  writer.nodes.push(nodeOf('LSTM', [...inputs, '', hidden ?? '', cell ?? ''], outputs, { hidden_size: 128 }));
  writer.nodes.push(nodeOf('Concat', outputs.slice(1), ['stateN'], { axis: 0 }));
  const steps = writer.add('Relu', [writer.add('Reshape', ['sequence', writer.integers([-1, 128])])]);
  const product = writer.add('MatMul', [steps, writer.product('decoder.decoder.2.weight', [0])]);
  const sum = writer.add('Add', [product, writer.weight('decoder.decoder.2.bias')]);
  writer.nodes.push(nodeOf('Sigmoid', [sum], ['output']));
  return { output: 'output', stateN: 'stateN' };
}

/** Nodes in the order they are computed, and the constants they use, each once. */
class Writer {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #given: ReadonlyMap<WeightName, Float32Array>;

  constructor({ graph }: OnnxModel) {
    this.#given = new Map(
      Object.entries(weights).map(([name, dims]) => {
        const tensor = graph.initializers.find((each) => each.name.endsWith(name));
        const values = floatsOf(tensor);
        const found = values === null ? 'not there as float32' : `[${tensor?.dims.join(',')}]`;
        if (values === null || found !== `[${dims.join(',')}]`) {
          const needs = `the weight "${name}" is ${found}, it needs [${dims.join(',')}]`;
          throw new ShoalError('MODEL_INVALID', `this is not the 16 kHz graph of Silero VAD 5 or 6: ${needs}`);
        }
        return [name as WeightName, values];
      }),
    );
  }

  /** Answers the name of the node's output. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, PlainValue>> = {}): string {
    const name = `${op.toLowerCase()}_${this.nodes.length}`;
    this.nodes.push(nodeOf(op, inputs, [name], attributes));
    return name;
  }

  /** Of a [frames, rows, columns] tensor the rows `from` .. `to - 1`. */
  rows(name: string, from: number, to: number): string {
    return this.add('Slice', [name, this.integers([from]), this.integers([to]), this.integers([1])]);
  }

  integers(values: readonly number[]): string {
    return this.#constant(`int_${values.join('_')}`, BigInt64Array.from(values, BigInt), [values.length]);
  }

  weight(name: WeightName): string {
    return this.#constant(name, this.#of(name), weights[name]);
  }

  /** A convolution's weights as the right side of a product: [taps x channels in, channels out], of the taps named. */
  product(name: WeightName, taps: readonly number[]): string {
    const [outputs = 0, channels = 0, length = 1] = weights[name];
    // The basis of the STFT has one channel and 256 taps, all of which are used.
    const [inputs, kernel] = channels === 1 ? [length, 1] : [channels, length];
    const given = this.#of(name);
    const turned = new Float32Array(taps.length * inputs * outputs);
    for (const [row, tap] of taps.entries()) {
      for (let input = 0; input < inputs; input++) {
        for (let output = 0; output < outputs; output++) {
          turned[(row * inputs + input) * outputs + output] = given[(output * inputs + input) * kernel + tap] ?? 0;
        }
      }
    }
    return this.#constant(name, turned, [taps.length * inputs, outputs]);
  }

  /** A convolution as a product of what its taps see, its bias and a ReLU. */
  layer(input: string, name: `encoder.${0 | 1 | 2 | 3}.reparam_conv`, taps: readonly number[]): string {
    const product = this.add('MatMul', [input, this.product(`${name}.weight`, taps)]);
    return this.add('Relu', [this.add('Add', [product, this.weight(`${name}.bias`)])]);
  }

  /** PyTorch has the gates in the order input, forget, cell, output; ONNX input, output, forget, cell. */
  gates(name: 'decoder.rnn.weight_ih' | 'decoder.rnn.weight_hh'): string {
    return this.#constant(name, reordered(this.#of(name)), [1, 512, 128]);
  }

  gateBias(): string {
    const both = new Float32Array(1024);
    both.set(reordered(this.#of('decoder.rnn.bias_ih')));
    both.set(reordered(this.#of('decoder.rnn.bias_hh')), 512);
    return this.#constant('decoder.rnn.bias', both, [1, 1024]);
  }

  #of(name: WeightName): Float32Array {
    return this.#given.get(name) ?? new Float32Array();
  }

  #constant(name: string, values: Float32Array | BigInt64Array, dims: readonly number[]): string {
    if (!this.initializers.some((each) => each.name === name)) this.initializers.push(tensorOf(name, values, dims));
    return name;
  }
}

function reordered(gates: Float32Array): Float32Array {
  const size = gates.length / 4;
  const turned = new Float32Array(gates.length);
  for (const [to, from] of [0, 3, 1, 2].entries()) turned.set(gates.subarray(from * size, (from + 1) * size), to * size);
  return turned;
}
