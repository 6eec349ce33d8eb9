/** What the tasks share whose model gives a probability for each label, and which are told only where the model is sure enough. Pure. */
import { z } from 'zod';

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

export interface Likeliest {
  readonly label: string;
  readonly score: number;
}

/** The first of the greatest; the score to four decimals, so that 0.9 of a model is at least 0.9. */
export function likeliest(scores: Float32Array, labels: readonly string[]): Likeliest {
  const score = Math.max(...scores);
  return { label: labels[scores.indexOf(score)] ?? '', score: Math.round(Math.min(1, Math.max(0, score)) * 1e4) / 1e4 };
}
