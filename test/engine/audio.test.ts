import { test } from 'tap';
import { ShoalError } from '../../src/core/errors.js';
import { openAudio } from '../../src/engine/audio.js';

interface Wav {
  tag?: number;
  channels?: number;
  rateHz?: number;
  bits?: number;
  data: Buffer;
  riffSize?: number;
  dataSize?: number;
  /** Chunks between format and data: name and body. */
  before?: [string, Buffer][];
  extensible?: boolean;
  frameBytes?: number;
}

function chunk(name: string, body: Buffer, size = body.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 0, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
}

function wav({ tag = 1, channels = 1, rateHz = 16000, bits = 16, data, before = [], ...odd }: Wav): Buffer {
  const format = Buffer.alloc(odd.extensible ? 40 : 16);
  format.writeUInt16LE(odd.extensible ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rateHz, 4);
  format.writeUInt16LE(odd.frameBytes ?? (channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  if (odd.extensible) {
    format.writeUInt16LE(22, 16);
    format.writeUInt16LE(tag, 24);
    Buffer.from('000000001000800000aa00389b71', 'hex').copy(format, 26);
  }
  const body = Buffer.concat([
    Buffer.from('WAVE'),
    chunk('fmt ', format),
    ...before.map(([name, content]) => chunk(name, content)),
    chunk('data', data, odd.dataSize ?? data.length),
  ]);
  const riff = chunk('RIFF', body, odd.riffSize ?? body.length);
  return riff;
}

const s16 = (...values: number[]) => Buffer.from(Int16Array.from(values).buffer);
const read = async (file: Uint8Array, rateHz = 16000) => [...(await openAudio(file).samples(rateHz))];

test('every supported sample format reads as the same numbers', async (t) => {
  const expected = [0.5, -0.5, 0, -1];
  const files = {
    'PCM 8': wav({ bits: 8, data: Buffer.from([192, 64, 128, 0]) }),
    'PCM 16': wav({ data: s16(16384, -16384, 0, -32768) }),
    'PCM 24': wav({ bits: 24, data: Buffer.from('0000400000c0000000000080', 'hex') }),
    'PCM 32': wav({ bits: 32, data: Buffer.from(Int32Array.from([2 ** 30, -(2 ** 30), 0, -(2 ** 31)]).buffer) }),
    'float 32': wav({ tag: 3, bits: 32, data: Buffer.from(Float32Array.from(expected).buffer) }),
    'extensible float': wav({ tag: 3, bits: 32, extensible: true, data: Buffer.from(Float32Array.from(expected).buffer) }),
    'extensible PCM': wav({ extensible: true, data: s16(16384, -16384, 0, -32768) }),
  };
  for (const [name, file] of Object.entries(files)) t.same(await read(file), expected, name);
});

test('channels are averaged, and a file may start anywhere in memory', async (t) => {
  const file = wav({ channels: 2, data: s16(16384, 0, -16384, -16384) });
  const shifted = Buffer.concat([Buffer.alloc(3), file]).subarray(3);
  t.same(await read(shifted), [0.25, -0.5]);
  t.equal(openAudio(file).durationS, 2 / 16000);
  t.equal(openAudio(file).rateHz, 16000);
});

test('odd chunks are padded, and chunks of no interest are passed over', async (t) => {
  const file = wav({
    before: [
      ['LIST', Buffer.from('odd')],
      ['fact', Buffer.alloc(4)],
    ],
    data: s16(16384),
  });
  t.same(await read(file), [0.5]);
});

test('wrong sizes in headers end with the file', async (t) => {
  const data = s16(16384, -16384);
  t.same(await read(wav({ data, dataSize: 0xffff_ffff, riffSize: 0xffff_ffff })), [0.5, -0.5], 'sizes never filled in');
  t.same(await read(wav({ data, dataSize: 0, riffSize: 0 })), [0.5, -0.5], 'both sizes zero');
  t.same(await read(wav({ data, dataSize: 1000, riffSize: 3 })), [0.5, -0.5], 'more promised than there is');
  t.same(await read(wav({ data: Buffer.concat([data, Buffer.from([7])]), dataSize: 5 })), [0.5, -0.5], 'half a sample at the end');
});

test('floats that are no samples become silence or the nearest sample', async (t) => {
  const data = Buffer.from(Float32Array.from([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3]).buffer);
  t.same(await read(wav({ tag: 3, bits: 32, data })), [0, 1, -1, 1]);
});

test('hostile files are refused by name, never by a crash', async (t) => {
  const data = s16(1, 2, 3, 4);
  const good = wav({ data });
  const cases: [string, Buffer, RegExp][] = [
    ['empty', Buffer.alloc(0), /RIFF/],
    ['text', Buffer.from('RIFFRAFF and more text than a header has'), /RIFF/],
    ['big-endian', Buffer.concat([Buffer.from('RIFX'), good.subarray(4)]), /RIFX/],
    ['RF64', Buffer.concat([Buffer.from('RF64'), good.subarray(4)]), /RF64/],
    ['cut in the format', good.subarray(0, 30), /format chunk has 10 bytes/],
    ['cut before the data', good.subarray(0, 36), /no data chunk/],
    ['no samples', wav({ data: Buffer.alloc(0) }), /no samples/],
    ['empty data chunk of a finished file', wav({ data: Buffer.alloc(0), before: [] }), /no samples/],
    ['data first', Buffer.concat([good.subarray(0, 12), chunk('data', data), good.subarray(12)]), /before its format/],
    ['A-law', wav({ tag: 6, bits: 8, data }), /A-law of 8 bits/],
    ['MP3', wav({ tag: 85, bits: 0, frameBytes: 1, data }), /MP3/],
    ['unknown codec', wav({ tag: 4711, data }), /format 4711/],
    ['12 bits', wav({ bits: 12, frameBytes: 2, data }), /PCM of 12 bits/],
    ['no channels', wav({ channels: 0, data }), /0 channels/],
    ['many channels', wav({ channels: 500, data: Buffer.alloc(1000) }), /500 channels/],
    ['no rate', wav({ rateHz: 0, data }), /0 Hz/],
    ['wild rate', wav({ rateHz: 4_000_000_000, data }), /4000000000 Hz/],
    ['wrong frame size', wav({ frameBytes: 7, data }), /7 bytes/],
    ['short extensible', wav({ tag: 0xfffe, data }), /extensible format chunk has 16/],
    [
      'nothing but chunks',
      Buffer.concat([good.subarray(0, 36), ...new Array<Buffer>(2000).fill(chunk('junk', Buffer.alloc(0)))]),
      /more than 1024 chunks/,
    ],
  ];
  for (const [name, file, message] of cases) {
    t.throws(() => openAudio(file), { code: 'CAPTURE_DECODE', message }, name);
  }
  const foreign = wav({ extensible: true, data });
  foreign[50] = 9;
  t.throws(() => openAudio(foreign), { code: 'CAPTURE_DECODE', message: /unknown family/ }, 'foreign GUID');
  t.throws(() => openAudio(wav({ rateHz: 4000, bits: 8, data: Buffer.alloc(4000 * 3601) })), { code: 'CAPTURE_TOO_LARGE' }, 'over an hour');
});

test('a header damaged at any byte gives samples or a named error', async (t) => {
  const good = wav({ extensible: true, before: [['LIST', Buffer.from('abc')]], data: s16(...Array.from({ length: 64 }, (_, i) => i)) });
  let refused = 0;
  for (let at = 0; at < good.length - 128; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const bad = Buffer.from(good);
      bad[at] = value;
      try {
        const samples = await openAudio(bad).samples(16000);
        if (samples.some((sample) => !(Math.abs(sample) <= 1))) t.fail(`byte ${at} = ${value}: a sample out of range`);
      } catch (error) {
        refused++;
        if (!(error instanceof ShoalError)) t.fail(`byte ${at} = ${value}: ${String(error)}`);
      }
    }
  }
  t.ok(refused > 50, `${refused} damaged headers were refused`);
});

/** Amplitude of the steady part of a sine at `hz`, and how far the samples are from the ideal one. */
async function tone(fromHz: number, toHz: number, hz: number): Promise<{ level: number; error: number }> {
  const seconds = 0.5;
  const data = Float32Array.from({ length: fromHz * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / fromHz));
  const file = wav({ tag: 3, bits: 32, rateHz: fromHz, data: Buffer.from(data.buffer) });
  const samples = await openAudio(file).samples(toHz);
  let level = 0;
  let error = 0;
  for (let i = Math.round(0.1 * toHz); i < Math.round(0.4 * toHz); i++) {
    level = Math.max(level, Math.abs(samples[i] ?? 0));
    error = Math.max(error, Math.abs((samples[i] ?? 0) - 0.5 * Math.sin((2 * Math.PI * hz * i) / toHz)));
  }
  return { level, error };
}

test('resampling keeps a sine within 0.0002 in the passband, in phase', async (t) => {
  for (const [from, to] of [
    [22050, 16000],
    [44100, 16000],
    [48000, 16000],
    [8000, 16000],
    [44101, 16000],
    [16000, 44100],
  ] as const) {
    for (const share of from === 44101 ? [0.8] : [0.05, 0.4, 0.8]) {
      const hz = (Math.min(from, to) / 2) * share;
      const { error } = await tone(from, to, hz);
      t.ok(error < 2e-4, `${from} to ${to} at ${hz} Hz: off by ${error.toExponential(1)}`);
    }
  }
});

test('resampling removes what would alias, by 70 dB', async (t) => {
  for (const [from, hz] of [
    [44100, 8200],
    [44100, 15000],
    [48000, 9000],
    [22050, 10000],
  ] as const) {
    const { level } = await tone(from, 16000, hz);
    t.ok(level < 0.5 * 10 ** (-70 / 20), `${hz} Hz of ${from} is left with ${(20 * Math.log10(level / 0.5)).toFixed(0)} dB`);
  }
});

test('resampling keeps the length, a constant, and does not depend on its block size', async (t) => {
  const frames = 44100;
  const data = Buffer.from(Float32Array.from({ length: frames }, () => 0.25).buffer);
  const audio = openAudio(wav({ tag: 3, bits: 32, rateHz: 44100, data }));
  const samples = await audio.samples(16000);
  t.equal(samples.length, 16000);
  t.ok(samples.subarray(200, 15800).every((sample) => Math.abs(sample - 0.25) < 1e-4));
  t.equal(await audio.samples(16000), samples, 'the rate is memoised');
  t.equal((await audio.samples(44100)).length, frames);
  t.same(await audio.samples(16000), samples, 'and computed alike again');
});
