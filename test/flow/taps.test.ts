/** Taps: captures seen beside the corridor, in order, bounded, and counted where a reader is slow. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import { limits } from '../../src/core/limits.js';
import { Receipt } from '../../src/core/receipt.js';
import { encodeTapHead, readTapFrames, type TapFrame, type TapHead } from '../../src/core/tap.js';
import { Taps } from '../../src/flow/taps.js';
import { until } from '../support/until.js';

let seq = 0;

function capture(input: string, content: Capture['content'], bytes = 'bytes' in content ? content.bytes.length : 0): Capture {
  const header = { id: `c${++seq}`, input, name: `c${seq}`, kind: 'text', mediaType: 'text/plain', bytes } as const;
  return { header: { ...header, capturedAt: '2026-01-01T00:00:00.000Z', clockSynced: true, boot: 1, seq }, content };
}

const receipt = () => new Receipt(() => {});

/** Takes frames as long as its gate is open. */
function reader() {
  const frames: TapFrame[] = [];
  let ended = false;
  let gate: Promise<void> = Promise.resolve();
  return {
    frames,
    hold: (until: Promise<void>) => (gate = until),
    shown: () => frames.flatMap(({ head }) => (head.kind === 'capture' ? [head] : [])),
    get ended() {
      return ended;
    },
    port: {
      write: async (frame: TapFrame) => {
        frames.push(frame);
        await gate;
      },
      end: () => (ended = true),
    },
  };
}

test('an offer is seen by those who watch its input, goes on at once, and ends with the time', async (t) => {
  const offered: string[] = [];
  const taps = new Taps({ a: {}, b: { redact: {} } });
  t.strictSame([taps.names, [...taps.hidden]], [['a', 'b'], ['b']]);
  const offer = taps.over(async ({ header }) => void offered.push(header.id));
  await offer(capture('a', { bytes: Buffer.from('before') }), receipt());
  const one = reader();
  t.type(taps.open('a', 0.2, one.port), 'function');
  const home = t.testdir({ 'by-path': 'of a file' });
  await offer(capture('a', { bytes: Buffer.from('first') }), receipt());
  await offer(capture('b', { bytes: Buffer.from('of another input') }), receipt());
  await offer(capture('a', { path: join(home, 'by-path') }, 9), receipt());
  await offer(capture('a', { path: join(home, 'gone') }, 4), receipt());
  await offer(capture('a', { bytes: Buffer.from('huge') }, limits.tapContentBytesMax + 1), receipt());
  t.equal(offered.length, 6, 'nothing was held up');
  await until('the time is over', () => one.ended);
  t.strictSame(
    one.frames.flatMap(({ head, content }) => (head.kind === 'capture' ? [`${content} ${head.left_out ?? ''}`] : [])),
    ['first ', 'of a file ', ' gone', ' too_large'],
  );
  t.match(one.frames.at(-1)?.head, { kind: 'end', reason: 'time', missed: 0 });
  await offer(capture('a', { bytes: Buffer.from('after') }), receipt());
  t.equal(one.shown().length, 4);
});

test('a slow reader misses captures and is told how many; a claimed file that was renamed is found', async (t) => {
  const taps = new Taps({ a: {} });
  const offer = taps.over(async () => {});
  const slow = reader();
  let release = (): void => {};
  slow.hold(new Promise((open) => (release = open)));
  taps.open('a', 60, slow.port);
  const home = t.testdir({});
  const old = join(home, 'old');
  const moved = join(home, 'moved');
  writeFileSync(moved, 'moved');
  let asked = 0;
  const claimed = capture('a', { path: old }, 5);
  const renamed: Capture = {
    header: claimed.header,
    get content() {
      return { path: asked++ === 0 ? old : moved };
    },
  };
  await offer(renamed, receipt());
  await sleep(50);
  for (let i = 0; i < limits.tapWaitingMax + 4; i++) await offer(capture('a', { bytes: Buffer.from('x') }), receipt());
  rmSync(moved);
  release();
  await until('all that waited is shown', () => slow.shown().length === limits.tapWaitingMax);
  t.equal(String(slow.frames.find(({ head }) => head.kind === 'capture')?.content), 'moved');
  t.equal(slow.shown().at(-1)?.missed, 5);
  taps.stop();
  await until('it ended', () => slow.ended);
  t.match(slow.frames.at(-1)?.head, { kind: 'end', reason: 'stopping', missed: 5 });
});

test('at most a few watch at once; whoever leaves makes room', (t) => {
  const taps = new Taps({ a: {} });
  const closes = Array.from({ length: limits.tapsMax }, () => taps.open('a', 60, reader().port));
  t.ok(closes.every((close) => close !== null));
  t.equal(taps.open('a', 60, reader().port), null);
  closes[0]?.();
  closes[0]?.();
  t.not(taps.open('a', 60, reader().port), null);
  taps.stop();
  t.equal(taps.open('a', 60, reader().port), null, 'not once it stops');
  t.end();
});

test('frames are read however they were cut, up to the last whole one; what is none is refused', async (t) => {
  const heads: TapHead[] = [
    { kind: 'alive', missed: 0 },
    { kind: 'capture', header: capture('a', { bytes: Buffer.alloc(3) }).header, bytes: 3, missed: 1 },
    { kind: 'end', reason: 'time', missed: 1 },
  ];
  const bytes = Buffer.concat([...heads.flatMap((head) => [encodeTapHead(head), Buffer.from(head.kind === 'capture' ? 'abc' : '')])]);
  async function* cut(size: number, end = bytes.length) {
    for (let at = 0; at < end; at += size) yield bytes.subarray(at, Math.min(end, at + size));
  }
  const read = async (stream: AsyncIterable<Uint8Array>) => {
    const frames: TapFrame[] = [];
    for await (const frame of readTapFrames(stream)) frames.push(frame);
    return frames;
  };
  for (const size of [1, 7, bytes.length]) {
    const frames = await read(cut(size));
    t.strictSame(
      frames.map(({ head }) => head),
      heads,
    );
    t.equal(String(frames[1]?.content), 'abc');
  }
  t.equal((await read(cut(5, bytes.length - 1))).length, 2);
  async function* rubbish() {
    yield Buffer.from('HTTP/1.1 200 OK');
  }
  await t.rejects(read(rubbish()), { code: 'DAEMON_UNREACHABLE' });
});
