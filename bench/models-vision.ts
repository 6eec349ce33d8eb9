/**
 * `npm run bench -- models-vision`: what the vision models of the catalogue, and the bundled ones for faces and poses, find in a few photos whose content
 * is known (vision-truth.ts), with default options, and what a picture costs in processor time.
 *
 * A dozen photos: they show that a model is read rightly, and what it tends to miss; they are no measure of accuracy in the world.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { Model } from '../src/core/model.js';
import type { Observation } from '../src/core/result.js';
import { openRegistry } from '../src/registry/registry.js';
import { tasks } from '../src/tasks/index.js';
import { assembleCatalogue } from '../test/support/catalogue.js';
import { type OpenedTask, openTask } from '../tools/run-task.js';
import { type Figure, figure, median, testData } from './figure.js';
import { counted, type Tally, tallyFaces, tallyObjects } from './vision-match.js';
import { noseTips, posesFound } from './vision-points.js';
import { portraits, scenes } from './vision-truth.js';

export async function modelsVision(): Promise<Figure[]> {
  const assembled = await assembleCatalogue(testData());
  for (const { entry, reason } of assembled.left) process.stderr.write(`left out ${entry}: ${reason}\n`);
  try {
    const figures: Figure[] = [];
    for (const model of (await openRegistry([assembled.directory, 'models'])).list()) figures.push(...(await figuresOf(model)));
    return figures;
  } finally {
    await rm(assembled.directory, { recursive: true });
  }
}

async function figuresOf(model: Model): Promise<Figure[]> {
  if (model.task === 'detect-objects') return tallied(model, scenes, tallyObjects);
  if (model.task === 'detect-faces') return tallied(model, portraits, tallyFaces);
  if (model.task === 'classify-person-presence') return presence(model);
  if (model.task === 'embed-image') return likeliest(model);
  if (model.task === 'estimate-pose') return posesFound(model);
  if (model.task === 'landmark-face') return noseTips(model, await bundledFaces());
  if (model.task !== 'estimate-head-pose') return [];
  const figures: Figure[] = [];
  for (const { name } of model.variants) figures.push(...(await mirrored(model, name)));
  const narrow = { ...model, name: `${model.name} without its margin`, params: { ...model.params, margin: 0 } };
  return [...figures, ...(await mirrored(narrow, model.variants[0]?.name ?? ''))];
}

async function opened<Result>(model: Model, use: (task: OpenedTask) => Promise<Result>, variant?: string): Promise<Result> {
  const task = tasks.find(({ name }) => name === model.task);
  if (task === undefined) throw new Error(`there is no task ${model.task}`);
  const open = await openTask(task, model, variant);
  try {
    return await use(open);
  } finally {
    await open.close();
  }
}

const read = (file: string) => readFile(path.join(testData(), file));

function tallied<Truth extends { readonly file: string }>(
  model: Model,
  truths: readonly Truth[],
  tally: (observations: readonly Observation[], truth: Truth) => Tally,
): Promise<Figure[]> {
  return opened(model, async (task) => {
    const all: Tally[] = [];
    let runs = 0;
    const costs: number[] = [];
    for (const truth of truths) {
      const encoded = await read(truth.file);
      const before = process.cpuUsage();
      const answer = await task.run(encoded);
      const { user, system } = process.cpuUsage(before);
      costs.push((user + system) / 1000);
      runs += answer.runs;
      all.push(tally(answer.observations, truth));
    }
    const missed = all.flatMap((each) => each.missed);
    const wrong = all.flatMap((each) => each.wrong);
    const found = all.reduce((sum, each) => sum + each.found, 0);
    return [
      figure(`${model.name}: found of ${found + missed.length} in ${truths.length} photos`, found, 'things', 'higher'),
      figure(`${model.name}: missed (${counted(missed)})`, missed.length, 'things', 'lower'),
      figure(`${model.name}: false alarms (${counted(wrong)})`, wrong.length, 'things', 'lower'),
      figure(`${model.name}: model runs`, runs, `in ${truths.length} photos`, 'lower'),
      figure(`${model.name}: a photo, decoding included, median`, median(costs), 'ms of processor time', 'lower'),
    ];
  });
}

/** A person is in a scene whose things name one; small ones in the distance count. */
function presence(model: Model): Promise<Figure[]> {
  return opened(model, async (task) => {
    const wrong: string[] = [];
    for (const { file, things } of scenes) {
      const [answer] = (await task.run(await read(file))).observations;
      const truth = things.some(([label]) => label === 'person') ? 'person' : 'no person';
      if (answer?.label !== truth) wrong.push(`${path.basename(file)} is ${truth}`);
    }
    return [
      figure(
        `${model.name}: right of ${scenes.length} photos (wrong: ${counted(wrong)})`,
        scenes.length - wrong.length,
        'photos',
        'higher',
      ),
    ];
  });
}

