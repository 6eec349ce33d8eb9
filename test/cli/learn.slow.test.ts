/** `shoal learn` as an operator runs it: from a table to a model that `shoal infer` judges another table by, and back. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'tap';
import type { CommandContext } from '../../src/cli/command-context.js';
import { hearWindows } from '../../src/cli/learn/hear-windows.js';
import { enough } from '../../src/cli/learn/record-command.js';
import { sentenceOfUndo } from '../../src/cli/learn/take-up.js';
import type { CaptureHeader } from '../../src/core/capture.js';
import { limits } from '../../src/core/limits.js';
import { encodeTapHead } from '../../src/core/tap.js';
import { shoal } from '../support/shoal-command.js';
import { csvOf, motor } from '../support/signals.js';

const tone = (s: number) => (s >= 10 ? 0.3 * Math.sin(2 * Math.PI * 37 * s) : 0);

test('learned from a table, used on another, taken back', async (t) => {
  const home = t.testdir({
    'normal.csv': csvOf(motor({ seconds: 60, seed: 1 })),
    'today.csv': csvOf(motor({ seconds: 12, seed: 2, also: tone })),
    'short.csv': csvOf(motor({ seconds: 5, seed: 1 })),
    'shoal.yaml': `version: 1
device: { id: pump-house }
paths: { state_dir: state, models_dirs: [models] }
inputs: { inbox: { type: folder, path: in } }
sinks: { log: { type: file, path: out.jsonl } }
pipelines:
  pump:
    from: [inbox]
    stages: [{ task: detect-anomaly, model: pump, as: anomaly }]
    report: { when: "anomaly.exists(a, a.label == 'anomaly')", mode: events }
`.replace(/: (state|in|out.jsonl)\b/g, (_, name) => `: PLACE/${name}`),
  });
  const config = path.join(home, 'shoal.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll('PLACE', home).replace('[models]', `[${home}/models]`));

  const short = await shoal(home, 'learn', 'anomaly', '--name', 'pump', '--from', 'short.csv', '-c', config);
  const { stdout: help } = await shoal(home, 'learn', 'anomaly', '--help');
  for (const usual of ['10m', '1s', '4w']) t.ok(help.includes(`(default: ${usual})`), `a default that can be typed: ${usual}`);
  t.match(short, { code: 1, stderr: /shoal: 9 windows of 1 s are too little/ });
  t.notOk(existsSync(path.join(home, 'models')), 'what is refused leaves nothing behind');

  const learned = await shoal(home, 'learn', 'anomaly', '--name', 'pump', '--from', 'normal.csv', '-c', config);
  t.match(learned, { code: 0, stderr: '' });
  t.match(learned.stdout, /Learned from 119 windows of x, y: \d+ features, \d states of the machine/);
  t.match(learned.stdout, /pump@1.0.0 is in .*models\/pump\/1.0.0/);
  t.match(learned.stdout, /No daemon answers on .*; it is taken up when one starts/);

  const found = await shoal(home, 'infer', 'today.csv', '-c', config, '--json');
  t.equal(found.code, 0, found.stderr);
  const { observations } = JSON.parse(found.stdout) as {
    observations: { anomaly: { label: string; text?: string; segment: { start_s: number } }[] };
  };
  const odd = observations.anomaly.filter(({ label }) => label === 'anomaly');
  t.ok(odd.length >= 2 && odd.every(({ segment }) => segment.start_s >= 9), `${odd.map(({ segment }) => segment.start_s)}`);
  t.match(odd.at(-1)?.text, /y: energy from 3/);

  const again = await shoal(home, 'learn', 'anomaly', '--name', 'pump', '--from', 'normal.csv', '-c', config, '--json');
  t.match(JSON.parse(again.stdout), { model: 'pump@2.0.0', events: { on_after_ms: 2000 }, windows: 119 });
  const undone = await shoal(home, 'learn', 'undo', 'pump', '-c', config);
  t.match(undone, {
    code: 0,
    stdout: /pump@2.0.0 is taken back. pump@1.0.0 is the newest again.\nNo daemon answers on .*; there is nothing to reload\./,
  });
});

test('what was taken back is not told as if it were to be written into the configuration', (t) => {
  const reloaded = (pipelines: string[], down: string[] = []) =>
    ({ kind: 'reloaded', pipelines, down: down.map((pipeline) => ({ pipeline, reason: 'no model', ours: true })) }) as const;
  t.equal(sentenceOfUndo(reloaded([]), null), 'The daemon has dropped it.');
  t.equal(sentenceOfUndo(reloaded([], ['bay']), null), 'The daemon has dropped it.\nPipeline bay does not run: no model.');
  t.equal(sentenceOfUndo(reloaded(['bay', 'hall']), 'pump@1.0.0'), 'The daemon runs pump@1.0.0 again: pipelines bay, hall.');
  t.match(sentenceOfUndo({ kind: 'unsure', reason: 'late' }, null), /^Whether the daemon has dropped it is not known \(late\)/);
  t.end();
});

test('why a listening ended is said: sources, files and bytes are no numbers', async (t) => {
  // A socket's path has 107 bytes at most.
  const folder = mkdtempSync(path.join(tmpdir(), 'learn-'));
  const socketPath = path.join(folder, 'socket');
  const server = createServer((_, response) => {
    for (let i = 0; i < limits.learnSourcesNamed; i++) {
      // Retained: what is seen of it is where it came from.
      const header = { input: 'fleet', source: `fleet/${i}`, retained: i === 0 } as CaptureHeader;
      response.write(encodeTapHead({ kind: 'capture', header, bytes: 0, missed: 0 }));
    }
  }).listen(socketPath);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  let said = '';
  const context = { stderr: { write: (text: string) => (said += text) } } as unknown as CommandContext;
  await t.rejects(hearWindows(context, { socketPath, input: 'fleet', seconds: 60 }), { code: 'USAGE', message: /several sources/ });
  t.match(said, /shoal: 20 sources were heard after/);
  t.notMatch(said, /numbers/);
  t.equal(enough(limits.keptFilesMax - 1, limits.recordBytesMax - 1), null);
  t.equal(enough(limits.keptFilesMax, 1), 'one recording has at most 10000 files: it ended');
  t.equal(enough(1, limits.recordBytesMax), 'one recording has at most 1 GiB: it ended');
});
