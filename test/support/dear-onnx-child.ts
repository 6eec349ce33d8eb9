/**
 * A thread that reads the ONNX file that costs most of its kind, in a heap that is bounded: whoever started it sees the time, or the death.
 *
 * `size`: what it may hold, in fields; each kind has as many parts as just fit.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { inspectModel } from '../../src/compile/inspect/inspect-model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { bytesField, concat, varintField } from '../../src/compile/onnx/wire.js';
import { ShoalError } from '../../src/core/errors.js';

const graph = (...fields: Uint8Array[]): Uint8Array => bytesField(7, concat(fields));
const node = (...fields: Uint8Array[]): Uint8Array => graph(bytesField(1, concat(fields)));
const listAttribute = (type: bigint, list: Uint8Array): Uint8Array => node(bytesField(5, concat([list, varintField(20, type)])));

/** `count` empty fields, at two bytes each. */
const tiny = (tag: number, count: number): Uint8Array => Buffer.alloc(2 * Math.floor(count), Uint8Array.of(tag, 0));

/** Messages with a name of their own, in field `within`. */
function named(count: number, field: number, within: number, ...more: Uint8Array[]): Uint8Array {
  return concat(
    Array.from({ length: count }, (_, i) => bytesField(field, concat([bytesField(within, Buffer.from(i.toString(36))), ...more]))),
  );
}

const kinds: Readonly<Record<string, (size: number) => Uint8Array>> = {
  'unknown fields': (size) => graph(tiny(0x38, size)),
  nodes: (size) => graph(tiny(0x0a, size / 7)),
  tensors: (size) => graph(tiny(0x2a, size / 5)),
  values: (size) => graph(tiny(0x5a, size / 4)),
  'inputs of a node': (size) => node(tiny(0x0a, size)),
  'inputs nothing makes': (size) => graph(named(size / 8, 1, 1)),
  'outputs given twice': (size) => graph(concat([named(size / 16, 1, 2), named(size / 16, 1, 2)])),
  'operators of all names': (size) => graph(named(size / 8, 1, 4)),
  attributes: (size) => node(named(size / 5, 5, 1)),
  'operator sets': (size) => concat([graph(), named(size / 3, 8, 1, varintField(2, 1n))]),
  'numbers of an attribute': (size) => listAttribute(7n, bytesField(8, Buffer.alloc(size, 1))),
  'floats of an attribute': (size) => listAttribute(6n, bytesField(7, Buffer.alloc(size * 15))),
  'packed numbers of a tensor': (size) =>
    graph(bytesField(5, concat([varintField(1, BigInt(size * 10)), varintField(2, 7n), bytesField(7, Buffer.alloc(size * 10, 1))]))),
};

export const dearKinds = Object.keys(kinds);

export interface Price {
  readonly bytes: number;
  readonly outcome: 'read' | 'refused';
  /** Milliseconds of CPU. */
  readonly readMs: number;
  readonly inspectMs: number;
}

function cpuMs(work: () => unknown): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

function priceOf(bytes: Uint8Array): Price {
  let outcome: Price['outcome'] = 'read';
  const readMs = cpuMs(() => {
    try {
      return readModel(bytes);
    } catch (error) {
      if (!(error instanceof ShoalError) || error.code !== 'MODEL_INVALID') throw error;
      outcome = 'refused';
      return null;
    }
  });
  return { bytes: bytes.length, outcome, readMs, inspectMs: outcome === 'read' ? cpuMs(() => JSON.stringify(inspectModel(bytes))) : 0 };
}

if (parentPort !== null) {
  const { kind, size } = workerData as { kind: string; size: number };
  parentPort.postMessage(priceOf(kinds[kind]?.(size) ?? new Uint8Array(0)));
}
