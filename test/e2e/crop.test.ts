/** Stages on the cut-outs of what an earlier stage found, with real models, through `shoal infer`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'tap';
import { stringify } from 'yaml';
import type { Observation } from '../../src/core/result.js';
import { assembleCatalogue } from '../support/catalogue.js';

const data = process.env.SHOAL_TEST_DATA;
const root = mkdtempSync(path.join(tmpdir(), 'shoal-crop-'));

type Pipelines = Readonly<Record<string, { readonly stages: readonly unknown[]; readonly report?: object }>>;

function configure(name: string, pipelines: Pipelines, models: readonly string[] = []): string {
  const file = path.join(root, `${name}.yaml`);
  const full = Object.entries(pipelines).map(([key, { stages, report }]) => [
    key,
    { from: ['inbox'], stages, report: { trace: 'full', ...report } },
  ]);
  const settings = {
    version: 1,
    paths: { state_dir: root, run_dir: root, models_dirs: models },
    inputs: { inbox: { type: 'folder', path: path.join(root, 'inbox') } },
    sinks: { out: { type: 'file', path: path.join(root, 'out') } },
    pipelines: Object.fromEntries(full),
  };
  writeFileSync(file, stringify(settings));
  return file;
}

const infer = (config: string, picture: string, ...flags: string[]): string =>
  execFileSync(path.resolve('bin/shoal'), ['infer', picture, '-c', config, ...flags], { encoding: 'utf8' });

interface Body {
  readonly pipeline: string;
  readonly outcome: string;
  readonly observations: Readonly<Record<string, Observation[]>>;
  readonly trace: { readonly stages: readonly Record<string, unknown>[] };
}

const bodies = (config: string, picture: string): Record<string, Body> => {
  const lines = infer(config, picture, '--json').trim().split('\n');
  return Object.fromEntries(lines.map((line) => JSON.parse(line) as Body).map((body) => [body.pipeline, body]));
};

/** Pictures beside each other on grey. */
async function beside(name: string, width: number, height: number, ...pictures: { input: Buffer; left: number; top: number }[]) {
  const file = path.join(root, name);
  await sharp({ create: { width, height, channels: 3, background: '#808080' } })
    .composite(pictures)
    .png()
    .toFile(file);
  return file;
}

const faces = { task: 'detect-faces', as: 'faces' };
const around = { margin: 1, square: true };

test('a model that knows one person tells the pose of each', async (t) => {
  const astronaut = await sharp('samples/astronaut.png').toBuffer();
  const other = await sharp(astronaut).flop().toBuffer();
  const picture = await beside('two.png', 1100, 600, { input: astronaut, left: 20, top: 40 }, { input: other, left: 560, top: 60 });
  const config = configure('poses', {
    whole: { stages: [{ task: 'estimate-pose', as: 'poses' }] },
    each: {
      stages: [faces, { task: 'estimate-pose', each: 'faces', crop: around, as: 'poses', when: 'faces.size() > 1' }],
      report: { when: 'poses.exists(p, p.box.x_min > 0.5) && poses.exists(p, p.box.x_max < 0.5)' },
    },
    again: { stages: [faces, { task: 'detect-faces', each: 'faces', crop: around, as: 'closer' }] },
    faces: { stages: [faces] },
    strict: { stages: [faces, { task: 'estimate-pose', each: 'faces', crop: { ...around, min_px: 400 }, as: 'poses' }] },
  });
  const { whole, each, again, faces: found, strict } = bodies(config, picture);
  t.equal(whole?.observations.poses?.length, 1, 'the whole picture has one pose');
  t.same(Object.keys(each?.observations ?? {}), ['poses'], 'what only fed a stage is not told');
  t.equal(each?.observations.poses?.length, 2);
  t.equal(each?.outcome, 'published', 'a condition speaks of the places');
  t.match(each?.trace.stages[1], { inputs: 2, runs: 2, found: 2 });
  for (const face of found?.observations.faces ?? []) {
    const box = face.box ?? { x_min: 1, y_min: 1, x_max: 0, y_max: 0 };
    const holds = ([x, y]: readonly [number, number]) => x > box.x_min && x < box.x_max && y > box.y_min && y < box.y_max;
    const noses = [...(each?.observations.poses ?? []), ...(again?.observations.closer ?? [])].map(({ points }) => points?.nose);
    t.equal(noses.filter((nose) => nose !== undefined && holds(nose)).length, 2, 'pose and second look both have a nose in this face');
  }
  t.equal(again?.observations.closer?.length, 2);
  t.same(strict?.observations, { poses: [] });
  t.match(strict?.trace.stages[1], { state: 'skipped: all found by faces is too small', left_out: { too_small: 2 } });
  t.match(
    infer(config, picture, '--pipeline', 'strict', '--explain'),
    /poses \(estimate-pose\) did not run: all found by faces is too small\.\n {4}not looked at: 2 smaller than min_px\./,
  );
});

test('of a cat and a bus, each has its own label and its place', {
  skip: data === undefined ? 'SHOAL_TEST_DATA is not set' : false,
}, async (t) => {
  const { directory } = await assembleCatalogue(data ?? '', ['yolox-nano', 'image-cifar10-resnet']);
  const cat = await sharp('catalogue/image-cifar10-resnet/1.0.0/golden/input.jpg').resize(480, 320).toBuffer();
  const bus = await sharp(path.join(data ?? '', 'data/photos/fastestdet_1.jpg'))
    .resize(480, 360)
    .toBuffer();
  const picture = await beside('both.png', 1000, 400, { input: cat, left: 10, top: 40 }, { input: bus, left: 510, top: 20 });
  const things = { task: 'detect-objects', as: 'things', labels: ['cat', 'bus'], min_score: 0.5 };
  const config = configure(
    'kinds',
    {
      whole: { stages: [{ task: 'classify-image', as: 'kinds' }] },
      each: { stages: [things, { task: 'classify-image', each: 'things', crop: { square: true, margin: 0.1 }, as: 'kinds' }] },
      things: { stages: [things] },
    },
    [directory],
  );
  const { whole, each, things: found } = bodies(config, picture);
  t.equal(whole?.observations.kinds?.length, 1);
  const told = (each?.observations.kinds ?? []).map(({ label, box }) => [label, box]);
  const placed = (found?.observations.things ?? []).map(({ label, box }) => [label === 'bus' ? 'automobile' : label, box]);
  t.equal(placed.length, 2);
  t.same(told, placed, 'a label without a place of its own has that of its thing');
});
