/** What was learned becomes a version, and can be taken back; nothing else can. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { checkLearnedName, type Learned, undoLearned, writeLearned } from '../../src/learn/write-learned.js';
import { openRegistry } from '../../src/registry/registry.js';
import { verifyModel } from '../../src/registry/verify.js';
import { putEntry } from '../support/tiny-catalogue.js';

const learned: Learned = {
  name: 'pump',
  task: 'detect-anomaly',
  title: 'What is normal for pump',
  onnx: Buffer.from('weights'),
  inputs: [{ name: 'in', dtype: 'float32', shape: [1, 2] }],
  outputs: [{ name: 'out', dtype: 'float32', shape: [1, 1] }],
  params: {},
  labels: ['a', 'b'],
  quality: [{ metric: 'false alarms a day', value: 0.1, data: 'held out', measured_by: 'shoal learn' }],
  note: 'of pump.csv',
  evidence: { windows: 3 },
};

const fine = async () => [];
const all = (folder: string) => (existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String).sort() : []);

async function place(t: Test): Promise<string> {
  return path.join(t.testdir(), 'models');
}

test('each learning is a version of its own, whole and as a registry reads it', async (t) => {
  const folder = await place(t);
  t.match(await writeLearned(folder, learned, fine), { ref: 'pump@1.0.0', folder: path.join(folder, 'pump', '1.0.0') });
  t.match(await writeLearned(folder, learned, fine), { ref: 'pump@2.0.0' });
  const registry = await openRegistry([folder]);
  const model = registry.find('pump');
  t.match(model, { version: '2.0.0', labels: ['a', 'b'], licence: 'LicenseRef-Learned-Here' });
  t.strictSame(registry.problems, []);
  t.strictSame(model && (await verifyModel(model)).problems, []);
  t.match(JSON.parse(readFileSync(path.join(folder, 'pump/2.0.0/learned.json'), 'utf8')), { model: 'pump@2.0.0', windows: 3 });
});

test('what does not run never appears', async (t) => {
  const folder = await place(t);
  const shown: string[] = [];
  const judge = async ({ name, version }: { name: string; version: string }) => {
    shown.push(`${name}@${version}`);
    return ['it cannot be opened'];
  };
  await t.rejects(writeLearned(folder, learned, judge), { code: 'MODEL_INVALID', message: /pump@1.0.0 was fitted, but does not run: it/ });
  t.strictSame(shown, ['pump@1.0.0']);
  t.strictSame(all(folder), []);
});

test('undo takes back the newest; a number is never given twice', async (t) => {
  const folder = await place(t);
  for (let i = 0; i < 3; i++) await writeLearned(folder, learned, fine);
  t.strictSame(await undoLearned(folder, 'pump'), { removed: 'pump@3.0.0', now: 'pump@2.0.0' });
  t.strictSame(await undoLearned(folder, 'pump@1'), { removed: 'pump@1.0.0', now: 'pump@2.0.0' });
  t.match(await writeLearned(folder, learned, fine), { ref: 'pump@4.0.0' });
  await undoLearned(folder, 'pump');
  t.strictSame(await undoLearned(folder, 'pump'), { removed: 'pump@2.0.0', now: null });
  await t.rejects(undoLearned(folder, 'pump'), { code: 'USAGE', message: /nothing to undo: there is no model pump in / });
  t.match(await writeLearned(folder, learned, fine), { ref: 'pump@5.0.0' });
  await t.rejects(undoLearned(folder, 'pump@4'), { code: 'USAGE', message: /nothing to undo: no pump@4; there are pump@5.0.0/ });
});

test('what was not learned is neither taken back nor written over', async (t) => {
  const folder = await place(t);
  putEntry(folder, {});
  const before = all(folder);
  await t.rejects(undoLearned(folder, 'face-finder'), {
    code: 'USAGE',
    message: /was not learned here; "shoal models remove face-finder@/,
  });
  await t.rejects(writeLearned(folder, { ...learned, name: 'face-finder' }, fine), { code: 'USAGE', message: /choose another --name/ });
  t.strictSame(all(folder), before);
  await writeLearned(folder, learned, fine);
  await t.rejects(checkLearnedName(folder, { name: 'pump', task: 'classify-series' }), {
    message: /is for detect-anomaly, not for classify-series/,
  });
  await t.rejects(checkLearnedName(folder, { name: 'My Pump', task: 'detect-anomaly' }), { message: /small letters/ });
  await checkLearnedName(folder, { name: 'pump', task: 'detect-anomaly' });
});
