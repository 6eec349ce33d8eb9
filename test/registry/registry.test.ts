import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Test, test } from 'tap';
import { ShoalError } from '../../src/core/errors.js';
import { asVariant, type ModelFacts } from '../../src/core/model.js';
import { readCard } from '../../src/registry/card.js';
import { compareVersions, openRegistry, type Registry } from '../../src/registry/registry.js';
import { verifyModel } from '../../src/registry/verify.js';

import { accuracy, card, cost, put, variantWith, weights } from '../support/cards.js';

const folderOf = (t: Test) => t.testdir();
const names = (registry: Registry) => registry.list().map((model) => `${model.name}@${model.version}`);

test('a card becomes a model with absolute paths, labels and its first variant first', async (t) => {
  const root = folderOf(t);
  const variant = (card('a', '1.0.0').variants as { fp32: object }).fp32;
  const folder = await put(root, 'a', '1.0.0', { labels: 'labels.txt', variants: { int8: variant, fp32: variant } });
  await writeFile(path.join(folder, 'labels.txt'), 'one\n \n\ntwo\n');
  const { model } = await readCard(folder);
  t.strictSame(model.labels, ['one', ' ', '', 'two'], 'a space is a label, an empty line has its place, the last line end is none');
  t.strictSame(
    model.variants.map(({ name }) => name),
    ['int8', 'fp32'],
  );
  t.equal(model.variants[0]?.path, path.join(folder, 'model.onnx'));
  t.equal(model.source, 'https://example.com/things');
});

test('a variant may have tensors of its own and states what it loses; the others keep those of the model', async (t) => {
  const root = folderOf(t);
  const { fp32 } = card('a', '1.0.0').variants as { fp32: object };
  const own = [{ name: 'x', dtype: 'uint8', shape: [1, 'length'] }];
  const variants = { fp32: { ...fp32, recipe: 'fp32.recipe.json' }, int8: { ...fp32, inputs: own, accuracy, cost: [cost] } };
  const folder = await put(root, 'a', '1.0.0', { variants, pinned: { arm64: 'int8', default: 'fp32' } });
  const { model } = await readCard(folder);
  const [first, second] = model.variants;
  t.ok(first && second);
  if (!first || !second) return;
  t.strictSame(second.accuracy, { metric: 'things missed', loss: 0.01, bound: 0.02, budget: 0.03 });
  t.equal(asVariant(model, first).inputs, model.inputs);
  t.strictSame(asVariant(model, second).inputs, own);
  t.equal(asVariant(model, second).outputs, model.outputs);
  t.strictSame(model.pinned, { arm64: 'int8', default: 'fp32' });
  const seen: string[] = [];
  const fit = (facts: ModelFacts) => void seen.push(facts.inputs[0]?.dtype ?? 'none');
  await verifyModel(model, { fit });
  t.strictSame(seen, ['float32', 'uint8'], 'the task is asked about both kinds of tensors');
});

test('of the accuracies on several machines the one nearest to its budget speaks for the variant', async (t) => {
  const { fp32 } = card('a', '1.0.0').variants as { fp32: object };
  const read = async (entries: object) => {
    const folder = await put(folderOf(t), 'a', '1.0.0', { variants: { fp32, int8: { ...fp32, accuracy: entries } } });
    return (await readCard(folder)).model.variants[1]?.accuracy?.bound;
  };
  const other = (bound: number) => ({ ...accuracy, bound, machine: 'another' });
  t.equal(await read([accuracy, other(0.015)]), 0.02);
  t.equal(await read([accuracy, other(0.025), other(0.011)]), 0.025);
  t.equal(await read([accuracy, { ...other(0.015), budget: 0.01 }]), 0.015, 'what exceeds its own budget is the worst');
});

