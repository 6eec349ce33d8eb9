/** From an entry of a catalogue, an archive or a folder to an installed model: whole, or not at all. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { parse, stringify } from 'yaml';
import { compilerGeneration } from '../../src/compile/recipe.js';
import { ShoalError } from '../../src/core/errors.js';
import { openArchive, packModel } from '../../src/registry/archive.js';
import { readCard } from '../../src/registry/card.js';
import { findEntry, openCatalogue } from '../../src/registry/catalogue.js';
import { type FetchInstallOptions, installArchive, installEntry, installFolder } from '../../src/registry/install.js';
import { openRegistry } from '../../src/registry/registry.js';
import type { Source } from '../../src/registry/sources.js';
import { verifyModel } from '../../src/registry/verify.js';
import { bySha256, type HttpsFiles, startHttpsFiles } from '../support/https-files.js';
import { type TarEntry, tarOf } from '../support/tar.js';
import { type EntryChange, putEntry, served, weights, weightsSha256 } from '../support/tiny-catalogue.js';

const verify = async (model: Parameters<typeof verifyModel>[0]) => (await verifyModel(model)).problems;
const everything = (folder: string) => (existsSync(folder) ? readdirSync(folder, { recursive: true }).sort() : []);
const sourceAt = ({ url, ca }: HttpsFiles): Source => ({
  addressOf: ({ sha256 }) => `${url}/models/${sha256}`,
  origin: { allowPrivate: true, ca },
});

const installedFiles = [
  'face-finder',
  'face-finder/1.0.0',
  'face-finder/1.0.0/LICENSE',
  'face-finder/1.0.0/card.yaml',
  'face-finder/1.0.0/golden',
  'face-finder/1.0.0/golden/SOURCES.md',
  'face-finder/1.0.0/golden/input.jpg',
  'face-finder/1.0.0/golden/output.json',
  'face-finder/1.0.0/model.onnx',
];

async function place(t: Test, change: EntryChange = {}, answer = bySha256(served)) {
  const dir = t.testdir();
  const directory = putEntry(path.join(dir, 'catalogue'), change);
  const server = await startHttpsFiles(t, answer);
  const target = path.join(dir, 'models');
  const options: FetchInstallOptions = { sources: [sourceAt(server)], verify, fetch: { resolve: server.resolve } };
  const entry = async () => findEntry(await openCatalogue(path.join(dir, 'catalogue')), change.name ?? 'face-finder');
  return { dir, directory, server, target, options, entry };
}

/** Rejects with one line that matches, and leaves the folder of models empty. */
async function refused(t: Test, what: () => Promise<unknown>, reason: RegExp, target: string): Promise<void> {
  const error = await Promise.resolve()
    .then(what)
    .then(
      () => null,
      (thrown: unknown) => thrown,
    );
  if (!(error instanceof ShoalError)) return void t.fail(`expected ${reason}, got ${error}`);
  t.match(error.message, reason);
  t.notMatch(error.message, /\n/, 'one line');
  t.strictSame(everything(target), [], 'nothing is left behind');
}

test('an entry becomes a model: fetched once by its hash, whole, and what its card says', async (t) => {
  const { server, target, options, entry, directory } = await place(t);
  const progress: unknown[][] = [];
  const folder = await installEntry(await entry(), target, { ...options, onProgress: (...told) => progress.push(told) });
  t.equal(folder, path.join(target, 'face-finder', '1.0.0'));
  t.strictSame(everything(target), installedFiles);
  t.strictSame(readFileSync(path.join(folder, 'card.yaml')), readFileSync(path.join(directory, 'card.yaml')), 'the card byte for byte');
  t.strictSame(
    server.asked.map(({ path: asked }) => asked),
    [`/models/${weightsSha256}`],
  );
  t.strictSame(progress.at(-1), ['model.onnx', weights.length, weights.length]);
  t.equal(statSync(path.join(folder, 'model.onnx')).mode & 0o777, 0o644);
  t.equal(statSync(folder).mode & 0o777, 0o755);
  const registry = await openRegistry([target]);
  t.strictSame(registry.problems, []);
  t.strictSame(await verify(registry.find('face-finder') as Parameters<typeof verify>[0]), []);
});

test('what is readable for the daemon does not depend on the umask of who adds it', async (t) => {
  const { target, options, entry } = await place(t);
  const before = process.umask(0o077);
  try {
    await installEntry(await entry(), target, options);
  } finally {
    process.umask(before);
  }
  for (const [name, mode] of [
    ['.', 0o755],
    ['face-finder', 0o755],
    ['face-finder/1.0.0/golden', 0o755],
    ['face-finder/1.0.0/golden/input.jpg', 0o644],
  ] as const) {
    t.equal(statSync(path.join(target, name)).mode & 0o777, mode, name);
  }
});

