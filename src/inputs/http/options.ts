/** Options of the HTTP input: schema, defaults and documentation in one. */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import { type Secret, secret } from '../../core/secret.js';

const bytes = (most: number) => z.number().int().min(1).max(most);
const mebibyte = 1024 ** 2;
const gib = 1024 ** 3;

export const httpInputOptions = z.strictObject({
  path: z
    .string()
    .regex(/^\//)
    .max(4096)
    .optional()
    .describe('The spool: a folder of its own on a disk that outlives a power cut; spool/<input> in the state folder if not given.'),
  token: (secret() as z.ZodType<Secret>)
    .optional()
    .describe(
      'What callers by TCP show as "Authorization: Bearer ..."; must be given where http.host is not this machine alone. Callers of the unix socket need none.',
    ),
  max_bytes: bytes(4 * gib)
    .default(64 * mebibyte)
    .describe('A body above this many bytes is refused with 413 (1 .. 4 GiB, default 64 MiB).'),
  max_spooled: z
    .number()
    .int()
    .min(1)
    .max(limits.spooledMax)
    .default(1000)
    .describe(
      `Captures that were taken and are not settled, uploads under way included: beyond it callers get 429 (1 .. ${limits.spooledMax}).`,
    ),
  max_spool_bytes: bytes(1024 * gib)
    .default(gib)
    .describe('Bytes of these together: beyond it callers get 507 (1 .. 1 TiB, default 1 GiB).'),
  min_free_bytes: z
    .number()
    .int()
    .min(0)
    .max(1024 * gib)
    .default(100 * mebibyte)
    .describe('What stays free on the disk of the spool: below it callers get 507 (0 .. 1 TiB, default 100 MiB).'),
  key_hours: z
    .number()
    .min(0.01)
    .max(24 * 31)
    .default(24)
    .describe(
      `For how long an Idempotency-Key is remembered, at least (0.01 .. 744 hours); the last ${limits.idempotencyKeysMax} of them at most.`,
    ),
  done: z
    .enum(['delete', 'keep'])
    .default('delete')
    .describe(
      'What becomes of a capture whose results are stored: delete it, or keep it in done/ of the spool. What failed goes to failed/ in any case.',
    ),
  keep_hours: z
    .number()
    .min(0)
    .max(24 * 366)
    .default(24)
    .describe('Files in done/ and failed/ are deleted after this many hours (0 .. 8784).'),
  keep_bytes: bytes(1024 * gib)
    .default(256 * mebibyte)
    .describe('done/ and failed/ each hold at most this many bytes (1 .. 1 TiB, default 256 MiB); the oldest go first.'),
});

export type HttpInputOptions = z.infer<typeof httpInputOptions>;
