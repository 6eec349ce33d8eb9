/**
 * Golden configurations: every construct that decides, with the bundled models on the bundled samples, and what comes of it.
 *
 * Each file in golden-configs/ has pipelines (their inputs, where they matter) and, for each capture and pipeline, its outcome and the
 * states of its stages. They run through `shoal infer`; `route: auto` is a matter of inputs, so that one runs in a daemon.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'tap';
import { parse, stringify } from 'yaml';
import { weekdays } from '../../src/core/active-hours.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { until } from '../support/until.js';

interface Golden {
  readonly inputs?: Readonly<Record<string, object>>;
  readonly pipelines: Readonly<Record<string, { readonly report?: object }>>;
  /** By sample and pipeline: the outcome, then the stages. */
  readonly captures: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

interface Body {
  readonly pipeline: string;
  readonly outcome: string;
  readonly clock_synced: boolean;
  readonly capture: { readonly name: string };
  readonly trace: { readonly stages: readonly { readonly state?: string; readonly escalated?: number }[] };
}

const folder = 'test/e2e/golden-configs';
const root = mkdtempSync(path.join(tmpdir(), 'shoal-golden-'));
// Three days from now, so that no midnight comes between.
const anotherDay = weekdays[(new Date().getUTCDay() + 2) % 7] ?? 'mon';

function configure(name: string, { inputs = { inbox: {} }, pipelines }: Golden): string {
  const file = path.join(root, name);
  const folders = Object.entries(inputs).map(([input, keys]) => [input, { type: 'folder', path: path.join(root, input), ...keys }]);
  const full = Object.entries(pipelines).map(([key, { report, ...pipeline }]) => [
    key,
    { from: Object.keys(inputs), ...pipeline, report: { trace: 'full', ...report } },
  ]);
  const paths = { state_dir: root, run_dir: root };
  const sinks = { out: { type: 'file', path: path.join(root, 'out') } };
  writeFileSync(file, stringify({ version: 1, paths, sinks, inputs: Object.fromEntries(folders), pipelines: Object.fromEntries(full) }));
  return file;
}

function infer(config: string, sample: string): Body[] {
  const env = { ...process.env, ANOTHER_DAY: anotherDay };
  const out = execFileSync(path.resolve('bin/shoal'), ['infer', `samples/${sample}`, '-c', config, '--json'], { encoding: 'utf8', env });
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Body);
}

function told({ outcome, trace }: Body): string[] {
  const stages = trace.stages.map(({ state = 'ran', escalated }) => (escalated === undefined ? state : `${state}, escalated ${escalated}`));
  return [outcome, ...stages];
}

/** Hours silence nothing while the clock is not synchronized. */
function expectedOf(golden: readonly string[] | undefined, { pipeline, clock_synced: synced }: Body): readonly string[] | undefined {
  return pipeline === 'asleep' && !synced ? ['published', ...(golden?.slice(1) ?? [])] : golden;
}

const files = readdirSync(folder).sort();

test('each golden configuration decides as it says', async (t) => {
  t.ok(files.length >= 5, 'no file was lost');
  for (const name of files) {
    const golden = parse(readFileSync(path.join(folder, name), 'utf8')) as Golden;
    const config = configure(name, golden);
    for (const [sample, expected] of Object.entries(golden.captures)) {
      const bodies = infer(config, sample);
      t.same(bodies.map(({ pipeline }) => pipeline).sort(), Object.keys(golden.pipelines).sort(), `${name} ${sample}`);
      for (const body of bodies) t.same(told(body), expectedOf(expected[body.pipeline], body), `${name} ${sample} ${body.pipeline}`);
    }
  }
});

test('with route: auto each capture goes to the pipelines that can read it, whatever they name', async (t) => {
  const scratch = new Scratch();
  const out = path.join(scratch.dir, 'out');
  scratch.configure({
    sinks: { out: { type: 'file', path: out } },
    inputs: {
      inbox: { type: 'folder', path: scratch.inbox, route: 'auto', settle_ms: 20, rescan_ms: 200 },
      other: { type: 'folder', path: path.join(scratch.dir, 'other') },
    },
    pipelines: {
      faces: { stages: [{ task: 'detect-faces', as: 'faces' }] },
      speech: { from: ['other'], stages: [{ task: 'detect-speech', as: 'speech' }] },
    },
  });
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await daemon.kill();
    await scratch.remove();
  });
  await daemon.ready(60_000);
  const put = (name: string, bytes: Buffer | string) => {
    const outside = path.join(scratch.outside, name);
    if (typeof bytes === 'string') copyFileSync(bytes, outside);
    else writeFileSync(outside, bytes);
    renameSync(outside, path.join(scratch.inbox, name));
  };
  put('face', 'samples/astronaut.png');
  put('voice.png', 'samples/announcement.wav');
  put('table.wav', Buffer.from('t,x\n0,1\n1,2\n2,3\n3,4\n4,5\n5,6\n'));
  put('packed.jpg', gzipSync('anything'));
  const lines = () => (existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : []).filter((line) => line !== '');
  const bodies = () => lines().map((line) => JSON.parse(line) as Body);
  await until('both readable captures are told', () => bodies().length >= 2, 60_000);
  const reasons = () => scratch.files('failed').filter((name) => name.endsWith('.reason.txt'));
  await until('the others are put aside, each with its reason', () => reasons().length === 2, 60_000);
  t.same(
    bodies()
      .map(({ capture, pipeline, outcome }) => `${capture.name} ${pipeline} ${outcome}`)
      .sort(),
    ['face faces published', 'voice.png speech published'],
  );
  const said = reasons().map((name) => readFileSync(path.join(scratch.inbox, 'failed', name), 'utf8'));
  for (const what of ['a gzip archive (application/gzip', 'a CSV table (text/csv'])
    t.ok(
      said.some((text) => text.includes(what)),
      what,
    );
});
