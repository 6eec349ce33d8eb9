/**
 * What `shoal models tune` measured on this board: `<state_dir>/tune.json`, read and judged.
 *
 * Guarantees: nothing of a file is used that was measured on another board, of another model file, or that cannot be read in full; the
 * reason why not is a sentence for a person. Reading only: the command writes it.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Model, modelRef } from '../core/model.js';
import { type BoardFingerprint, boardFingerprint, differences } from './fingerprint.js';

const word = z.string().max(256);
const sentence = z.string().max(2000);
const amount = z.number().nonnegative();
const spread = z.strictObject({ median: amount, min: amount, max: amount });

const variantTuning = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().positive(),
  /** Why it could not be run here; then nothing else is known of it. */
  failure: sentence.optional(),
  load_ms: amount.optional(),
  /** What it added to its engine at the peak. */
  memory_bytes: amount.optional(),
  /** Observations on the golden capture. */
  found: z.int().nonnegative().optional(),
  /** The task on its golden capture once decoded: CPU and wall time, all variants interleaved in one process. */
  threads: z.array(z.strictObject({ threads: z.int().positive(), runs: z.int().positive(), cpu_ms: spread, wall_ms: spread })).max(64),
  /** So many engines at once with one thread each: captures a second, decoding included. */
  engines: z.array(z.strictObject({ engines: z.int().positive(), captures_per_s: amount })).max(64),
  /** CPU time over that of the reference, run by run; `bound` is the upper 95 % bound of the median. */
  cpu_ratio: z.strictObject({ median: amount, bound: amount }).optional(),
});

const modelTuning = z
  .strictObject({
    measured_at: z.iso.datetime(),
    /** Where the figures come from, when they were imported from another board of the class. */
    measured_on: boardFingerprint.optional(),
    /** What the others are compared with. */
    reference: word,
    winner: word,
    reason: sentence,
    variants: z.record(word, variantTuning),
  })
  .refine(({ variants, winner, reference }) => Object.hasOwn(variants, winner) && Object.hasOwn(variants, reference), {
    message: 'winner and reference must be among the variants',
  });

export const tuneFile = z.strictObject({
  schema: z.literal('shoal/tune/1'),
  shoal: word,
  /** The board it counts for. */
  board: boardFingerprint,
  /** By `name@version`. */
  models: z.record(word, modelTuning),
});

export type VariantTuning = z.infer<typeof variantTuning>;
export type ModelTuning = z.infer<typeof modelTuning>;
export type TuneFile = z.infer<typeof tuneFile>;

export type Tuning =
  | { readonly state: 'none'; readonly reason: string }
  | { readonly state: 'unusable'; readonly reason: string }
  | { readonly state: 'usable'; readonly file: TuneFile };

export function tuneFileIn(stateDir: string): string {
  return path.join(stateDir, 'tune.json');
}

/** Never throws: a file that is damaged or from elsewhere is `unusable`, with the reason. */
export async function readTuning(file: string, board: BoardFingerprint): Promise<Tuning> {
  const parsed = await parseTuneFile(file);
  if (parsed === null) return { state: 'none', reason: 'this board is not tuned: run "shoal models tune"' };
  if (typeof parsed === 'string') return { state: 'unusable', reason: `${parsed}; run "shoal models tune" again` };
  const differs = differences(parsed.board, board);
  if (differs.length === 0) return { state: 'usable', file: parsed };
  return { state: 'unusable', reason: `${file} is of another board (${differs.join('; ')}): run "shoal models tune" here` };
}

/** The content, null when there is no such file, or a sentence on what is wrong with it. */
export async function parseTuneFile(file: string): Promise<TuneFile | string | null> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return `${file} is no file`;
    const { size } = found;
    if (size > limits.tuneBytesMax) return `${file} is no tuning: it has ${size} bytes, the limit is ${limits.tuneBytesMax}`;
    const parsed = tuneFile.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    return `${file} is no tuning: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not of the agreed form'}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return `${file} cannot be read: ${reasonOf(error)}`;
  }
}

/** What was measured of exactly these files, or a phrase on why nothing of it counts. */
export function tuningOf(model: Model, tuning: Tuning): ModelTuning | string {
  if (tuning.state !== 'usable') return tuning.reason;
  const found = tuning.file.models[modelRef(model)];
  if (found === undefined) return 'it is not tuned on this board: run "shoal models tune"';
  const changed = model.variants.filter(({ name, sha256 }) => found.variants[name]?.sha256 !== sha256).map(({ name }) => name);
  if (changed.length === 0 && Object.keys(found.variants).length === model.variants.length) return found;
  return `its files are not those that were tuned (${changed.join(', ') || 'a variant is gone'}): run "shoal models tune" again`;
}