test('a file with another hash is refused, and so is one that is no model though its hash is right', async (t) => {
  const lying = await place(t, {}, (_, response) => response.writeHead(200).end(Buffer.alloc(weights.length)));
  await refused(t, async () => installEntry(await lying.entry(), lying.target, lying.options), /has SHA-256/, lying.target);
  t.equal(lying.server.asked.length, 1, 'it was fetched');
  const judged = await place(t);
  const unfit = { ...judged.options, verify: async (model: { directory: string }) => [`${model.directory}/model.onnx does not open`] };
  await refused(
    t,
    async () => installEntry(await judged.entry(), judged.target, unfit),
    /face-finder@1\.0\.0 is not installed: model\.onnx does not open/,
    judged.target,
  );
});

test('sources are asked in their order; one that fails or lies is told and passed over', async (t) => {
  const { target, options, entry, server } = await place(t);
  const empty = await startHttpsFiles(t, (_, response) => response.writeHead(404).end());
  const lying = await startHttpsFiles(t, (_, response) => response.writeHead(200).end(Buffer.alloc(weights.length)));
  const told: string[] = [];
  await installEntry(await entry(), target, {
    ...options,
    sources: [sourceAt(empty), sourceAt(lying), ...options.sources],
    onRefusal: (reason) => told.push(reason),
  });
  t.strictSame(everything(target), installedFiles);
  t.match(told, [/answered 404/, /has SHA-256/]);
  t.equal(server.asked.length, 1);

  const none = await place(t);
  const all = [sourceAt(empty), sourceAt(lying)];
  await refused(
    t,
    async () => installEntry(await none.entry(), none.target, { ...none.options, sources: all }),
    /has SHA-256/,
    none.target,
  );
  await refused(
    t,
    async () => installEntry(await none.entry(), none.target, { ...none.options, sources: [] }),
    /nowhere to fetch from/,
    none.target,
  );
});

test('a variant with a recipe is built from what was fetched under its name', async (t) => {
  const { directory, target, options, entry } = await place(t);
  const recipe = { schema: 'shoal/recipe/1', source_sha256: weightsSha256, compiler: compilerGeneration };
  writeFileSync(path.join(directory, 'fp32.recipe.json'), JSON.stringify(recipe));
  const { buildVariant, parseRecipe } = await import('../../src/compile/recipe.js');
  const built = buildVariant(weights, parseRecipe(JSON.stringify(recipe), 'recipe'));
  const sha256 = createHash('sha256').update(built).digest('hex');
  t.not(sha256, weightsSha256, 'the recipe changes the file');
  const file = path.join(directory, 'card.yaml');
  const card = parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const variants = { fp32: { file: 'model.onnx', recipe: 'fp32.recipe.json', sha256, bytes: built.length } };
  writeFileSync(file, stringify({ ...card, variants }));
  const folder = await installEntry(await entry(), target, options);
  t.strictSame(readFileSync(path.join(folder, 'model.onnx')), Buffer.from(built));
});

test('an entry whose card lies about its name, or names paths outside, is no entry', async (t) => {
  for (const [card, reason] of [
    [{ name: 'something-else' }, /it says something-else@1\.0\.0, its folder says face-finder@1\.0\.0/],
    [{ name: '../face-finder' }, /name: /],
    [{ version: '../1.0.0' }, /version: /],
    [{ labels: '../../etc/passwd' }, /labels: must be a relative path inside the folder/],
    [{ variants: { fp32: { file: '/etc/passwd', sha256: weightsSha256, bytes: 1 } } }, /variants\.fp32\.file: must be a relative/],
    [
      { source: { download: { '../x': { url: 'https://a.test/x', sha256: weightsSha256, bytes: 1 } }, upstream: 'https://a.test' } },
      /source\.download/,
    ],
    [
      { source: { download: { 'model.onnx': { url: 'http://a.test/x', sha256: weightsSha256, bytes: 1 } }, upstream: 'https://a.test' } },
      /must be an https/,
    ],
    [
      {
        source: {
          download: { 'model.onnx': { url: 'https://raw.githubusercontent.com/a/b/main/x', sha256: weightsSha256, bytes: 1 } },
          upstream: 'https://a.test',
        },
      },
      /must name a commit/,
    ],
    [{ source: { upstream: 'https://a.test' } }, /names nothing to download/],
  ] as const) {
    const catalogue = t.testdir();
    putEntry(catalogue, { card });
    const { entries, problems } = await openCatalogue(catalogue);
    t.strictSame(entries, []);
    t.match(problems[0]?.reason, reason);
  }
});

