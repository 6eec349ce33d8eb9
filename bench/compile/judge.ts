/**
 * How much a variant loses against the model as shipped, as figures: characters for text, boxes for places, labels for classes.
 *
 * Everything is paired: both answered the same samples. Where a sample has no truth, what the model as shipped says is the measure.
 */

import type { Observation } from '../../src/core/result.js';
import type { Task } from '../../src/core/task.js';
import { type Figure, figure } from '../figure.js';
import { bounds, type Part, ratio } from './bounds.js';

/** One sample, answered by the model as shipped and by a variant. */
export interface Pair {
  readonly truth: readonly Observation[] | null;
  readonly shipped: readonly Observation[];
  readonly found: readonly Observation[];
}

/** `name` says which variant; the targets hold for `chosen` ones only, of the others the figures are told. */
export function judge(task: Task, name: string, pairs: readonly Pair[], chosen: boolean): Figure[] {
  if (task.name === 'read-text') return characters(task, name, pairs, chosen);
  if (task.name === 'detect-text') return boxes(task, name, pairs, chosen ? { lower: 0.97 } : {});
  if (task.name === 'detect-faces') return boxes(task, name, pairs, chosen ? { share: 1 } : {});
  return agreement(task, name, pairs);
}

/** Loss of the variant in errors; in whole the sum of both. */
function losses(task: Task, pairs: readonly Pair[]): Part[] {
  return pairs.map(({ truth, shipped, found }) => {
    const reference = truth ?? shipped;
    const { errors, total } = task.metric.score(reference, found);
    return { over: errors - task.metric.score(reference, shipped).errors, under: total };
  });
}

function characters(task: Task, name: string, pairs: readonly Pair[], chosen: boolean): Figure[] {
  const points = (parts: readonly Part[]): Part[] => parts.map(({ over, under }) => ({ over: over * 100, under }));
  const parts = points(losses(task, pairs));
  const scanned = pairs.filter(({ found, shipped }) => [...found, ...shipped].some(({ of }) => of !== undefined));
  const rate = (of: (pair: Pair) => readonly Observation[]): number =>
    ratio(
      pairs.map((pair) => {
        const { errors, total } = task.metric.score(pair.truth ?? pair.shipped, of(pair));
        return { over: errors, under: total };
      }),
    );
  const changed = pairs.filter(({ shipped, found }) => task.metric.score(shipped, found).errors > 0).length;
  const what = `${name}: character error rate over that as shipped, ${pairs.length} lines`;
  return [
    figure(`${what}, upper 95 % bound`, bounds(parts).upper, 'points', 'lower', chosen ? 0.25 : null),
    figure(what, ratio(parts), 'points', 'lower'),
    figure(`${what} of scans only (${scanned.length})`, ratio(points(losses(task, scanned))), 'points', 'lower'),
    figure(`${name}: character error rate`, 100 * rate(({ found }) => found), '%', 'lower'),
    figure(`${name}: character error rate as shipped`, 100 * rate(({ shipped }) => shipped), '%', 'lower'),
    figure(`${name}: lines read otherwise than as shipped`, changed, 'lines', 'lower'),
  ];
}

function boxes(task: Task, name: string, pairs: readonly Pair[], target: { lower?: number; share?: number }): Figure[] {
  const matched: Part[] = pairs.map(({ shipped, found }) => {
    const { errors } = task.metric.score(shipped, found);
    return { over: (shipped.length + found.length - errors) / 2, under: shipped.length };
  });
  const all = matched.reduce((sum, { under }) => sum + under, 0);
  const more = pairs.reduce((sum, { found }) => sum + found.length, 0) - matched.reduce((sum, { over }) => sum + over, 0);
  const unlike = losses(task, pairs);
  const what = `${name}: share of the ${all} boxes as shipped matched at IoU 0.5`;
  return [
    figure(`${what}, lower 95 % bound`, bounds(matched).lower, 'share', 'higher', target.lower ?? null),
    figure(what, ratio(matched), 'share', 'higher', target.share ?? null),
    figure(`${name}: boxes found beside them`, more, 'boxes', 'lower'),
    figure(`${name}: boxes missed or found beside them, upper 95 % bound`, bounds(unlike).upper, 'share', 'lower'),
    figure(`${name}: boxes missed or found beside them`, ratio(unlike), 'share', 'lower'),
  ];
}

function agreement(task: Task, name: string, pairs: readonly Pair[]): Figure[] {
  const parts = pairs.map(({ shipped, found }) => {
    const { errors, total } = task.metric.score(shipped, found);
    return { over: errors, under: total };
  });
  const total = parts.reduce((sum, { under }) => sum + under, 0);
  const figures = [figure(`${name}: ${task.metric.name} from those as shipped, of ${total}`, ratio(parts), 'share', 'lower')];
  if (!pairs.some(({ truth }) => truth !== null)) return figures;
  return [...figures, figure(`${name}: errors more than as shipped`, ratio(losses(task, pairs)), 'share', 'lower')];
}
