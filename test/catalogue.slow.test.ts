/**
 * Every entry of the catalogue: fit to be listed anywhere, and, where the shared test data holds its files, added through the real download
 * path from a server on loopback.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { parseRecipe } from '../src/compile/recipe.js';
import { reasonOf } from '../src/core/errors.js';
import { modelRef } from '../src/core/model.js';
import { filesOfCard } from '../src/registry/card-files.js';
import { type CatalogueEntry, openCatalogue } from '../src/registry/catalogue.js';
import { readDescription } from '../src/registry/describe.js';
import { openRegistry } from '../src/registry/registry.js';
import { tasks } from '../src/tasks/index.js';
import { catalogueBoard } from './support/catalogue-board.js';
import { bySha256 } from './support/https-files.js';

const { entries, problems } = await openCatalogue('catalogue');
const bundled = await openRegistry(['models']);
const isFile = (file: string) => statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** Of the shared test data, by hash. */
function sharedFiles(): Map<string, Uint8Array> {
  const data = process.env.SHOAL_TEST_DATA;
  if (data === undefined) return new Map();
  const found = readdirSync(path.join(data, 'models'), { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return new Map(
    found.map((file) => {
      const content = readFileSync(path.join(file.parentPath, file.name));
      return [createHash('sha256').update(content).digest('hex'), content];
    }),
  );
}

const shared = sharedFiles();

/** Why an entry cannot be added here; null when it can. */
function obstacle({ card, directory }: CatalogueEntry): string | null {
  const downloads = Object.values(card.source.download ?? {});
  if (downloads.some(({ sha256 }) => !shared.has(sha256))) return '1 model: SHOAL_TEST_DATA is not set or lacks its files';
  for (const { recipe } of Object.values(card.variants)) {
    try {
      if (recipe !== undefined) parseRecipe(readFileSync(path.join(directory, recipe), 'utf8'), recipe);
    } catch (error) {
      return reasonOf(error);
    }
  }
  return null;
}

test('the catalogue has no broken entry, and none that comes with Shoal anyway', (t) => {
  t.strictSame(problems, []);
  t.ok(entries.length > 0);
  for (const { card } of entries)
    t.notOk(
      bundled.versions(card.name).some(({ version }) => version === card.version),
      modelRef(card),
    );
  t.end();
});

const detectors = ['fastestdet', 'yolox-nano'].map((name) => entries.find(({ card }) => card.name === name));
const lacking = detectors.flatMap((entry) => (entry === undefined ? 'one is gone' : (obstacle(entry) ?? [])))[0] ?? false;

test('a second model for a task that none comes with says what will run, and what keeps the first does keep it', {
  skip: lacking,
}, async (t) => {
  const board = await catalogueBoard(t, path.resolve('catalogue'), bySha256(shared));
  t.match((await board.models('add', 'yolox-nano')).out, /no model will run yolox-nano@1\.0\.0, of which there was none/);
  const { out } = await board.models('add', 'fastestdet');
  t.match(out, /will run fastestdet@1\.0\.0, no longer yolox-nano@1\.0\.0 \("model: yolox-nano" in the stage keeps it\)/);
});

test('what was not evaluated is listed as that', async (t) => {
  const board = await catalogueBoard(t, path.resolve('catalogue'));
  t.match((await board.models('catalogue')).out, /^ {2}machine-sound-ad01@1\.0\.0: not evaluated$/m);
});

for (const entry of entries) {
  const { card, directory } = entry;
  test(`${modelRef(card)} can be listed: licence, files, task`, async (t) => {
    t.ok(card.attribution, 'it says who is to be named');
    const fetched = Object.keys(card.source.download ?? {});
    const built = Object.values(card.variants).filter(({ recipe }) => recipe !== undefined);
    for (const { path: name, needed } of filesOfCard(card)) {
      if (!needed || fetched.includes(name) || built.some(({ file }) => file === name)) continue;
      t.ok(isFile(path.join(directory, name)), `${name} is in the entry or fetched`);
    }
    for (const name of fetched) t.notOk(isFile(path.join(directory, name)), `${name} is not in the repository, since it is fetched`);
    const task = tasks.find(({ name }) => name === card.task);
    if (task === undefined) return void t.fail(`there is no task ${card.task}`);
    if (card.labels === undefined || isFile(path.join(directory, card.labels)))
      task.fit((await readDescription(path.join(directory, 'card.yaml'))).facts);
  });

  test(`${modelRef(card)} is added with one command and opens in an engine`, { skip: obstacle(entry) ?? false }, async (t) => {
    const board = await catalogueBoard(t, path.resolve('catalogue'), bySha256(shared));
    const { code, out, err } = await board.models('add', modelRef(card));
    t.equal(code, 0, err);
    t.match(out, new RegExp(`^${card.name}@${card.version} is in `));
    const hashes = new Set(Object.values(card.source.download ?? {}).map(({ sha256 }) => sha256));
    t.equal(board.mirror.asked.length, hashes.size, 'each file was fetched once');
    t.match(await board.models('verify', modelRef(card)), { code: 0 });
  });
}
