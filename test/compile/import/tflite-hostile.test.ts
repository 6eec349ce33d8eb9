/**
 * TFLite bytes nobody vouches for: each ends in MODEL_INVALID or a model that can be written, soon and in bounded memory. Files are cut, have
 * bits flipped and words replaced, and are built to become far more than they are.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { importTflite } from '../../../src/compile/import/tflite/import-tflite.js';
import { writeModel } from '../../../src/compile/onnx/write.js';
import { ShoalError } from '../../../src/core/errors.js';
import { limits } from '../../../src/core/limits.js';
import { Chance } from '../../support/chance.js';
import { tfliteCases } from '../../support/tflite-cases.js';
import { type Fields, flatbuffer, int, ints, type TinyTflite, table, tables, text, tinyFields } from '../../support/tflite-writer.js';

/** Whether it could be imported; throws for anything but a model or MODEL_INVALID. */
function survives(bytes: Uint8Array): boolean {
  try {
    writeModel(importTflite(bytes));
    return true;
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'MODEL_INVALID') return false;
    throw error;
  }
}

/** Milliseconds until an answer, which is a refusal for this reason. */
function refusedIn(bytes: Uint8Array, why: RegExp): number {
  const began = performance.now();
  try {
    importTflite(bytes);
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'MODEL_INVALID' && why.test(error.message)) return performance.now() - began;
    throw error;
  }
  throw new Error(`it was imported, and should have been refused: ${why}`);
}

const victims = ['CONV_2D bytes, SAME', 'FULLY_CONNECTED bytes', 'STRIDED_SLICE with masks bytes', 'MEAN after', 'CONCATENATION bytes'].map(
  (start) => {
    const found = tfliteCases.find(({ name }) => name.startsWith(start));
    if (found === undefined) throw new Error(`no case begins with ${start}`);
    return found.model;
  },
);

test('a file cut off at every eighth byte', async (t) => {
  for (const bytes of victims) {
    t.ok(survives(bytes));
    const lengths = Array.from({ length: Math.ceil(bytes.length / 8) }, (_, i) => i * 8);
    const readable = lengths.filter((length) => survives(bytes.subarray(0, length)));
    t.strictSame(readable, [], `none of ${lengths.length} beginnings is a model`);
  }
});

const data = process.env.SHOAL_TEST_DATA;

test('a real file cut off at every 64th byte', { skip: data === undefined && '1 model: SHOAL_TEST_DATA is not set' }, async (t) => {
  const bytes = readFileSync(path.join(data ?? '', 'models/tflite/kws_ref_model.tflite'));
  t.ok(survives(bytes));
  const lengths = Array.from({ length: Math.floor(bytes.length / 64) }, (_, i) => i * 64);
  const began = performance.now();
  const readable = lengths.filter((length) => survives(bytes.subarray(0, length)));
  t.strictSame(readable, []);
  t.ok(performance.now() - began < 20_000, `${lengths.length} beginnings in ${Math.round(performance.now() - began)} ms`);
});

test('two thousand mutants with bits flipped', async (t) => {
  const chance = new Chance(4711);
  let alive = 0;
  let longest = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = Uint8Array.from(victims[i % victims.length] ?? []);
    for (let flips = 1 + (i % 4); flips > 0; flips--) {
      const at = Math.floor(chance.next() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(chance.next() * 8));
    }
    const began = performance.now();
    if (survives(bytes)) alive++;
    longest = Math.max(longest, performance.now() - began);
  }
  t.ok(alive > 100 && alive < 1800, `${alive} of 2000 are models still: flips hit both weights and structure`);
  t.ok(longest < 1000, `the longest took ${longest.toFixed(1)} ms`);
});

test('every word replaced by one that is huge, negative, itself or zero', async (t) => {
  const before = process.memoryUsage().arrayBuffers;
  let tried = 0;
  for (const original of victims) {
    for (let at = 0; at + 4 <= original.length; at += 4) {
      for (const word of [0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x0100_0000, 0, 1, original.length - at, 0xffff_fffc]) {
        const bytes = Uint8Array.from(original);
        new DataView(bytes.buffer).setUint32(at, word, true);
        survives(bytes);
        tried++;
      }
    }
  }
  t.ok(tried > 5000, `${tried} files`);
  t.ok(process.memoryUsage().arrayBuffers - before < 100e6, 'nothing large was kept');
});

