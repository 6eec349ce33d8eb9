/** The keys of an input that say what is kept of its captures, and what is hidden in its pictures. Defaults are in core/keep.ts. */
import { z } from 'zod';
import { keepDefaults, keepModes } from '../core/keep.js';
import { limits } from '../core/limits.js';
import { polygonSchema } from './polygon-schema.js';

export const keepSchemas = {
  keep: z
    .enum(keepModes)
    .optional()
    .describe(
      'captures of which a copy stays under state_dir/kept: none; events, one with which an event began, and the best of the event; sample, one now and then; none if not given',
    ),
  keep_every_ms: z
    .int()
    .min(1000)
    .max(7 * 86_400_000)
    .optional()
    .describe(`keep: sample: at most one copy in this time (ms); ${keepDefaults.keep_every_ms} if not given`),
  keep_days: z
    .number()
    .min(0.01)
    .max(3650)
    .optional()
    .describe(`a copy is deleted after so many days; ${keepDefaults.keep_days} if not given`),
  keep_mib: z
    .number()
    .min(1)
    .max(1_048_576)
    .optional()
    .describe(`copies of this input take at most so much room (MiB), the oldest go first; ${keepDefaults.keep_mib} if not given`),
  redact: z
    .strictObject({
      faces: z
        .enum(['blur'])
        .optional()
        .describe(
          'blur: faces are made unrecognizable in whatever is kept or published of a picture; what cannot be looked at for faces is not kept',
        ),
      mask: z
        .array(polygonSchema())
        .min(1)
        .max(limits.masksMax)
        .optional()
        .describe('polygons that are blackened when a picture is decoded: neither a model nor a person ever sees what is in them'),
    })
    .optional()
    .describe('what is hidden in pictures of this input before anything is written, shown or sent'),
};
