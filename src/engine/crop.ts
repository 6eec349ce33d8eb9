/**
 * A stage run on parts of an image: which things are looked at, which pixels each is shown in, and where what is found there lies in the image.
 *
 * Guarantees: at most `limits.cropsMax` things, the best-scored; every answer says by `of` which thing it is about and has a place in the
 * whole image, the thing's own where the task names none. Deliberately turns nothing: a quad is shown in its upright bounding box.
 */

import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { CropSpec } from '../core/pipeline.js';
import type { Box, LeftOut, Observation, Point, Quad } from '../core/result.js';
import type { Area, Task, TaskInput } from '../core/task.js';
import { quadBox, requireImage } from '../tasks/text-lines.js';
import { best } from './best.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Chosen {
  readonly things: readonly Observation[];
  /** Of each, its index among all. */
  readonly of: readonly number[];
  readonly leftOut: LeftOut;
}

/** The things worth a look, in their order. Throws CONFIG_INVALID when one of them has no place. */
export function chooseThings(all: readonly Observation[], { minPx }: CropSpec, image: Size): Chosen {
  const indexed = all.map((thing, of) => ({ thing, of, score: thing.score, box: boxOf(thing, of) }));
  const shorter = (box: Box): number => Math.round(Math.min(widthOf(box) * image.width, heightOf(box) * image.height));
  const large = indexed.filter(({ box }) => shorter(box) >= minPx);
  const kept = best(large, limits.cropsMax);
  const [small, many] = [indexed.length - large.length, large.length - kept.length];
  return {
    things: kept.map(({ thing }) => thing),
    of: kept.map(({ of }) => of),
    leftOut: { ...(small === 0 ? {} : { too_small: small }), ...(many === 0 ? {} : { too_many: many }) },
  };
}

/** Runs the task on the part of the image around each thing of `input.each`, one after the other; `of` counts through them. */
export async function runOnParts(task: Task, input: TaskInput<unknown>, crop: CropSpec): Promise<Observation[]> {
  const image = requireImage(input.image);
  const found: Observation[] = [];
  for (const [of, thing] of (input.each ?? []).entries()) {
    const box = boxOf(thing, of);
    const area = areaAround(box, crop, image);
    const answers = await task.run({ ...input, image: image.part(area), each: null });
    for (const answer of answers) found.push({ ...inWhole(answer, area, image, box), of });
  }
  return found;
}

/** The pixels a box is shown in: at least one each way, within the image. */
export function areaAround(box: Box, { margin, square }: CropSpec, { width, height }: Size): Area {
  const [wide, high] = [widthOf(box) * width, heightOf(box) * height];
  const more = 2 * margin * Math.max(wide, high);
  const side = Math.max(wide, high) + more;
  const reach = square ? inside : cut;
  const [left, right] = reach(((box.x_min + box.x_max) / 2) * width, square ? side : wide + more, width);
  const [top, bottom] = reach(((box.y_min + box.y_max) / 2) * height, square ? side : high + more, height);
  return { left, top, width: right - left, height: bottom - top };
}

type Span = readonly [from: number, to: number];

/** What of a length around a middle lies between 0 and the limit. */
function cut(middle: number, length: number, limit: number): Span {
  const from = within(Math.round(middle - length / 2), 0, limit - 1);
  return [from, within(Math.round(middle + length / 2), from + 1, limit)];
}

/** The whole length, moved between 0 and the limit; all there is where that is less. */
function inside(middle: number, length: number, limit: number): Span {
  const whole = within(Math.round(length), 1, limit);
  const from = within(Math.round(middle - length / 2), 0, limit - whole);
  return [from, from + whole];
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** From 0..1 of the part to 0..1 of the image; `place` is for what has none of its own. */
function inWhole(found: Observation, area: Area, image: Size, place: Box): Observation {
  const x = (value: number): number => (area.left + value * area.width) / image.width;
  const y = (value: number): number => (area.top + value * area.height) / image.height;
  const at = ([u, v]: Point): Point => [x(u), y(v)];
  const { box, quad, points } = found;
  return {
    ...found,
    ...(box === undefined ? {} : { box: { x_min: x(box.x_min), y_min: y(box.y_min), x_max: x(box.x_max), y_max: y(box.y_max) } }),
    ...(quad === undefined ? {} : { quad: quad.map(at) as Quad }),
    ...(points === undefined ? {} : { points: Object.fromEntries(Object.entries(points).map(([name, point]) => [name, at(point)])) }),
    ...(box === undefined && quad === undefined ? { box: place } : {}),
  };
}

function boxOf({ box, quad }: Observation, of: number): Box {
  const place = box ?? (quad === undefined ? undefined : quadBox(quad));
  if (place !== undefined) return place;
  throw new ShoalError(
    'CONFIG_INVALID',
    `observation ${of} of the stage named by "each" has neither box nor quad to be cut out by; use a stage that finds places, such as detect-faces`,
  );
}

function widthOf({ x_min, x_max }: Box): number {
  return x_max - x_min;
}

function heightOf({ y_min, y_max }: Box): number {
  return y_max - y_min;
}
