/**
 * Streams of bytes cut into pieces: whatever the arrivals, whatever the bytes.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { openImage } from '../../src/engine/image.js';
import { readWav } from '../../src/engine/wav.js';
import { FixedFramer } from '../../src/inputs/framing/fixed-framer.js';
import type { Dropped, Framer } from '../../src/inputs/framing/framer.js';
import { LengthFramer, lengthPrefixes } from '../../src/inputs/framing/length-framer.js';
import { LineFramer } from '../../src/inputs/framing/line-framer.js';
import { lineReader } from '../../src/inputs/framing/line-values.js';
import { readSentence, sentenceNumber } from '../../src/inputs/framing/nmea.js';
import { SlidingBytes, wavOf } from '../../src/inputs/framing/pcm.js';
import { tiffOf } from '../../src/inputs/framing/tiff.js';

/** Bytes, and where they are cut into arrivals. */
const arrivals = (bytes: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(bytes, fc.array(fc.nat(400), { maxLength: 12 })).map(([all, cuts]) => {
    const ends = [...new Set([...cuts.map((cut) => Math.min(cut, all.length)), all.length])].sort((a, b) => a - b);
    return { all, parts: ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end)) };
  });

const anyBytes = fc.uint8Array({ maxLength: 300 });
/** Many ends of lines among few other bytes. */
const lineBytes = fc.array(fc.constantFrom(0x0a, 0x0d, 0x61, 0x62, 0xff), { maxLength: 300 }).map((bytes) => Uint8Array.from(bytes));

function cutAll(framer: Framer, parts: readonly Uint8Array[]): string[] {
  return parts.flatMap((part) => framer.push(part)).map((piece) => piece.toString('latin1'));
}

test('lines are what stands between line feeds, however they arrive', (t) => {
  const maxBytes = 8;
  fc.assert(
    fc.property(arrivals(lineBytes), ({ all, parts }) => {
      let tooLong = 0;
      const lines = cutAll(new LineFramer({ maxBytes }, () => tooLong++), parts);
      const ended = Buffer.from(all).toString('latin1').split('\n');
      const rest = ended.pop() ?? '';
      const bare = ended.map((line) => line.replace(/\r$/, ''));
      t.same(
        lines,
        bare.filter((line) => line.length > 0 && line.length <= maxBytes),
      );
      const long = bare.filter((line) => line.length > maxBytes).length;
      t.ok(tooLong === long || (tooLong === long + 1 && rest.length > maxBytes), 'each one too long is told once');
    }),
  );
  t.end();
});

test('opened midway, the first line counts from its beginning on', (t) => {
  const framer = new LineFramer({ maxBytes: 80, midway: true }, () => t.fail('nothing was dropped'));
  t.same(cutAll(framer, [Buffer.from('2.5,7\n1'), Buffer.from('2.5,7\r\n')]), ['12.5,7']);
  framer.reset();
  t.same(cutAll(framer, [Buffer.from('5\n6\n')]), ['6']);
  t.end();
});

test('pieces after their length come back as they were, however they arrive', (t) => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 6 });
  const maxBytes = 64;
  fc.assert(
    fc.property(fc.constantFrom(...lengthPrefixes), pieces, fc.array(fc.nat(400), { maxLength: 8 }), (prefix, wanted, cuts) => {
      const width = Number(prefix.replace(/\D/g, '')) / 8;
      const all = Buffer.concat(
        wanted.flatMap((piece) => {
          const head = Buffer.alloc(width);
          if (prefix.endsWith('be')) head.writeUIntBE(piece.length, 0, width);
          else head.writeUIntLE(piece.length, 0, width);
          return [head, Buffer.from(piece)];
        }),
      );
      const ends = [...new Set([...cuts.map((cut) => Math.min(cut, all.length)), all.length])].sort((a, b) => a - b);
      const framer = new LengthFramer({ prefix, maxBytes }, () => t.fail('nothing was dropped'));
      const found = cutAll(
        framer,
        ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end)),
      );
      t.same(
        found,
        wanted.map((piece) => Buffer.from(piece).toString('latin1')),
      );
    }),
  );
  t.end();
});

test('a length nobody allowed loses the stream until it begins anew', (t) => {
  const dropped: Dropped[] = [];
  const framer = new LengthFramer({ prefix: 'u32le', maxBytes: 100 }, (why) => dropped.push(why));
  t.same(cutAll(framer, [Buffer.from('\x02\0\0\0hi\xff\xff\xff\xffmore and more', 'latin1')]), ['hi']);
  t.ok(framer.lost);
  t.same(cutAll(framer, [Buffer.from('\x02\0\0\0hi', 'latin1')]), []);
  framer.reset();
  t.notOk(framer.lost);
  t.same(cutAll(framer, [Buffer.from('\x02\0\0\0hi\x03\0\0\0h', 'latin1')]), ['hi']);
  framer.reset();
  t.same(dropped, ['too_long', 'incomplete']);
  t.end();
});

test('any bytes at all: pieces are bounded, and nothing throws', (t) => {
  fc.assert(
    fc.property(arrivals(anyBytes), fc.constantFrom(...lengthPrefixes), ({ all, parts }, prefix) => {
      for (const piece of cutAll(new LengthFramer({ prefix, maxBytes: 50 }, () => {}), parts))
        t.ok(piece.length >= 1 && piece.length <= 50);
      const fixed = cutAll(new FixedFramer(7, () => {}), parts);
      t.equal(fixed.join(''), Buffer.from(all.subarray(0, all.length - (all.length % 7))).toString('latin1'));
    }),
  );
  t.end();
});

