/** What the tasks share whose model gives a probability for each label, and which are told only where the model is sure enough. Pure. */
import { z } from 'zod';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation, Segment } from '../core/result.js';
import { unfit } from './model-params.js';

export const sureParams = {
  /** The least score that is told where the stage names none, 0 .. 1: what learning found to be mostly right. */
  min_score: z.number().min(0).max(1).default(0),
  /** Labels that are never told: the background, anything else. */
  ignore: z.array(z.string()).default([]),
};

export const minScoreOption = z
  .number()
  .min(0)
  .max(1)
  .optional()
  .describe("Least score of a label that is told, 0 .. 1; below it nothing is. Without it the model's own, which learning sets.");

/** Throws MODEL_INVALID for a label to ignore that is none. */
export function checkIgnored(ignore: readonly string[], model: ModelFacts): void {
  const stray = ignore.find((label) => !model.labels.includes(label));
  if (stray !== undefined) throw unfit(model, `it is to ignore "${stray}", which is none of its labels`);
}

export interface Likeliest {
  readonly label: string;
  readonly score: number;
}

/** The first of the greatest; the score to four decimals, so that 0.9 of a model is at least 0.9. */
export function likeliest(scores: Float32Array, labels: readonly string[]): Likeliest {
  const score = Math.max(...scores);
  return { label: labels[scores.indexOf(score)] ?? '', score: Math.round(Math.min(1, Math.max(0, score)) * 1e4) / 1e4 };
}

/** A window and the probabilities the model gave for it. */
export interface Judged {
  readonly scores: Float32Array;
  readonly segment: Segment;
}

/**
 * Of a recording, by the mean of its windows' probabilities, or of each stretch of windows in a row that have the same label, from the start of
 * the first to the end of the last with the best score of them. Only where `sure`.
 */
export function labelled(
  windows: readonly Judged[],
  labels: readonly string[],
  per: 'recording' | 'window',
  sure: (told: Likeliest) => boolean,
): Observation[] {
  if (per === 'window') {
    const heard = windows.map(({ scores, segment }) => ({ ...likeliest(scores, labels), segment }));
    return merged(heard, sure).slice(0, limits.observationsMax);
  }
  if (windows.length === 0) return [];
  const means = new Float32Array(labels.length);
  for (const { scores } of windows) for (let k = 0; k < means.length; k++) means[k] = (means[k] ?? 0) + (scores[k] ?? 0) / windows.length;
  return [likeliest(means, labels)].filter(sure);
}

export interface Heard extends Likeliest {
  readonly segment: Segment;
}

/** One observation for each row of windows that are sure of the same label. */
export function merged(heard: readonly Heard[], sure: (each: Heard) => boolean): Observation[] {
  const found: (Observation & { segment: Segment })[] = [];
  let before: Heard | null = null;
  for (const window of heard) {
    const last = found.at(-1);
    if (sure(window) && before?.label === window.label && last !== undefined) {
      last.segment.end_s = window.segment.end_s;
      last.score = Math.max(last.score, window.score);
    } else if (sure(window)) found.push({ score: window.score, label: window.label, segment: { ...window.segment } });
    before = sure(window) ? window : null;
  }
  return found;
}