test('broken cards are reported with path and reason and hide no other', async (t) => {
  const root = folderOf(t);
  await put(root, 'good', '1.0.0');
  const broken: [string, string | Record<string, unknown>, RegExp][] = [
    ['bad-yaml', 'name: [unclosed', /YAML/],
    ['empty', '', /card: /],
    ['bombed', `a: &a [x]\nb: [${'*a,'.repeat(200)}]`, /YAML|alias/i],
    ['unknown-key', { colour: 'red' }, /colour/],
    ['no-licence', { licence: '' }, /licence/],
    ['no-source', { source: {} }, /source\.upstream/],
    ['half-source', { source: { upstream: 'https://example.com', package: 'x@1.0.0' } }, /belong together/],
    ['climbs', { variants: { fp32: { file: '../other/model.onnx', sha256: 'a'.repeat(64), bytes: 1 } } }, /inside the folder/],
    ['absolute', { labels: '/etc/passwd' }, /inside the folder/],
    ['other-name', { name: 'another' }, /its folder says other-name@1\.0\.0/],
    ['other-version', { version: '2.0.0' }, /must agree/],
    ['no-variants', { variants: {} }, /at least one variant/],
    ['pinned-nowhere', { pinned: { 'x64-vnni': 'int4' } }, /pinned\.x64-vnni: there is no variant "int4", only fp32/],
    ['pinned-strange', { pinned: { riscv: 'fp32' } }, /pinned/],
    ['bound-below', variantWith({ accuracy: { ...accuracy, bound: 0.001 } }), /bound is the upper bound of loss/],
    ['none-told', variantWith({ accuracy: [] }), /accuracy/],
    ['hearsay', variantWith({ accuracy: { ...accuracy, measured_by: undefined } }), /accuracy\.0\.measured_by/],
    ['no-machine', variantWith({ cost: [{ ...cost, machine: '' }] }), /cost\.0\.machine/],
    ['recipe-climbs', variantWith({ recipe: '../r.json' }), /inside the folder/],
    ['no-labels', { labels: 'labels.txt' }, /cannot read .*labels\.txt/],
    ['two-wrong', { title: 7, inputs: [] }, /title.*inputs/],
  ];
  for (const [name, change] of broken) await put(root, name, '1.0.0', change);
  await mkdir(path.join(root, 'cardless', '1.0.0'), { recursive: true });
  await mkdir(path.join(root, 'is-a-folder', '1.0.0', 'card.yaml'), { recursive: true });
  await put(root, 'huge', '1.0.0', `# ${'x'.repeat(70_000)}`);
  await symlink('/nowhere', path.join(root, 'dangling'));
  await writeFile(path.join(root, 'README.md'), 'a file is no model');
  await mkdir(path.join(root, '.hidden'));
  const registry = await openRegistry([root, path.join(root, 'absent')]);
  t.strictSame(names(registry), ['good@1.0.0']);
  const reasonFor = (name: string) =>
    registry.problems.find((problem) => problem.path.startsWith(path.join(root, name)))?.reason ?? 'no problem';
  for (const [name, , reason] of broken) t.match(reasonFor(name), reason, name);
  t.match(reasonFor('cardless'), /cannot read .*card\.yaml/);
  t.match(reasonFor('is-a-folder'), /not a file/);
  t.match(reasonFor('huge'), /the limit is/);
  t.match(reasonFor('dangling'), /cannot be read/);
  t.match(reasonFor('absent'), /cannot be read/);
  t.equal(registry.problems.length, broken.length + 5);
});

test('of two models with one name and version the earlier directory counts, and the other is reported', async (t) => {
  const root = folderOf(t);
  const first = await put(path.join(root, 'one'), 'a', '1.0.0');
  const second = await put(path.join(root, 'two'), 'a', '1.0.0');
  await put(path.join(root, 'two'), 'a', '1.1.0');
  const registry = await openRegistry([path.join(root, 'one'), path.join(root, 'two')]);
  t.equal(registry.find('a@1.0.0')?.directory, first);
  t.match(registry.problems, [{ path: second, reason: /already in/ }]);
  t.equal(registry.find('a')?.version, '1.1.0');
});

test('a reference finds the newest version, an exact one, or the newest that begins so', async (t) => {
  const root = folderOf(t);
  for (const version of ['1.2.0', '1.10.0', '2.0.0-beta.1', '1.9.9']) await put(root, 'a', version);
  await put(root, 'b', '0.1.0', { task: 'count-things' });
  const registry = await openRegistry([root]);
  const found = (ref: string) => registry.find(ref)?.version ?? null;
  t.equal(found('a'), '2.0.0-beta.1');
  t.equal(found('a@1'), '1.10.0');
  t.equal(found('a@1.2'), '1.2.0');
  t.equal(found('a@1.9.9'), '1.9.9');
  for (const ref of ['a@3', 'a@1.1', 'a@', 'c', '', '@1', 'a@1.2.0.0']) t.equal(found(ref), null, `"${ref}"`);
  t.equal(registry.defaultFor('count-things')?.name, 'b');
  t.equal(registry.defaultFor('find-things')?.version, '2.0.0-beta.1');
  t.equal(registry.defaultFor('nothing'), null);
});

test('versions are ordered by number, a pre-release before its release', async (t) => {
  const ordered = ['0.9.9', '1.0.0-alpha', '1.0.0-beta', '1.0.0', '1.2.0', '1.10.0'];
  t.strictSame([...ordered].reverse().sort(compareVersions), ordered);
  t.equal(compareVersions('1.0.0', '1.0.0'), 0);
});

test('verification names each file that is not what the card promises', async (t) => {
  const root = folderOf(t);
  const folder = await put(root, 'a', '1.0.0');
  const { model } = await readCard(folder);
  t.strictSame((await verifyModel(model)).problems, []);

  const opened: string[] = [];
  const checks = {
    tensors: async (_: unknown, variant: { name: string }) => {
      opened.push(variant.name);
      throw new ShoalError('MODEL_TENSOR', 'input "x" is int8');
    },
    fit: () => {
      throw new ShoalError('MODEL_INVALID', 'it does not suit');
    },
  };
  t.strictSame((await verifyModel(model, checks)).problems, ['it does not suit', 'input "x" is int8']);
  t.strictSame(opened, ['fp32']);

  await writeFile(path.join(folder, 'model.onnx'), weights.toString().replace('weights', 'weightz'));
  t.match((await verifyModel(model, checks)).problems, ['it does not suit', /has SHA-256 .* its card says/]);
  t.equal(opened.length, 1, 'a file with a wrong hash is never opened');
  await writeFile(path.join(folder, 'model.onnx'), 'short');
  t.match((await verifyModel(model)).problems, [/has 5 bytes, its card says 17/]);
  await rm(path.join(folder, 'model.onnx'));
  await writeFile(path.join(folder, 'LICENSE'), '');
  t.match((await verifyModel(model)).problems, [/LICENSE is missing or empty/, /model\.onnx is missing/]);
});
