/**
 * Options of the store: how much it keeps, for how long, and how it groups commits.
 */
import { z } from 'zod';

const mebi = 1024 * 1024;

export const storeOptions = z.strictObject({
  path: z.string().min(1).nullable().default(null).describe('Database file; null means shoal.db in the state directory'),
  max_bytes: z
    .int()
    .min(16 * mebi)
    .max(64 * 1024 * mebi)
    .default(200 * mebi)
    .describe(
      'Size the database file never exceeds (bytes); its log takes up to 4 MiB more. When it is reached, the oldest go first: dead letters, delivered results, owed results',
    ),
  keep_days: z
    .number()
    .min(0.01)
    .max(3650)
    .default(7)
    .describe('Days a result is kept once it is delivered (0.01 .. 3650); nothing expires while the clock is not synchronized'),
  commit_interval_ms: z
    .int()
    .min(0)
    .max(1000)
    .default(20)
    .describe('Milliseconds between two commits under load (0 .. 1000); the first after a pause is made at once'),
  ack_interval_ms: z
    .int()
    .min(0)
    .max(5000)
    .default(250)
    .describe('Milliseconds an acknowledgement may wait for a commit to ride along with (0 .. 5000); a crash meanwhile sends it again'),
  fresh_ms: z
    .int()
    .min(100)
    .max(3_600_000)
    .default(10_000)
    .describe('Milliseconds after which an owed result counts as delayed and goes to the backlog topic (100 .. 3600000)'),
});

export type StoreOptions = z.infer<typeof storeOptions>;
