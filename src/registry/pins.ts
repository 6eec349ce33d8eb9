/**
 * Which version or variant of a model this board is to run, as a person decided: `<state_dir>/pins.json`.
 *
 * Guarantees: stays when Shoal or its models are upgraded; a file that cannot be read in full is as none, and said. What a stage names itself
 * is not asked. Reading only: the command writes it.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Health, Log } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';

const word = z.string().min(1).max(64);
const pin = z
  .strictObject({ version: word.optional(), variant: word.optional() })
  .refine(({ version, variant }) => version !== undefined || variant !== undefined, { message: 'a version or a variant is needed' });

export const pinsFile = z.strictObject({
  schema: z.literal('shoal/pins/1'),
  /** By the name of the model. */
  models: z
    .record(word, pin)
    .refine((models) => Object.keys(models).length <= limits.modelsMax, { message: `at most ${limits.modelsMax} models` }),
});

export type Pin = z.infer<typeof pin>;

export interface Pins {
  /** By the name of the model. */
  readonly models: Readonly<Record<string, Pin>>;
  /** Why the file is not used. */
  readonly problem?: string;
}

export const noPins: Pins = { models: {} };

export function pinsFileIn(stateDir: string): string {
  return path.join(stateDir, 'pins.json');
}

/** Never throws. */
export async function readPins(stateDir: string): Promise<Pins> {
  const file = pinsFileIn(stateDir);
  const damaged = (why: string): Pins => ({ models: {}, problem: `${file} is not used, so no model is pinned: ${why}` });
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > limits.tuneBytesMax) return damaged('it is no file of pins');
    const parsed = pinsFile.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (parsed.success) return { models: parsed.data.models };
    const issue = parsed.error.issues[0];
    return damaged(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not of the agreed form'}`);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? noPins : damaged(reasonOf(error));
  }
}

/** Says in log and readiness which pins cannot be kept; what runs instead is as if they were not there. */
export function tellPins({ pinProblems }: { readonly pinProblems: readonly string[] }, log: Log, health: Pick<Health, 'set'>): void {
  if (pinProblems.length === 0) health.set('pins', 'ok');
  else health.set('pins', 'degraded', pinProblems.join('; '));
  for (const problem of pinProblems) log.warn({ part: 'models' }, `a pin is not kept: ${problem}`);
}

export function pinOf(pins: Pins, name: string): Pin | undefined {
  return Object.hasOwn(pins.models, name) ? pins.models[name] : undefined;
}