async function bundledFaces(): Promise<Model> {
  const model = (await openRegistry(['models'])).find('blazeface-back');
  if (model === null) throw new Error('models/blazeface-back is missing: npm run models:build');
  return model;
}

/** Nothing says how these heads are turned; but in a mirror yaw and roll change their sign and nothing else. */
async function mirrored(model: Model, variant: string): Promise<Figure[]> {
  const faces = await bundledFaces();
  const pose = (encoded: Uint8Array) =>
    opened(
      model,
      async (task) => (await task.run(encoded, await facesOf(faces, encoded))).observations.map(({ values = {} }) => values),
      variant,
    );
  const off: number[] = [];
  for (const file of ['samples/astronaut.png', 'data/faces/13.jpg', 'data/faces/19.jpg']) {
    const encoded = await read(file);
    const seen = await pose(encoded);
    const mirror = (await pose(await sharp(encoded).flop().png().toBuffer())).reverse();
    if (seen.length !== mirror.length) throw new Error(`${file}: ${seen.length} faces, ${mirror.length} in the mirror`);
    for (const [i, values] of seen.entries()) {
      for (const name of ['yaw_deg', 'roll_deg']) off.push(Math.abs((values[name] ?? Number.NaN) + (mirror[i]?.[name] ?? Number.NaN)) / 2);
    }
  }
  const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
  return [
    figure(
      `${model.name}/${variant}: yaw and roll of ${off.length / 2} faces against their mirror images, mean`,
      mean,
      'degrees off',
      'lower',
    ),
  ];
}

/** From left to right, so that a mirror reverses them. */
async function facesOf(model: Model, encoded: Uint8Array): Promise<Observation[]> {
  const { observations } = await opened(model, (task) => task.run(encoded));
  return observations.sort((a, b) => (a.box?.x_min ?? 0) - (b.box?.x_min ?? 0));
}

/** A picture is more like its own mirror image, a little brighter, than any other is. */
function likeliest(model: Model): Promise<Figure[]> {
  return opened(model, async (task) => {
    const embed = async (encoded: Uint8Array) => (await task.run(encoded)).observations[0]?.embedding ?? [];
    const originals = await Promise.all(scenes.map(({ file }) => read(file)));
    const known: number[][] = [];
    for (const encoded of originals) known.push(await embed(encoded));
    let right = 0;
    for (const [i, encoded] of originals.entries()) {
      const mirror = await embed(await sharp(encoded).flop().modulate({ brightness: 1.1 }).png().toBuffer());
      const likeness = known.map((embedding) => embedding.reduce((sum, value, k) => sum + value * (mirror[k] ?? 0), 0));
      if (likeness.indexOf(Math.max(...likeness)) === i) right++;
    }
    return [
      figure(
        `${model.name}: mirror images, brighter by a tenth, most like their own picture, of ${scenes.length}`,
        right,
        'pictures',
        'higher',
      ),
    ];
  });
}
