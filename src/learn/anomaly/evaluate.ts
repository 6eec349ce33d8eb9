/**
 * From examples of the normal to a model, its threshold, and what is to be said against it.
 *
 * Guarantees: the threshold and every figure come from scores of windows by models that had not seen them; only how many states there are is
 * told by all. Looks at nothing but what was given
 * as normal.
 */
import { crossScores } from './cross-fit.js';
import { type Examples, type Place, refused } from './examples.js';
import { mean, pick, quantile, type Rows } from './linear.js';
import { fitNormal, indicesOf, judge, type NormalModel } from './normal-model.js';
import { returnLevel } from './threshold.js';

/** The end of each recording, which must look like what was before. */
const lateShare = 0.2;
/** More of it above the threshold than this is no chance. */
const driftShareMax = 0.1;
const suspiciousMax = 10;

export interface Suspicious extends Place {
  readonly index: number;
  readonly words: string;
}

export interface Evaluated {
  readonly model: NormalModel;
  readonly threshold: number;
  /** Of each example, by a model that had not seen it. */
  readonly scores: Float64Array;
  /** Of the end of the recordings, by a model of what was before: share above the threshold. */
  readonly lateAbove: number;
  /** The least normal of the examples, worst first: a person should know of them. */
  readonly suspicious: readonly Suspicious[];
}

export interface EvaluateOptions {
  readonly falseAlarmEveryS: number;
  readonly acceptDrift: boolean;
}

/** Throws LEARN_REFUSED where the end of the recordings is unlike what was before it. */
export function evaluate(examples: Examples, { falseAlarmEveryS, acceptDrift }: EvaluateOptions): Evaluated {
  const { rows, apart, hopS } = examples;
  const model = fitNormal(rows, examples.fitting);
  const fitting = { ...examples.fitting, states: model.states.count };
  const scores = crossScores(rows, apart, fitting);
  const threshold = returnLevel(scores, hopS, falseAlarmEveryS, 1 + Math.floor(examples.events.on_after_ms / (1000 * hopS)));
  const late = lateRows(examples.places);
  const early = Array.from({ length: rows.rows }, (_, row) => row).filter((row) => !late.has(row));
  const before = fitNormal(pick(rows, early), fitting);
  const lateScores = indicesOf(before, pick(rows, [...late]));
  const lateAbove = mean(lateScores.map((score) => (score > threshold ? 1 : 0)));
  if (lateAbove > driftShareMax && !acceptDrift) throw drifting(examples, before, [...late], lateAbove);
  return { model, threshold, scores, lateAbove, suspicious: suspiciousOf(examples, model, scores, threshold) };
}

function lateRows(places: readonly Place[]): Set<number> {
  const late = new Set<number>();
  for (const recording of new Set(places.map((place) => place.recording))) {
    const own = places.flatMap((place, row) => (place.recording === recording ? [row] : []));
    for (const row of own.slice(Math.ceil(own.length * (1 - lateShare)))) late.add(row);
  }
  return late;
}

function drifting(examples: Examples, before: NormalModel, late: readonly number[], share: number): Error {
  const worst = late.reduce(
    (most, row) => (indexAt(before, examples.rows, row) > indexAt(before, examples.rows, most) ? row : most),
    late[0] ?? 0,
  );
  const found = rowAt(examples.rows, worst);
  return refused(
    `the last fifth of what was given is unlike what was before it (${Math.round(100 * share)} % of it would be an anomaly; most at ${placeText(examples.places[worst])}: ${examples.words(judge(before, found), found)}). ` +
      'The machine is changing, or not all of it is normal: record for longer, leave out what is not normal, or say --accept-drift where both are normal',
  );
}

function suspiciousOf(examples: Examples, model: NormalModel, scores: Float64Array, threshold: number): Suspicious[] {
  const odd = Math.min(threshold, 2 * quantile(scores, 0.95));
  const order = Array.from(scores.keys())
    .filter((row) => (scores[row] ?? 0) > odd)
    .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const told: number[] = [];
  for (const row of order) {
    // Windows that share samples with one that is told are told by it.
    if (told.length < suspiciousMax && told.every((other) => Math.abs(other - row) >= examples.apart)) told.push(row);
  }
  return told.flatMap((row) => {
    const place = examples.places[row];
    const found = rowAt(examples.rows, row);
    return place === undefined ? [] : [{ ...place, index: scores[row] ?? 0, words: examples.words(judge(model, found), found) }];
  });
}

function rowAt({ data, columns }: Rows, row: number): Float32Array {
  return data.subarray(row * columns, (row + 1) * columns);
}

function indexAt(model: NormalModel, rows: Rows, row: number): number {
  return judge(model, rowAt(rows, row)).index;
}

/** When and where, for a person. */
export function placeText(place: Place | undefined): string {
  if (place === undefined) return 'nowhere';
  const at =
    place.timeMs === null ? `${Math.round(place.startS * 10) / 10} s` : new Date(place.timeMs).toISOString().slice(0, 19).replace('T', ' ');
  return `${at} of ${place.recording}`;
}