test('what cannot be is refused with what was found', async (t) => {
  const refused = (bytes: Uint8Array, why: RegExp): void => {
    t.throws(() => importTflite(bytes), { code: 'MODEL_INVALID', message: why }, why.source);
  };
  refused(new Uint8Array(0), /bytes 4 to 8 are "", expected "TFL3"/);
  refused(flatbuffer({ 0: int(3) }, 'TFL2'), /bytes 4 to 8 are "TFL2"/);
  refused(flatbuffer({ 0: int(3) }), /it has no subgraph/);
  refused(flatbuffer({}), /schema version 0/);
  const root = (change: (view: DataView) => void): Uint8Array => {
    const bytes = Uint8Array.from(victims[0] ?? []);
    change(new DataView(bytes.buffer));
    return bytes;
  };
  refused(
    root((view) => view.setUint32(0, 0xffff_ff00, true)),
    /4 bytes at 4294967040 of a file of \d+ bytes/,
  );
  // A root table at its own offset of zero, which is its own vtable too.
  refused(
    root((view) => view.setUint32(0, 0, true)),
    /a vtable of 0 bytes at 0/,
  );
  const one = { 0: ints(1, 4), 1: { kind: 'byte', value: 0 }, 3: text('x') } as const;
  const model = (graph: Fields, more: Fields = {}): Uint8Array =>
    flatbuffer({ 0: int(3), 1: tables({ 3: int(19) }), 2: tables(graph), 4: tables({}), ...more });
  refused(model({ 0: tables(one), 1: ints(1) }), /an input of the model is tensor 1 of 1/);
  refused(model({ 0: tables(one), 1: ints(-1) }), /an input of the model is tensor -1 of 1/);
  refused(model({ 0: tables(one), 3: tables({ 0: int(7) }) }), /operator code 7 of 1/);
  refused(model({ 0: tables(one), 3: tables({ 1: ints(9) }) }), /RELU reads tensor 9 of 1/);
  refused(model({ 0: tables(one), 3: tables({ 2: ints(-1) }) }), /an output of RELU is tensor -1 of 1/);
  refused(model({ 0: tables({ ...one, 2: int(5) }) }), /buffer 5 of 1/);
  refused(model({ 0: tables({ ...one, 0: ints(-4) }) }), /tensor 0 "x" of shape \[-4\]/);
  refused(model({ 0: tables({ ...one, 0: ints(...new Array<number>(17).fill(1)) }) }), /tensor 0 "x" of shape/);
  refused(model({ 0: tables({ ...one, 3: { kind: 'bytes', values: Uint8Array.of(0xff) } }) }), /a name that is not UTF-8/);
  refused(model({ 0: tables({ ...one, 3: text('x'.repeat(20_000)) }) }), /a name of 20000 bytes/);
  const constant = { 4: tables({ 0: { kind: 'bytes', values: new Uint8Array(15) } }) } as const;
  refused(model({ 0: tables(one) }, constant), /tensor "x", FLOAT32 of shape \[1, 4\], with 15 bytes, expected 16/);
  refused(model({ 0: tables({ ...one, 0: ints(2 ** 30, 2 ** 30, 2 ** 30) }) }, constant), /with 15 bytes, expected \d/);
  refused(model({ 0: tables({ ...one, 4: table({ 4: { kind: 'byte', value: 1 } }) }) }), /custom quantization/);
  refused(model({}), /0 inputs and 0 outputs/);
});

