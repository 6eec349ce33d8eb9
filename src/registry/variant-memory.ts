/**
 * Which variants each model ran with last, kept over restarts, so that a change is told: `<state_dir>/variants.json`.
 *
 * Guarantees: every difference to the last start is among the answers once; a model that was away for a while is remembered. A damaged
 * file is as none, and said. Reading and comparing only: the daemon tells first and writes afterwards, so that a crash between the two
 * tells twice rather than never.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { modelRef } from '../core/model.js';
import type { VariantRun } from './resolve.js';

const names = z.array(z.string().max(64)).min(1).max(64);
const change = z.strictObject({ from: names, to: names, reason: z.string().max(2000), boot: z.int(), at: z.iso.datetime() });
const memory = z.strictObject({
  schema: z.literal('shoal/variants/1'),
  models: z.record(z.string().max(256), z.strictObject({ variants: names, changed: change.optional() })),
});

export type VariantMemory = z.infer<typeof memory>;

export interface VariantChange extends z.infer<typeof change> {
  readonly model: string;
}

export function variantsFileIn(stateDir: string): string {
  return path.join(stateDir, 'variants.json');
}

/** `problem` says what is wrong with a file that is there. */
export async function readVariantMemory(file: string): Promise<{ memory: VariantMemory; problem?: string }> {
  const empty: VariantMemory = { schema: 'shoal/variants/1', models: {} };
  try {
    if ((await stat(file)).size > limits.tuneBytesMax) return { memory: empty, problem: `${file} is too large to be read` };
    return { memory: memory.parse(JSON.parse(await readFile(file, 'utf8'))) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { memory: empty };
    const why = error instanceof z.ZodError ? 'not of the agreed form' : reasonOf(error);
    return { memory: empty, problem: `${file} cannot be used, so a change of variant since the last start cannot be told: ${why}` };
  }
}

/** What is to be remembered after this start, and what changed by it. A model that runs for the first time is no change. */
export function compareVariants(
  last: VariantMemory,
  runs: readonly VariantRun[],
  now: { readonly boot: number; readonly at: string },
): { readonly next: VariantMemory; readonly changes: readonly VariantChange[] } {
  const models = { ...last.models };
  const changes: VariantChange[] = [];
  for (const ref of new Set(runs.map(({ model }) => modelRef(model)))) {
    const own = runs.filter(({ model }) => modelRef(model) === ref);
    const to = [...new Set(own.map(({ variant }) => variant.name))].sort();
    const before = last.models[ref];
    if (before === undefined || before.variants.join() === to.join()) {
      models[ref] = { ...before, variants: to };
      continue;
    }
    const reason = [...new Set(own.map((run) => run.reason))].join('; ').slice(0, 2000);
    const changed = { from: before.variants, to, reason, ...now };
    models[ref] = { variants: to, changed };
    changes.push({ model: ref, ...changed });
  }
  const kept = Object.entries(models).slice(-limits.modelsMax);
  return { next: { schema: 'shoal/variants/1', models: Object.fromEntries(kept) }, changes };
}