test('what a killed command has left is cleared by the next, what a living one makes is not', async (t) => {
  const { target, options, entry } = await place(t);
  const child = execFileSync(process.execPath, ['-e', 'process.stdout.write(String(process.pid))']).toString();
  mkdirSync(path.join(target, `.changing-${child}-12345-0`, 'face-finder', '1.0.0'), { recursive: true });
  const [, start] = /\) (?:\S+ ){19}(\d+)/.exec(readFileSync('/proc/1/stat', 'utf8')) ?? [];
  mkdirSync(path.join(target, `.changing-1-${start}-0`));
  mkdirSync(path.join(target, '.changing-1-1-0'), { recursive: true });
  await installEntry(await entry(), target, options);
  t.strictSame(readdirSync(target).sort(), [`.changing-1-${start}-0`, 'face-finder'], 'a number that is used again is no life');
  t.strictSame((await openRegistry([target])).problems, [], 'a registry never looks at hidden folders');
});

async function archived(t: Test) {
  const { dir, target, options, entry } = await place(t);
  const folder = await installEntry(await entry(), path.join(dir, 'other-board'), options);
  const { card } = await readCard(folder);
  const file = path.join(dir, 'face-finder.tar');
  await packModel(folder, card, file);
  return { dir, target, file, folder, card };
}

test('an archive holds a model, is the same each time, and is what tar makes of it', async (t) => {
  const { dir, target, file, folder, card } = await archived(t);
  await installArchive(await openArchive(file), target, { verify });
  t.strictSame(everything(target), installedFiles);
  await packModel(folder, card, `${file}.again.tar`);
  t.strictSame(readFileSync(`${file}.again.tar`), readFileSync(file));
  await t.rejects(packModel(folder, card, file), { code: 'USAGE' });
  const interrupted = new Error('interrupted');
  const before = everything(path.dirname(file));
  await t.rejects(packModel(folder, card, `${file}.never.tar`, AbortSignal.abort(interrupted)), interrupted);
  t.strictSame(everything(path.dirname(file)), before, 'no part of an archive is left');

  const listed = execFileSync('tar', ['-tf', file]).toString().trim().split('\n');
  t.equal(listed[0], 'face-finder/1.0.0/card.yaml');
  t.equal(listed.length, 6);
  for (const format of ['ustar', 'gnu']) {
    const foreign = path.join(dir, `${format}.tar`);
    execFileSync('tar', [`--format=${format}`, '-cf', foreign, '-C', path.join(dir, 'other-board'), './face-finder']);
    rmSync(target, { recursive: true });
    await installArchive(await openArchive(foreign), target, { verify });
    t.strictSame(everything(target), installedFiles, format);
  }
  execFileSync('tar', [
    '--format=pax',
    '-cf',
    path.join(dir, 'pax.tar'),
    '--pax-option=comment=x',
    '-C',
    path.join(dir, 'other-board'),
    'face-finder',
  ]);
  await t.rejects(openArchive(path.join(dir, 'pax.tar')), { code: 'MODEL_INVALID', message: /a pax extension; make the archive with/ });
  execFileSync('gzip', ['-k', file]);
  await t.rejects(openArchive(`${file}.gz`), { code: 'MODEL_INVALID', message: /compressed/ });
  execFileSync('mkfifo', [path.join(dir, 'pipe.tar')]);
  await t.rejects(openArchive(path.join(dir, 'pipe.tar')), { code: 'MODEL_INVALID', message: /it is no file/ }, 'and does not wait for it');
});

