/**
 * `node dist/tools/make-explain-page.js` writes the texts of docs/explain.md anew: what `shoal explain` says of results that a real daemon
 * made of real files.
 *
 * A test makes them again and compares, but for times, ids and scores (test/faults/explain-page.test.ts). All but the texts is written by hand.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import type { StoredResult } from '../src/core/contracts.js';
import { limits } from '../src/core/limits.js';
import { corruptJpeg } from '../test/support/bad-files.js';
import { DaemonProcess, Scratch } from '../test/support/daemon-process.js';
import { isAlive, kill } from '../test/support/processes.js';
import { until } from '../test/support/until.js';

export const explainPageFile = 'docs/explain.md';

/** Variants are named, so that every board tells the same. */
const findText = { task: 'detect-text', as: 'regions', variant: 'fp32' };
const readText = { task: 'read-text', each: 'regions', as: 'lines', variant: 'fp32' };
const findFaces = { task: 'detect-faces', as: 'faces', variant: 'fp32' };

interface Case {
  /** What the pipeline and its input are called. */
  readonly name: string;
  readonly pipeline: Readonly<Record<string, unknown>>;
  readonly file: string;
  /** The bytes, where they are not those of the sample of that name. */
  readonly bytes?: (samples: string) => Promise<Buffer>;
  /** How often the file comes; the last time is explained. */
  readonly times?: number;
  /** Kill every engine that works on it. */
  readonly deadly?: true;
}

/** By the heading on the page. */
const cases: Readonly<Record<string, Case>> = {
  Published: {
    name: 'signs',
    pipeline: { stages: [findText, readText], report: { when: 'lines.exists(l, l.score >= 0.5)' } },
    file: 'sign.jpg',
  },
  'Nothing published': {
    name: 'dangers',
    pipeline: { stages: [findText, readText], report: { when: "lines.exists(l, l.text.contains('DANGER'))" } },
    file: 'sign.jpg',
  },
  'Stopped early': {
    name: 'portraits',
    pipeline: {
      stages: [
        { ...findFaces, stop: { when: 'faces.size() == 0', reason: 'nobody there' } },
        { task: 'landmark-face', each: 'faces', as: 'meshes', variant: 'fp32' },
      ],
    },
    file: 'sign.jpg',
  },
  'A stage that was not needed': {
    name: 'badges',
    pipeline: {
      stages: [findFaces, { ...findText, when: 'faces.exists(f, f.score >= 0.8)' }, readText],
      report: { when: 'lines.size() > 0' },
    },
    file: 'label.png',
  },
  'A second look': {
    name: 'labels',
    pipeline: { stages: [findText, { ...readText, variant: 'int8', accept: 'score >= 0.98', escalate: { variant: 'fp32' } }] },
    file: 'label.png',
  },
  'Not sure': {
    name: 'gate',
    pipeline: { stages: [findFaces], abstain: 'faces.exists(f, f.score < 0.95)', report: { when: 'faces.size() > 0' } },
    file: 'astronaut.png',
  },
  Late: { name: 'hurried', pipeline: { stages: [findText, readText], budget_ms: 100 }, file: 'label.png' },
  'In a cheaper way': {
    name: 'lobby',
    pipeline: { stages: [findFaces, findText, readText], budget_ms: 200, degrade: [{ skip: 'regions' }] },
    file: 'label.png',
    // The first time it is late, and known to be so dear.
    times: 2,
  },
  'Part of an event': {
    name: 'visitors',
    pipeline: { stages: [findFaces], report: { mode: 'events', when: 'faces.exists(f, f.score >= 0.6)' } },
    file: 'astronaut.png',
  },
  'A broken file': {
    name: 'uploads',
    pipeline: { stages: [findFaces] },
    file: 'torn.jpg',
    bytes: async (samples) => corruptJpeg(readFileSync(path.join(samples, 'sign.jpg'))),
  },
  'No pipeline for it': {
    name: 'pictures',
    pipeline: { stages: [findFaces] },
    file: 'minutes.txt',
    bytes: async () => Buffer.from('Present: everyone. Decided: nothing.\n'),
  },
  Quarantined: {
    name: 'cursed',
    pipeline: { stages: [findFaces] },
    file: 'poison.jpg',
    // Its decoding takes long enough to strike while an engine is at it.
    bytes: () =>
      sharp({ create: { width: 7000, height: 7000, channels: 3, background: '#a08060' } })
        .jpeg()
        .toBuffer(),
    deadly: true,
  },
};

