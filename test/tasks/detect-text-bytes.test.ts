/**
 * A detector that takes pixels as bytes, made from the bundled one by a recipe: in a folder of models of its own, from the card to the
 * boxes, beside the variant that is fed planes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'tap';
import { parse, stringify } from 'yaml';
import { buildVariant, compilerGeneration, parseRecipe, type Recipe, recipeText } from '../../src/compile/recipe.js';
import { asVariant } from '../../src/core/model.js';
import { openImage } from '../../src/engine/image.js';
import { readCard } from '../../src/registry/card.js';
import { verifyModel } from '../../src/registry/verify.js';
import { detectText, normalise } from '../../src/tasks/detect-text.js';
import { openTask } from '../../tools/run-task.js';

const root = mkdtempSync(path.join(tmpdir(), 'shoal-bytes-'));
const folder = path.join(root, 'models/ppocr-det/4.0.0');
cpSync('models/ppocr-det/4.0.0', folder, { recursive: true });
const source = readFileSync(path.join(folder, 'model.onnx'));
const { model: bundled } = await readCard(path.resolve('models/ppocr-det/4.0.0'));
const pixels = detectText.pixels?.(bundled);
if (pixels === undefined || pixels === null) throw new Error('the bundled detector is fed planes');
const recipe: Recipe = {
  schema: 'shoal/recipe/1',
  source_sha256: createHash('sha256').update(source).digest('hex'),
  compiler: compilerGeneration,
  pixels: { tensor: pixels.input.name, channel_order: pixels.channelOrder, mean: [...pixels.mean], std: [...pixels.std] },
};
const built = buildVariant(source, parseRecipe(recipeText(recipe), 'bytes.recipe.json'));
writeFileSync(path.join(folder, 'bytes.onnx'), built);
const card = parse(readFileSync(path.join(folder, 'card.yaml'), 'utf8')) as { variants: Record<string, unknown> };
const sha256 = createHash('sha256').update(built).digest('hex');
card.variants.bytes = { file: 'bytes.onnx', sha256, bytes: built.length, inputs: [pixels.input] };
writeFileSync(path.join(folder, 'card.yaml'), stringify(card));
const { model } = await readCard(folder);
const page = readFileSync(path.join(folder, 'golden/input.png'));

test('the variant from bytes suits its task and finds the same lines as the one from planes', async (t) => {
  t.strictSame(pixels.input, { name: 'x', dtype: 'uint8', shape: [1, 'height', 'width', 3] });
  t.same((await verifyModel(model, { fit: (facts) => detectText.fit(facts) })).problems, []);
  const [planes, bytes] = [await openTask(detectText, model, 'fp32'), await openTask(detectText, model, 'bytes')];
  t.teardown(() => Promise.all([planes.close(), bytes.close()]));
  const [expected, found] = [(await planes.run(page)).observations, (await bytes.run(page)).observations];
  t.ok(expected.length >= 3, `${expected.length} lines`);
  t.equal(found.length, expected.length);
  for (const [i, { quad = [], score }] of expected.entries()) {
    const off = quad.flatMap(([x, y], corner) => {
      const [otherX = Number.NaN, otherY = Number.NaN] = found[i]?.quad?.[corner] ?? [];
      return [Math.abs(x - otherX), Math.abs(y - otherY)];
    });
    t.ok(Math.max(...off) < 0.002 && Math.abs(score - (found[i]?.score ?? 0)) < 1e-3, `line ${i} is where it was`);
  }
});

test('no pixel is touched: the model gets the bytes of the resized image, in rows, as many as its tensor says', async (t) => {
  const variant = model.variants.find(({ name }) => name === 'bytes');
  if (variant === undefined) throw new Error('the variant is missing');
  const image = await openImage(page);
  const seen = new Error('seen');
  const run = detectText.run({
    image,
    audio: null,
    series: null,
    text: null,
    file: null,
    each: null,
    model: asVariant(model, variant),
    options: detectText.options.parse({ max_side_px: 320 }),
    measure: async (_, work) => work(),
    async infer({ x }) {
      const [, height = 0, width = 0] = x?.shape ?? [];
      const resized = await image.resize(width, height);
      t.match(x, { dtype: 'uint8', shape: [1, height, width, 3] });
      t.equal(Math.max(width, height), 320);
      t.ok(Buffer.from(resized.data).equals(x?.data as Uint8Array), 'byte for byte');
      t.notOk(Buffer.isBuffer(x?.data), 'a plain array, whose slice is a copy');
      t.ok(
        normalise(resized, pixels).some((value) => value < 0),
        'planes would be something else',
      );
      throw seen;
    },
  });
  await t.rejects(run, seen);
});

test('a model that takes bytes is not asked again, and one of another shape is refused', (t) => {
  t.equal(detectText.pixels?.({ ...model, inputs: [pixels.input] }), null);
  for (const shape of [
    [1, 3, 'height', 'width'],
    [1, 'height', 'width', 4],
    [1, 'height', 'width'],
  ]) {
    t.throws(() => detectText.fit({ ...model, inputs: [{ name: 'x', dtype: 'uint8', shape }] }), {
      code: 'MODEL_INVALID',
      message: /its task needs one uint8\[1,\*,\*,3\]/,
    });
  }
  t.end();
});

test('shoal infer runs the variant in its engine process', (t) => {
  const config = path.join(root, 'shoal.yaml');
  const stage = { task: 'detect-text', model: 'ppocr-det@4.0.0', variant: 'bytes', as: 'regions' };
  const settings = {
    version: 1,
    device: { id: 'dock-7' },
    paths: { models_dirs: [path.join(root, 'models')], state_dir: root, run_dir: root },
    inputs: { inbox: { type: 'folder', path: path.join(root, 'inbox') } },
    sinks: { out: { type: 'file', path: path.join(root, 'out') } },
    pipelines: { signs: { from: ['inbox'], stages: [stage] } },
  };
  writeFileSync(config, stringify(settings));
  const stdout = execFileSync(path.resolve('bin/shoal'), [
    'infer',
    '--json',
    '-c',
    config,
    '-p',
    'signs',
    path.join(folder, 'golden/input.png'),
  ]);
  const payload = JSON.parse(stdout.toString()) as { observations: { regions: unknown[] } };
  t.match(payload, { trace: { stages: [{ model: 'ppocr-det@4.0.0', variant: 'bytes' }] } });
  t.ok(payload.observations.regions.length >= 3);
  t.end();
});
