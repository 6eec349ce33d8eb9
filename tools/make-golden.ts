/**
 * Writes the golden outputs of models anew: `node dist/tools/make-golden.js [models/<name>/<version> ...]`, all without arguments.
 *
 * For a person who has looked at the result: the outputs are what this build computes, right or wrong. Deterministic.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Observation } from '../src/core/result.js';
import { readCard } from '../src/registry/card.js';
import { openRegistry } from '../src/registry/registry.js';
import { tasks } from '../src/tasks/index.js';
import { openTask } from './run-task.js';

export async function makeGolden(directory: string): Promise<void> {
  const { card, model } = await readCard(path.resolve(directory));
  const task = tasks.find((candidate) => candidate.name === card.task);
  if (task === undefined) throw new Error(`${directory}: there is no task ${card.task}`);
  const opened = await openTask(task, model);
  for (const golden of card.golden) {
    const file = (name: string) => path.join(model.directory, name);
    const each = golden.each === undefined ? undefined : (JSON.parse(await readFile(file(golden.each), 'utf8')) as Observation[]);
    const { observations, runs } = await opened.run(await readFile(file(golden.capture)), each);
    await writeFile(file(golden.output), `${JSON.stringify(observations, null, 1)}\n`);
    console.log(`${file(golden.output)}: ${observations.length} observations from ${runs} runs`);
  }
  await opened.close();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const named = process.argv.slice(2);
  const all = named.length > 0 ? named : (await openRegistry(['models'])).list().map((model) => model.directory);
  for (const directory of all) await makeGolden(directory);
}