test('windows of bytes begin every hop', (t) => {
  fc.assert(
    fc.property(arrivals(anyBytes), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 30 }), ({ all, parts }, length, hop) => {
      const sliding = new SlidingBytes(length, hop, () => t.fail('nothing was dropped'));
      const wanted: string[] = [];
      for (let at = 0; at + length <= all.length; at += hop) wanted.push(Buffer.from(all.subarray(at, at + length)).toString('latin1'));
      t.same(cutAll(sliding, parts), wanted);
    }),
  );
  t.end();
});

test('of windows that overlap, what a reset gives up is told when no window had it', (t) => {
  const dropped: Dropped[] = [];
  const sliding = new SlidingBytes(4, 2, (why) => dropped.push(why));
  t.same(cutAll(sliding, [Buffer.from('abcd')]), ['abcd']);
  sliding.reset();
  t.same(dropped, [], 'the half that is kept was in the window before');
  t.same(cutAll(sliding, [Buffer.from('abcde')]), ['abcd']);
  sliding.reset();
  sliding.reset();
  t.same(dropped, ['incomplete'], 'once');
  t.same(cutAll(sliding, [Buffer.from('ab')]), []);
  sliding.reset();
  t.same(dropped, ['incomplete', 'incomplete']);
  t.end();
});

test('raw sound and raw pixels become what the engine decodes', async (t) => {
  const wav = readWav(wavOf(new Uint8Array(1600 * 4), { format: 's16le', channels: 2, rateHz: 16_000 }));
  t.match(wav, { format: 's16', channels: 2, rateHz: 16_000, frames: 1600, dataOffset: 44 });
  t.match(readWav(wavOf(new Uint8Array(12), { format: 'f32le', channels: 1, rateHz: 8000 })), { format: 'f32', frames: 3 });
  const colours = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => (i * 37) % 256);
  const image = await openImage(tiffOf(colours, 5, 3, 'rgb24'));
  t.match(image, { width: 5, height: 3 });
  t.same([...(await image.pixels()).data], [...colours]);
  const grey = await openImage(tiffOf(Uint8Array.of(0, 128, 255, 7, 8, 9), 3, 2, 'gray8'));
  t.same(
    [...(await grey.pixels()).data],
    [0, 128, 255, 7, 8, 9].flatMap((value) => [value, value, value]),
  );
});

test('a sentence is one when its checksum says so', (t) => {
  // A receiver's own words, without a place that is anybody's.
  const fix = '$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76';
  const sentence = readSentence(fix);
  if ('why' in sentence) throw new Error(sentence.why);
  t.match(sentence, { talker: 'GP', kind: 'GGA' });
  t.ok(Math.abs((sentenceNumber(sentence, 'lat') ?? 0) - 53.361_336_67) < 1e-6);
  t.ok(Math.abs((sentenceNumber(sentence, 'lon') ?? 0) + 6.505_62) < 1e-6);
  t.equal(sentenceNumber(sentence, '9'), 61.7);
  t.equal(sentenceNumber(sentence, '13'), null, 'an empty field is no number');
  t.same(readSentence(fix.replace('61.7', '61.8')), { why: 'wrong checksum' });
  t.same(readSentence(fix.replace('*76', '')), { why: 'no checksum' });
  t.same(readSentence('# boot'), { why: 'no sentence' });
  t.match(readSentence('$PUBX,00*33'), { talker: '', kind: 'PUBX', fields: ['00'] });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: fix.length - 4 }), fc.integer({ min: 1, max: 127 }), (at, flip) => {
      const damaged = fix.slice(0, at) + String.fromCharCode(fix.charCodeAt(at) ^ flip) + fix.slice(at + 1);
      t.ok('why' in readSentence(damaged), 'no single wrong character passes');
    }),
  );
  t.end();
});

test('numbers of a line', (t) => {
  const read = (options: object, line: string) => {
    const reader = lineReader({ format: 'csv', ...options } as Parameters<typeof lineReader>[0]);
    const values = new Float64Array(reader.channels.length);
    return reader.read(line, values) ?? [...values];
  };
  t.same(read({ fields: ['x', 'y'] }, '1.5, -2e1,7'), [1.5, -20]);
  t.same(read({ fields: { y: 3 } }, '1;2;3'), [3]);
  t.same(read({ fields: { y: 2 } }, '1   2'), [2]);
  t.same(read({ fields: ['x', 'y'] }, 'x,y'), 'no_number');
  t.same(read({ fields: ['x', 'y'] }, '1'), 'no_number');
  t.same(read({ format: 'json', fields: ['a.b', 'c.1'] }, '{"a":{"b":1},"c":[0,"2.5"]}'), [1, 2.5]);
  t.same(read({ format: 'json', fields: { on: 'on' } }, '{"on":true}'), [1]);
  t.same(read({ format: 'json', fields: ['constructor'] }, '{}'), 'no_number');
  t.same(read({ format: 'json', fields: ['a'] }, '{"a":1e999}'), 'no_number');
  t.same(read({ format: 'json', fields: ['a'] }, '{"a":'), 'not_json');
  t.same(read({ format: 'nmea', fields: { v: 'MWV.3' } }, '$WIMWV,214.8,R,0.1,K,A*28'), [0.1]);
  t.same(read({ format: 'nmea', fields: { v: 'RMC.7' } }, '$WIMWV,214.8,R,0.1,K,A*28'), 'other');
  t.same(read({ format: 'nmea', fields: { v: 'MWV.3' } }, '$WIMWV,214.8,R,0.1,K,A*29'), 'bad_checksum');
  t.end();
});