test('an archive that holds anything but the files of its card is refused before a byte of it is written', async (t) => {
  const { dir, target, folder } = await archived(t);
  const root = 'face-finder/1.0.0';
  const card = readFileSync(path.join(folder, 'card.yaml'));
  const first: TarEntry = { name: `${root}/card.yaml`, body: card };
  const hostile: [TarEntry[], RegExp][] = [
    [
      [first, { name: `${root}/../../../evil`, body: 'x' }],
      /holds "face-finder\/1\.0\.0\/\.\.\/\.\.\/\.\.\/evil", which its card does not name/,
    ],
    [[first, { name: '/etc/cron.d/evil', body: 'x' }], /holds "\/etc\/cron\.d\/evil"/],
    [[first, { name: '../evil', body: 'x' }], /holds "\.\.\/evil"/],
    [[first, { name: `${root}/run.sh`, body: 'x' }], /which its card does not name/],
    [[first, { name: `${root}/model.onnx`, type: '2' }], /"face-finder\/1\.0\.0\/model\.onnx" is a symbolic link/],
    [[first, { name: `${root}/model.onnx`, type: '1' }], /is a hard link/],
    [[first, { name: `${root}/golden`, type: '2' }], /is a symbolic link/],
    [[first, { name: 'zero', type: '3' }], /is a device/],
    [[first, { name: 'pipe', type: '6' }], /is a pipe/],
    [[first, { name: 'x', type: 'L', body: 'y' }], /a long name of GNU tar/],
    [[first, { name: 'x', type: 'V' }], /unknown type "V"/],
    [[first, { name: '../', type: '5' }], /holds the folder "\.\."/],
    [[first, { name: `${root}/model.onnx`, body: Buffer.alloc(weights.length + 1) }], /has 603433 bytes, at most 603432 are expected/],
    [[first, first], /"card\.yaml" comes twice/],
    [[first, { name: 'other/1.0.0/card.yaml', body: card }], /holds 2 models/],
    [[{ name: 'wrong/1.0.0/card.yaml', body: card }], /its card says face-finder@1\.0\.0, its folder is "wrong\/1\.0\.0"/],
    [[{ name: '../1.0.0/card.yaml', body: card }], /its folder is "\.\.\/1\.0\.0"/],
    [[{ name: `${root}/card.yaml`, body: Buffer.alloc(70_000, 'x') }], /card\.yaml is larger than 65536 bytes/],
    [[{ name: `${root}/card.yaml`, body: 'name: [' }], /not readable as YAML/],
    [[{ name: 'notes.txt', body: 'x' }], /holds no <name>\/<version>\/card\.yaml/],
    [[first, { name: `${root}/model.onnx`, bytes: 5e9 }], /ends in the middle of/],
    [[first, ...Array.from({ length: 256 }, (_, i) => ({ name: `${i}` }))], /more than 256 entries/],
    [[first, { name: 'a\u001b[31m', body: 'x' }], /holds "a\?\[31m"/],
  ];
  const file = path.join(dir, 'hostile.tar');
  for (const [entries, reason] of hostile) {
    writeFileSync(file, tarOf(entries));
    await refused(t, async () => installArchive(await openArchive(file), target, { verify }), reason, target);
  }
  t.notOk(existsSync(path.join(dir, 'evil')));
  const damaged = tarOf([first]);
  damaged[10] = 1;
  for (const [bytes, reason] of [
    [damaged, /checksum is wrong/],
    [tarOf([first]).subarray(0, 700), /ends in the middle/],
    [Buffer.alloc(0), /ends in the middle/],
    [Buffer.alloc(2000, 'x'), /no tar archive/],
    [Buffer.alloc(1024), /holds no/],
  ] as const) {
    writeFileSync(file, bytes);
    await refused(t, async () => installArchive(await openArchive(file), target, { verify }), reason, target);
  }
  writeFileSync(file, tarOf([first, { name: `${root}/model.onnx`, body: Buffer.alloc(weights.length) }]));
  await refused(
    t,
    async () => installArchive(await openArchive(file), target, { verify }),
    /its card\.yaml names LICENSE, which is not there/,
    target,
  );
});

test('a folder is taken as its card says, without links, and without what the card does not name', async (t) => {
  const { dir, target, folder } = await archived(t);
  writeFileSync(path.join(folder, 'run.sh'), 'x');
  await installFolder(folder, target, { verify });
  t.strictSame(everything(target), installedFiles);
  rmSync(target, { recursive: true });

  const secret = path.join(dir, 'secret');
  writeFileSync(secret, 'only root may read this');
  rmSync(path.join(folder, 'LICENSE'));
  symlinkSync(secret, path.join(folder, 'LICENSE'));
  await refused(t, () => installFolder(folder, target, { verify }), /LICENSE is no ordinary file of that folder; links/, target);
  rmSync(path.join(folder, 'LICENSE'));
  execFileSync('mkfifo', [path.join(folder, 'LICENSE')]);
  await refused(t, () => installFolder(folder, target, { verify }), /LICENSE is no ordinary file/, target);
  rmSync(path.join(folder, 'LICENSE'));
  copyFileSync(path.resolve('LICENSE'), path.join(folder, 'LICENSE'));
  const golden = path.join(folder, 'golden');
  mkdirSync(path.join(dir, 'elsewhere'));
  for (const name of readdirSync(golden)) copyFileSync(path.join(golden, name), path.join(dir, 'elsewhere', name));
  rmSync(golden, { recursive: true });
  symlinkSync(path.join(dir, 'elsewhere'), golden);
  await refused(t, () => installFolder(folder, target, { verify }), /golden\/input\.jpg is no ordinary file of that folder/, target);
});