/** A file in which `count` entries of a list of tables all point at the same one. */
function shared(count: number, make: (list: Fields[]) => Fields): Uint8Array {
  // Written with one entry, then the list is moved to the end and made longer.
  const bytes = flatbuffer(make([{ 0: ints(1, 2, 3, 4, 5, 6, 7, 8), 3: text('a tensor with a name') }]));
  const view = new DataView(bytes.buffer);
  const follow = (at: number): number => at + view.getUint32(at, true);
  const field = (at: number, id: number): number => at + view.getUint16(at - view.getInt32(at, true) + 4 + 2 * id, true);
  const graph = follow(follow(field(follow(0), 2)) + 4);
  const place = field(graph, 0);
  const tensor = follow(follow(place) + 4);
  const wide = new Uint8Array(bytes.length + 8 + 4 * count);
  wide.set(bytes);
  const start = Math.ceil(bytes.length / 4) * 4;
  const out = new DataView(wide.buffer);
  out.setUint32(place, start - place, true);
  out.setUint32(start, count, true);
  // Offsets go forward only as far as 2 ** 32, round which they come back to what lies before.
  for (let i = 0; i < count; i++) out.setUint32(start + 4 + 4 * i, tensor - (start + 4 + 4 * i), true);
  return wide;
}

test('offsets cannot go back, and lists of millions are refused at once', async (t) => {
  const bytes = shared(10, (list) => ({ 0: int(3), 2: tables({ 0: tables(...list) }), 4: tables({}) }));
  t.ok(refusedIn(bytes, /bytes at \d{10} of a file/) < 1000, 'an offset that would wrap round is beyond the file');
  const many = shared(2_000_000, (list) => ({ 0: int(3), 2: tables({ 0: tables(...list) }), 4: tables({}) }));
  const took = refusedIn(many, new RegExp(`more parts than ${limits.tflitePartsMax}`));
  t.ok(took < 2000, `8 MB in ${took.toFixed(0)} ms`);
});

test('a small file cannot become a large graph', async (t) => {
  // Each of 400 convolutions has an input of its own scale, and so wants scales of its own for one bias of 200,000 numbers.
  const [channels, count] = [200_000, 400];
  const names = Array.from({ length: count }, (_, i) => `x${i}`);
  const tiny: TinyTflite = {
    tensors: [
      ...names.map((name, i) => ({ name, shape: [1, 1, 1, 1], type: 'int8' as const, scales: [0.1 + i * 0.001] })),
      ...names.map((_, i) => ({ name: `y${i}`, shape: [1, 1, 1, channels], type: 'int8' as const, scales: [0.1] })),
      {
        name: 'w',
        shape: [channels, 1, 1, 1],
        type: 'int8',
        scales: new Array<number>(channels).fill(0.1),
        zeros: [0],
        data: new Int8Array(channels),
      },
      { name: 'b', shape: [channels], type: 'int32', data: new Int32Array(channels) },
    ],
    operators: names.map((name, i) => ({
      code: 3,
      inputs: [name, 'w', 'b'],
      outputs: [`y${i}`],
      options: ['CONV_2D', { padding: 1, strideX: 1, strideY: 1 }],
    })),
    inputs: names,
    outputs: names.map((_, i) => `y${i}`),
  };
  const bytes = flatbuffer(tinyFields(tiny));
  const took = refusedIn(bytes, /its graph would have constants of more than/);
  t.ok(took < 10_000, `${(bytes.length / 1e6).toFixed(1)} MB in ${took.toFixed(0)} ms`);
});

test('many tensors of one buffer are counted each', async (t) => {
  const block = new Uint8Array(4 * 1024 * 1024);
  const tensors = Array.from({ length: 65 }, (_, i) => ({ name: `k${i}`, shape: [block.length], type: 'uint8' as const }));
  const fields = tinyFields({
    tensors: [...tensors, { name: 'w', shape: [block.length], type: 'uint8', data: block }],
    operators: [],
    inputs: [],
    outputs: [],
  });
  const graph = {
    0: tables(
      ...tensors.map(({ name, shape }) => ({ 0: ints(...shape), 1: { kind: 'byte', value: 3 } as const, 2: int(1), 3: text(name) })),
    ),
  };
  const took = refusedIn(
    flatbuffer({ ...fields, 2: tables(graph) }),
    new RegExp(`constants of more than ${limits.tfliteConstantBytesMax} bytes`),
  );
  t.ok(took < 1000, `260 MB of constants in a file of 4 MB refused in ${took.toFixed(0)} ms`);
});
