/**
 * Where `landmark-face` and `estimate-pose` put noses, against the noses of vision-truth.ts: the only points whose truth is known here.
 *
 * Shows that points are where they belong and when none are told; says nothing of the other points, and is no measure of accuracy.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Model } from '../src/core/model.js';
import type { Observation, Point } from '../src/core/result.js';
import { detectFaces } from '../src/tasks/detect-faces.js';
import { estimatePose } from '../src/tasks/estimate-pose.js';
import { landmarkFace } from '../src/tasks/landmark-face.js';
import { openTask } from '../tools/run-task.js';
import { type Figure, figure, median, testData } from './figure.js';
import { tallyFaces } from './vision-match.js';
import { type FacesTruth, portraits } from './vision-truth.js';

/** To the nearest nose there is, in shares of the image. */
function awayFrom({ noses }: FacesTruth, [x, y]: Point): number {
  return Math.min(...noses.map(([noseX, noseY]) => Math.hypot(x - noseX, y - noseY)));
}

/** Of the faces that the bundled detector finds: how many get points, and how far the tip of the nose is off. */
export async function noseTips(model: Model, detector: Model): Promise<Figure[]> {
  const faces = await openTask(detectFaces, detector);
  const marks = await openTask(landmarkFace, model);
  const off: number[] = [];
  const count = { faces: 0, others: 0, marked: 0 };
  for (const truth of portraits) {
    const encoded = await readFile(path.join(testData(), truth.file));
    const { observations: found } = await faces.run(encoded);
    const told = (await marks.run(encoded, found)).observations;
    const real = tallyFaces(found, truth).found;
    count.faces += real;
    count.others += found.length - real;
    if (truth.noses.length === 0) count.marked += told.length;
    else off.push(...told.map((mark) => awayFrom(truth, mark.points?.nose_tip ?? [2, 2]) / widthOf(found[mark.of ?? 0])));
  }
  await Promise.all([faces.close(), marks.close()]);
  return [
    figure(`${model.name}: faces marked, of ${count.faces} found by ${detector.name}`, off.length, 'faces', 'higher'),
    figure(`${model.name}: tip of the nose off by, median`, 100 * median(off), '% of the width of the face', 'lower'),
    figure(`${model.name}: tip of the nose off by, largest`, 100 * Math.max(...off), '% of the width of the face', 'lower'),
    figure(`${model.name}: marked where there is no face, of ${count.others} false alarms`, count.marked, 'faces', 'lower'),
  ];
}

function widthOf(face: Observation | undefined): number {
  return face?.box === undefined ? Number.NaN : face.box.x_max - face.box.x_min;
}

/** A pose is of one person, so one in each photo with people is asked for. */
export async function posesFound(model: Model): Promise<Figure[]> {
  const poses = await openTask(estimatePose, model);
  const off: number[] = [];
  let invented = 0;
  for (const truth of portraits) {
    const [pose] = (await poses.run(await readFile(path.join(testData(), truth.file)))).observations;
    if (pose === undefined) continue;
    if (truth.noses.length === 0) invented++;
    else off.push(awayFrom(truth, pose.points?.nose ?? [2, 2]));
  }
  await poses.close();
  const withPeople = portraits.filter(({ noses }) => noses.length > 0).length;
  return [
    figure(`${model.name}: a pose in photos of people, of ${withPeople}`, off.length, 'photos', 'higher'),
    figure(`${model.name}: the nose off by, largest`, 100 * Math.max(...off), '% of the image', 'lower'),
    figure(`${model.name}: a pose in photos of nobody, of ${portraits.length - withPeople}`, invented, 'photos', 'lower'),
  ];
}
