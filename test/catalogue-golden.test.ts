import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'tap';
import type { Observation } from '../src/core/result.js';
import { readCard } from '../src/registry/card.js';
import { openRegistry } from '../src/registry/registry.js';
import { tasks } from '../src/tasks/index.js';
import { openTask } from '../tools/run-task.js';
import { assembleCatalogue, catalogueEntries } from './support/catalogue.js';
import { distance } from './support/distance.js';

const data = process.env.SHOAL_TEST_DATA;
const entries = catalogueEntries();
const assembled = data === undefined ? null : await assembleCatalogue(data);
const registry = assembled === null ? null : await openRegistry([assembled.directory]);

test('every entry of the catalogue has golden output, or says that it has none', async (t) => {
  const without: string[] = [];
  for (const entry of entries) {
    const { card } = await readCard(path.resolve('catalogue', entry));
    if (card.golden.length === 0) without.push(entry);
  }
  t.same(without, []);
});

for (const entry of entries) {
  const reason =
    assembled === null ? '1 model: SHOAL_TEST_DATA is not set' : assembled.left.find((each) => each.entry === entry)?.reason.slice(0, 120);
  test(`${entry} finds in its golden captures what its card promises, as every variant`, { skip: reason ?? false }, async (t) => {
    t.same(registry?.problems, []);
    const model = registry?.find(entry.replace('/', '@')) ?? null;
    const task = tasks.find(({ name }) => name === model?.task);
    if (model === null || task === undefined) throw new Error(`${entry}: no model, or no task ${model?.task}`);
    const { card } = await readCard(model.directory);
    const file = (name: string) => path.join(model.directory, name);
    const readJson = async (name: string) => JSON.parse(await readFile(file(name), 'utf8')) as Observation[];
    for (const golden of card.golden) {
      const opened = await openTask(task, model);
      const each = golden.each === undefined ? undefined : await readJson(golden.each);
      const { observations } = await opened.run(await readFile(file(golden.capture)), each);
      await opened.close();
      const expected = await readJson(golden.output);
      t.ok(expected.length > 0, 'something is expected');
      const off = distance(JSON.parse(JSON.stringify(observations)), expected);
      t.ok(off <= golden.tolerance, `${golden.capture}: off by ${off}, allowed ${golden.tolerance}`);
    }
    for (const { name } of model.variants.slice(1)) {
      const opened = await openTask(task, model, name);
      const golden = card.golden[0];
      const each = golden?.each === undefined ? undefined : await readJson(golden.each);
      t.ok((await opened.run(await readFile(file(golden?.capture ?? '')), each)).observations.length > 0, `${name} answers too`);
      await opened.close();
    }
  });
}
