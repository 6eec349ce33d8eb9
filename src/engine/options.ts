/**
 * The `engine` section of the configuration.
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';

const mebibyte = 1024 * 1024;

export const engineOptions = z.strictObject({
  count: z
    .union([z.literal('auto'), z.int().min(1).max(limits.enginesMax)])
    .default('auto')
    .describe(`Engine processes, 1 .. ${limits.enginesMax}; auto: one less than the cores, fewer where memory is short`),
  threads: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe('Threads within one model run; several engines with one thread each do more in total'),
  arena: z
    .boolean()
    .default(true)
    .describe(
      'Keep memory freed by a model run for the next one: less CPU where shapes change from run to run, as with text, for the memory of the largest shape seen (max_rss_bytes bounds it)',
    ),
  max_memory_bytes: z
    .int()
    .min(16 * mebibyte)
    .default(256 * mebibyte)
    .describe('Loaded models per engine (bytes); the least recently used are unloaded above it'),
  max_rss_bytes: z
    .int()
    .min(128 * mebibyte)
    .default(768 * mebibyte)
    .describe('Resident memory of an engine (bytes) above which it is replaced between jobs; at twice this it is killed'),
  recycle_after_jobs: z.int().min(1).default(10_000).describe('Jobs after which an engine is replaced, against slow leaks'),
  hang_ms: z
    .int()
    .min(limits.hangMsMin)
    .default(limits.hangMsMin)
    .describe('Hard end of a job (ms), by killing its engine; the default for pipelines that state none'),
});

export type EngineOptions = z.infer<typeof engineOptions>;
