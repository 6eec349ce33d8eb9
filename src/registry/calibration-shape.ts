/** How a calibration is written, in a card and in the file of a board; what it means is core/calibration.ts. */
import { z } from 'zod';
import type { StatedCalibration } from '../core/calibration.js';
import { limits } from '../core/limits.js';

const unit = z.number().min(0).max(1);

const evidence = {
  samples: z.int().positive().describe('Observations it was fitted and judged on.'),
  calibrated_on: z.string().min(1).max(2000).describe('The samples, for a person.'),
  ece_before: unit.describe('Expected calibration error as the model is, 0 .. 1, of the half that took no part in the fit.'),
  ece_after: unit.describe('The same, calibrated.'),
};

const points = z
  .array(z.tuple([unit, unit]).readonly())
  .min(1)
  .max(limits.calibrationPointsMax)
  .refine((all) => all.every(([x, y], i) => x >= (all[i - 1]?.[0] ?? 0) && y >= (all[i - 1]?.[1] ?? 0)), {
    message: 'must ascend in both numbers: a calibration keeps the order of scores',
  });

export const calibrationShape: z.ZodType<StatedCalibration> = z
  .discriminatedUnion('method', [
    z.strictObject({
      method: z.literal('temperature'),
      temperature: z.number().min(limits.calibrationTemperatureMin).max(limits.calibrationTemperatureMax),
      ...evidence,
    }),
    z.strictObject({
      method: z.literal('isotonic'),
      points: points.describe('[score, calibrated], lines in between.'),
      ...evidence,
    }),
  ])
  .refine(({ ece_before, ece_after }) => ece_after < ece_before, {
    message: 'ece_after must be below ece_before: a calibration that makes scores no better is none',
    path: ['ece_after'],
  });