/** What `shoal explain` says of each, by heading. */
export async function explainedTexts(samples = 'samples'): Promise<Readonly<Record<string, string>>> {
  const scratch = new Scratch();
  const folder = (name: string) => path.join(scratch.dir, name);
  const all = Object.values(cases);
  scratch.configure({
    device: { id: 'dock-7' },
    engine: { count: 1 },
    sinks: { out: { type: 'file', path: folder('out.ndjson') } },
    inputs: Object.fromEntries(all.map(({ name }) => [name, { type: 'folder', path: folder(name), settle_ms: 20, rescan_ms: 500 }])),
    pipelines: Object.fromEntries(all.map(({ name, pipeline }) => [name, { from: [name], ...pipeline }])),
  });
  const daemon = new DaemonProcess(scratch);
  try {
    await daemon.ready();
    const texts: Record<string, string> = {};
    for (const [heading, one] of Object.entries(cases)) {
      let id = '';
      for (let time = 1; time <= (one.times ?? 1); time++) {
        await put(one, samples, scratch.outside, folder(one.name));
        id = await settledId(daemon, one, folder(one.name), time);
      }
      const { stdout } = await promisify(execFile)(path.resolve('bin/shoal'), ['explain', id, '--socket', scratch.socket]);
      texts[heading] = stdout.trimEnd();
    }
    return texts;
  } finally {
    await scratch.remove();
  }
}

/** Renames it into the folder, finished. */
async function put({ file, bytes }: Case, samples: string, outside: string, folder: string): Promise<void> {
  const finished = path.join(outside, file);
  if (bytes === undefined) copyFileSync(path.join(samples, file), finished);
  else writeFileSync(finished, await bytes(samples));
  mkdirSync(folder, { recursive: true });
  renameSync(finished, path.join(folder, file));
}

/** Once there are so many results and what is owed is paid; of a capture put aside or dropped its id is asked for, as an operator finds it. */
async function settledId(daemon: DaemonProcess, { name, file, deadly }: Case, folder: string, time: number): Promise<string> {
  if (deadly) await strike(daemon, path.join(folder, 'work'), file);
  let found: StoredResult | undefined;
  await until(`something is told of ${file}`, async () => {
    const { results } = await daemon.json<{ results: StoredResult[] }>(`/v1/results?input=${name}`);
    [found] = results;
    const { sinks } = await daemon.json<{ sinks: Record<string, { owed: number }> }>('/v1/status');
    return results.length === time && Object.values(sinks).every(({ owed }) => owed === 0);
  });
  if (found === undefined) throw new Error(`nothing is told of ${file}`);
  return deadly || found.outcome === 'dropped' ? found.captureId : found.id;
}

/** Ends the engine that works on the file, until the daemon gives it up: twice, as each time it is alone there. */
async function strike(daemon: DaemonProcess, work: string, file: string): Promise<void> {
  const claimed = () => readdirSync(work).find((name) => name.endsWith(`_${file}`));
  await until(`${file} is taken`, () => existsSync(work) && claimed() !== undefined);
  for (let crashes = 0; crashes < limits.soloCrashesMax; crashes++) {
    // Once it ran alone, its name says so; before, it is alone for want of others.
    await until(`${file} runs`, () => crashes === 0 || /_\d\ds_/.test(claimed() ?? ''));
    await sleep(100);
    const struck = claimed();
    for (const pid of daemon.engines()) if (kill(pid)) await until('the engine is dead', () => !isAlive(pid));
    await until('the daemon has noted it', () => claimed() !== struck);
  }
}

/** The page with these texts in the place of those it has. Throws where a heading or its text is missing. */
export function withTexts(page: string, texts: Readonly<Record<string, string>>): string {
  return Object.entries(texts).reduce((text, [heading, block]) => {
    const place = new RegExp(`(\n## ${heading}\n(?:(?!\n## )[^])*?\`\`\`\n)[^]*?(\n\`\`\`\n)`);
    if (!place.test(text)) throw new Error(`${explainPageFile} has no text below "## ${heading}"`);
    return text.replace(place, (_, before: string, after: string) => before + block + after);
  }, page);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(explainPageFile, withTexts(readFileSync(explainPageFile, 'utf8'), await explainedTexts()));
}
