/**
 * Writes the model `window-statistics`: `node dist/tools/make-window-statistics.js [FILE]`. The same bytes on every machine.
 *
 * Nothing in it is learned: each statistic is an operator of ONNX (opset 17) over the samples of a channel, so that plain numbers take the same way
 * as a network's answer: versioned, explained, in an engine.
 */
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { dataType, type OnnxModel, type OnnxNode, type OnnxValue } from '../src/compile/onnx/model.js';
import { nodeOf, tensorOf } from '../src/compile/onnx/values.js';
import { writeModel } from '../src/compile/onnx/write.js';

/** In the order of the card. `std` is that of the population, `last` the newest sample. */
const statistics = ['mean', 'std', 'min', 'max', 'rms', 'range', 'last'];

function overSamples(op: string, input: string, output: string): OnnxNode {
  return nodeOf(op, [input], [output], { axes: [1], keepdims: 1 });
}

function graph(): OnnxModel {
  const value = (name: string, shape: (number | string)[]): OnnxValue => ({
    name,
    type: dataType.float32,
    shape,
    otherType: null,
    rest: [],
  });
  const nodes = [
    overSamples('ReduceMean', 'window', 'mean'),
    nodeOf('Sub', ['window', 'mean'], ['centred']),
    nodeOf('Mul', ['centred', 'centred'], ['squared']),
    overSamples('ReduceMean', 'squared', 'variance'),
    nodeOf('Sqrt', ['variance'], ['std']),
    overSamples('ReduceMin', 'window', 'min'),
    overSamples('ReduceMax', 'window', 'max'),
    nodeOf('Mul', ['window', 'window'], ['power']),
    overSamples('ReduceMean', 'power', 'mean_power'),
    nodeOf('Sqrt', ['mean_power'], ['rms']),
    nodeOf('Sub', ['max', 'min'], ['range']),
    nodeOf('Slice', ['window', 'from', 'to', 'axis'], ['last']),
    nodeOf('Concat', statistics, ['statistics'], { axis: 1 }),
  ];
  const integer = (name: string, of: bigint) => tensorOf(name, BigInt64Array.of(of), [1]);
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    graph: {
      name: 'window-statistics',
      nodes,
      initializers: [integer('from', -1n), integer('to', 9_223_372_036_854_775_807n), integer('axis', 1n)],
      inputs: [value('window', ['channels', 'samples'])],
      outputs: [value('statistics', ['channels', statistics.length])],
      values: [],
      rest: [],
    },
    functions: 0,
    rest: [],
  };
}

export function windowStatistics(): Uint8Array {
  return writeModel(graph());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(process.argv[2] ?? 'models/window-statistics/1.0.0/model.onnx', windowStatistics());
}
