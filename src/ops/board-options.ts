/** When the board counts as under pressure: schema, defaults and documentation in one. */
import { z } from 'zod';

export const boardOptions = z.strictObject({
  hot_celsius: z
    .number()
    .min(30)
    .max(120)
    .default(80)
    .describe('from this temperature of the hottest zone on pipelines take their degrade steps, until it is 5 below (degrees Celsius)'),
  memory_stall_percent: z
    .number()
    .min(1)
    .max(100)
    .default(20)
    .describe('likewise while something waits for memory in this share of the time, as the kernel counts it (PSI some avg10, percent)'),
  low_battery_percent: z
    .number()
    .min(0)
    .max(95)
    .default(15)
    .describe('likewise while the board runs on a battery with less charge than this (percent)'),
  root: z.string().regex(/^\//).max(4096).default('/').describe('where proc and sys are looked for: / but in tests'),
});

export type BoardOptions = z.infer<typeof boardOptions>;
