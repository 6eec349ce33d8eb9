/**
 * Captures brought to a real daemon that is killed while bodies arrive and after it has answered: every caller who was answered is served, every
 * caller who tries again with its key is served once.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { until } from '../support/until.js';
import { wavOf } from '../support/wav.js';

const wav = wavOf(
  Float32Array.from({ length: 8000 }, (_, i) => 0.1 * Math.sin(i / 5)),
  16_000,
);
const flac = execFileSync('ffmpeg', ['-loglevel', 'error', '-i', 'pipe:0', '-f', 'flac', 'pipe:1'], { input: wav });

function config(scratch: Scratch) {
  return {
    device: { id: 'dock-7' },
    http: { port: 0 },
    sinks: { lines: { type: 'file', path: join(scratch.dir, 'lines') } },
    inputs: { clips: { type: 'http' } },
    pipelines: { speech: { from: ['clips'], stages: [{ task: 'detect-speech' }] } },
    engine: { count: 1 },
  };
}

/** Where the daemon that started last listens. */
function urlOf(scratch: Scratch): string {
  return [...readFileSync(scratch.log, 'utf8').matchAll(/"url":"([^"]+)"/g)].at(-1)?.[1] ?? '';
}

async function started(scratch: Scratch): Promise<DaemonProcess> {
  const before = [...readFileSync(scratch.log, { encoding: 'utf8', flag: 'a+' }).matchAll(/"url":"/g)].length;
  const daemon = new DaemonProcess(scratch);
  await daemon.ready();
  await until('it says where it listens', () => [...readFileSync(scratch.log, 'utf8').matchAll(/"url":"/g)].length > before);
  return daemon;
}

interface Brought {
  readonly status: number;
  readonly capture: string;
  readonly repeated: boolean;
}

async function bring(url: string, key: string, body: Uint8Array | ReadableStream): Promise<Brought | null> {
  const init = { method: 'POST', headers: { 'idempotency-key': key, 'x-shoal-name': key }, body, duplex: 'half' };
  try {
    const answer = await fetch(`${url}/v1/captures/clips`, init as RequestInit);
    return { status: answer.status, ...((await answer.json()) as Pick<Brought, 'capture' | 'repeated'>) };
  } catch {
    return null;
  }
}

/** Sends half of a body and then nothing. */
const halting = () => new ReadableStream({ start: (to) => to.enqueue(wav.subarray(0, wav.length / 2)) });

const spoolOf = (scratch: Scratch, place = '') => {
  const folder = join(scratch.dir, 'state', 'spool', 'clips', place);
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [] : [join(folder, entry.name)]));
};

test('a daemon that is killed at any moment loses nothing it answered for, and serves no key twice', async (t) => {
  const scratch = new Scratch();
  t.teardown(() => scratch.remove());
  scratch.configure(config(scratch));
  const answered = new Map<string, string>();
  let [hits, cut, torn, open, repeats] = [0, 0, 0, 0, 0];
  let daemon = await started(scratch);
  for (let round = 0; round < 4; round++) {
    const url = urlOf(scratch);
    const half = bring(url, `half-${round}`, halting());
    await until('a body is under way', () => spoolOf(scratch, 'incoming').length > 0);
    const keys = Array.from({ length: 40 }, (_, i) => `r${round}-${i}`);
    let left = keys;
    const bringAll = async () => {
      for (let key = left[0]; key !== undefined; key = left[0]) {
        left = left.slice(1);
        const answer = await bring(urlOf(scratch), key, left.length % 2 === 0 ? wav : flac);
        if (answer?.status === 202) {
          answered.set(key, answer.capture);
          if (answer.repeated) repeats++;
        } else left = [...left, key];
        if (answer === null) {
          cut++;
          return;
        }
      }
    };
    const callers = Promise.all(Array.from({ length: 6 }, bringAll));
    await sleep(20 + 60 * round);
    hits += Number(await daemon.kill());
    await callers;
    torn += Number((await half) === null);
    open += spoolOf(scratch).length + spoolOf(scratch, 'work').length;
    daemon = await started(scratch);
    t.same(spoolOf(scratch, 'incoming'), [], 'nothing is left of what was torn');
    await Promise.all(Array.from({ length: 6 }, bringAll));
    t.same(left, [], 'everybody was answered in the end');
  }
  t.equal(hits, 4, 'each kill hit a living daemon');
  t.equal(torn, 4, 'and tore an upload');
  t.ok(cut >= 4 && open > 0, `${cut} callers were cut off, ${open} captures were taken and not settled at a kill`);
  const known = async (capture: string) => (await daemon.ask(`/v1/captures/${capture}`)).status === 200;
  for (const [key, capture] of answered) await until(`there is a result for ${key}`, () => known(capture));
  t.equal(answered.size, 160);
  const captures = async () =>
    new Set((await daemon.json<{ results: { captureId: string }[] }>('/v1/results?limit=1000')).results.map(({ captureId }) => captureId));
  t.equal((await captures()).size, 160, 'and there is none of anything else: no key was served twice');
  t.same([spoolOf(scratch), spoolOf(scratch, 'work')], [[], []], 'the spool is empty');
  t.same(spoolOf(scratch, 'failed'), [], 'FLAC and WAV were both heard');
  t.comment(`${repeats} tries were answered as repeated`);

  // The judge sees a loss: what is taken out of a dead daemon's spool never gets a result.
  const more = await Promise.all(Array.from({ length: 30 }, (_, i) => bring(urlOf(scratch), `last-${i}`, wav)));
  await daemon.kill();
  const waiting = [...spoolOf(scratch), ...spoolOf(scratch, 'work')];
  for (const file of waiting) rmSync(file);
  daemon = await started(scratch);
  const lost = [];
  for (const brought of more) if (brought?.status === 202 && !(await known(brought.capture))) lost.push(brought.capture);
  t.ok(waiting.length > 0 && lost.length > 0 && lost.length <= waiting.length, `${waiting.length} taken away, ${lost.length} missed`);
});
