import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'tap';
import { configJsonSchema } from '../src/config/json-schema.js';
import { loadConfig } from '../src/config/load-config.js';
import { configReference } from '../src/config/reference.js';
import { parts } from '../src/parts.js';
import { tasks } from '../src/tasks/index.js';
import { isPictured, knownCards, pictureOf } from '../tools/known-cards.js';
import { modelsPage, modelsPageFile } from '../tools/make-models-page.js';
import { learnedBy } from '../tools/model-uses.js';

/** Of a picture in the docs: a page of them has to open over a slow line. */
const pictureBytesMax = 60_000;

const pages = ['README.md', ...readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))];

test('the reference of the configuration is what the parts say today (npm run docs:build)', async (t) => {
  t.equal(await readFile('docs/config.md', 'utf8'), configReference(parts));
});

test("the editors' schema of the configuration is what the parts say today (npm run docs:build)", async (t) => {
  t.equal(await readFile('docs/schema/config.json', 'utf8'), `${JSON.stringify(configJsonSchema(parts), null, 2)}\n`);
});

test('the page of the models is what the cards say today (npm run docs:build)', async (t) => {
  t.equal(await readFile(modelsPageFile, 'utf8'), await modelsPage());
});

test('every task has its place and a model on the page of the models', async (t) => {
  const page = await readFile(modelsPageFile, 'utf8');
  const known = await knownCards();
  for (const { name } of tasks) {
    t.ok(page.includes(`\n## ${name}\n`), `${name} has a section`);
    t.ok(known.some(({ card }) => card.task === name) || learnedBy(name) !== null, `${name} has a model, or is learned`);
  }
});

test('every picture of a model is small and shows what its golden test holds (node dist/tools/make-model-pictures.js)', async (t) => {
  const pictured = (await knownCards()).filter(isPictured);
  t.ok(pictured.length > 0);
  for (const known of pictured) {
    const picture = await readFile(pictureOf(known));
    t.ok(picture.length < pictureBytesMax, `${pictureOf(known)} has ${picture.length} bytes`);
    const { exif } = await sharp(picture).metadata();
    t.ok(exif?.includes(known.golden.hash), `${pictureOf(known)} is of the golden capture and output of today`);
  }
  const files = readdirSync('docs/pictures/models').map((name) => `docs/pictures/models/${name}`);
  t.strictSame(files.sort(), pictured.map(pictureOf).sort(), 'no picture is left of a model that is gone');
});

test('every example on the page of the models is a configuration that passes the check', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'shoal-page-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const examples = [...(await readFile(modelsPageFile, 'utf8')).matchAll(/```yaml\n(stages:[^`]+)```/g)].map(([, example = '']) => example);
  const learned = tasks.filter(({ name }) => learnedBy(name) !== null);
  t.equal(examples.length, (await knownCards()).length + learned.length, 'one for each model, and for each task that is learned');
  for (const [index, example] of examples.entries()) {
    const file = path.join(folder, `${index}.yaml`);
    const indented = example.replace(/^/gm, '    ');
    await writeFile(
      file,
      `version: 1\ndevice: { id: a }\nsinks:\n  log: { type: file, path: ${folder}/out.jsonl }\ninputs:\n  inbox: { type: folder, path: ${folder}/in }\npipelines:\n  example:\n    from: [inbox]\n${indented}\n`,
    );
    await t.resolves(loadConfig(file, parts, { purpose: 'check' }), example);
  }
});

test('every link within the documents leads to a file, and to a heading of it', async (t) => {
  const anchors = (text: string) =>
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
  for (const page of pages) {
    const text = await readFile(page, 'utf8');
    for (const [, target = ''] of text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const found = file === '' ? page : path.join(path.dirname(page), file);
      t.ok(existsSync(found), `${page}: ${target}`);
      if (anchor !== undefined && existsSync(found)) t.ok(anchors(await readFile(found, 'utf8')).includes(anchor), `${page}: ${target}`);
    }
  }
});
