import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'tap';
import type { Observation } from '../src/core/result.js';
import { Session } from '../src/engine/session.js';
import { readCard } from '../src/registry/card.js';
import { openRegistry } from '../src/registry/registry.js';
import { verifyModel } from '../src/registry/verify.js';
import { tasks } from '../src/tasks/index.js';
import { motionModel } from '../tools/make-motion-model.js';
import { soundShapeModel } from '../tools/make-sound-shape.js';
import { windowStatistics } from '../tools/make-window-statistics.js';
import { learnedBy } from '../tools/model-uses.js';
import { openTask } from '../tools/run-task.js';
import { catalogueEntries } from './support/catalogue.js';
import { distance } from './support/distance.js';

const registry = await openRegistry(['models']);
const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as Observation[];

/** Models without weights of anybody, and what writes them. */
const madeHere: Readonly<Record<string, () => Uint8Array>> = {
  'background-difference': motionModel,
  'sound-shape': soundShapeModel,
  'window-statistics': windowStatistics,
};

test('the distance of golden outputs sees numbers, words and missing things', async (t) => {
  t.equal(distance([{ a: 1, b: ['x'] }], [{ a: 1.5, b: ['x'] }]), 0.5);
  t.equal(distance([{ a: 'x' }], [{ a: 'y' }]), Number.POSITIVE_INFINITY);
  t.equal(distance([{ a: 1 }], [{ a: 1, b: 1 }]), Number.POSITIVE_INFINITY);
  t.equal(distance([], [{}]), Number.POSITIVE_INFINITY);
});

test('every folder of models/ is a model, and every task has one there or in the catalogue', async (t) => {
  t.strictSame(registry.problems, []);
  const entries = await Promise.all(catalogueEntries().map((entry) => readCard(path.resolve('catalogue', entry))));
  for (const { name } of tasks) {
    t.ok(registry.defaultFor(name) ?? entries.find(({ model }) => model.task === name) ?? learnedBy(name), name);
  }
});

test('models of ours are what the tools write', async (t) => {
  for (const [name, make] of Object.entries(madeHere)) {
    const { directory = '' } = registry.find(name) ?? {};
    t.ok((await readFile(path.join(directory, 'model.onnx'))).equals(make()), name);
  }
});

for (const model of registry.list()) {
  test(`${model.name}@${model.version} is what its card says`, async (t) => {
    const task = tasks.find((candidate) => candidate.name === model.task);
    if (task === undefined) throw new Error(`there is no task ${model.task}`);
    const { problems } = await verifyModel(model, {
      fit: task.fit,
      tensors: async (_, variant) => (await Session.open(model, variant, { threads: 1, arena: false })).release(),
    });
    t.strictSame(problems, []);

    const { card } = await readCard(model.directory);
    t.ok(card.source.integrity ?? madeHere[model.name], 'it can be built anew from a pinned package, or by a tool of ours');
    t.ok(card.golden.length > 0, 'it has a golden capture');
    const opened = await openTask(task, model);
    for (const golden of card.golden) {
      const file = (name: string) => path.join(model.directory, name);
      const each = golden.each === undefined ? undefined : await readJson(file(golden.each));
      const { observations } = await opened.run(await readFile(file(golden.capture)), each);
      const expected = await readJson(file(golden.output));
      t.ok(expected.length > 0, 'something is expected');
      const off = distance(JSON.parse(JSON.stringify(observations)), expected);
      t.ok(off <= golden.tolerance, `${golden.capture}: off by ${off}, allowed ${golden.tolerance}`);
    }
    await opened.close();
  });
}
