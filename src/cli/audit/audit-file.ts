/**
 * An audit as it is kept: the hits that were drawn and what a person said of each, in `<state_dir>/audits/<pipeline>[.<input>].json`.
 *
 * Guarantees: an answer is on disk before the next question, so that an audit goes on where it was left. The hits are copied, so that they can be
 * judged when the store keeps their results no longer.
 */
import { mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../../config/write-durably.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { idPattern } from '../../core/id.js';
import { limits } from '../../core/limits.js';

const id = z.string().regex(idPattern);

const hit = z.strictObject({
  id,
  at: z.string().max(64),
  input: id,
  capture: z.string().max(4096),
  bytes: z.int().nonnegative().nullable(),
  /** The best of its observations. */
  score: z.number().min(0).max(1),
  /** What was found, a line each, as `explain` shows it. */
  found: z.array(z.string().max(limits.auditShownCharsMax)).max(limits.auditShownMax + 1),
  /** Whether any of its stages gave calibrated scores. */
  calibrated: z.boolean(),
});

export const answers = ['yes', 'no', 'skip'] as const;

const auditShape = z.strictObject({
  schema: z.literal('shoal/audit/1'),
  pipeline: id,
  input: id.nullable(),
  drawn_at: z.iso.datetime(),
  seed: z.int(),
  /** Results that could have been drawn: those within the window that were told. */
  from: z.int().nonnegative(),
  /** When the oldest of them was committed. */
  oldest_at: z.string().max(64),
  sample: z.array(hit).min(1).max(limits.auditCountMax),
  answers: z.record(id, z.enum(answers)),
});

export type Hit = z.infer<typeof hit>;
export type Answer = (typeof answers)[number];
export type Audit = z.infer<typeof auditShape>;

export function auditFileIn(stateDir: string, pipeline: string, input: string | undefined): string {
  return path.join(stateDir, 'audits', `${pipeline}${input === undefined ? '' : `.${input}`}.json`);
}

const whoMay = "run this as the daemon's user or as root, or name a folder of yours with --state-dir";

/** Null where there is none. Throws USAGE for one that cannot be read in full, STORE_UNAVAILABLE where this user may not. */
export async function readAudit(file: string): Promise<Audit | null> {
  const wrong = (why: string) => new ShoalError('USAGE', `${file} is no audit that can go on: ${why}; --new draws another in its place`);
  try {
    const { size } = await stat(file);
    if (size > limits.auditFileBytesMax) throw wrong(`it has ${size} bytes, the limit is ${limits.auditFileBytesMax}`);
    const parsed = auditShape.safeParse(JSON.parse(await readFile(file, 'utf8')));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw wrong(`${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not of the agreed form'}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === 'EACCES' || code === 'EPERM') throw new ShoalError('STORE_UNAVAILABLE', `${file} may not be read: ${whoMay}`);
    throw error instanceof ShoalError ? error : wrong(reasonOf(error));
  }
}

/** Throws STORE_UNAVAILABLE. */
export async function saveAudit(file: string, audit: Audit): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o750 });
    await writeDurably(file, `${JSON.stringify(audit, null, 1)}\n`);
  } catch (error) {
    throw new ShoalError('STORE_UNAVAILABLE', `${file} cannot be written: ${reasonOf(error)}; ${whoMay}`);
  }
}

/** Lines `id,yes`, `id,no` or `id,skip`; empty ones and those after # are passed over. Throws USAGE naming every line that is wrong. */
export async function readAnswers(file: string, { sample }: Audit): Promise<Audit['answers']> {
  const text = await readText(file);
  const wrong: string[] = [];
  const given: Audit['answers'] = {};
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', word = ''] = /^([^,\s]+)\s*,\s*(\w+)$/.exec(line) ?? [];
    const answer = answers.find((each) => each === word.toLowerCase());
    if (answer === undefined) wrong.push(`line ${index + 1} is no "id,yes", "id,no" or "id,skip"`);
    else if (!sample.some((each) => each.id === name)) wrong.push(`line ${index + 1}: ${name.slice(0, 64)} was not drawn`);
    else if (given[name] !== undefined && given[name] !== answer) wrong.push(`line ${index + 1}: ${name} was answered otherwise before`);
    else given[name] = answer;
  }
  if (wrong.length === 0 && Object.keys(given).length > 0) return given;
  if (wrong.length === 0)
    throw new ShoalError('USAGE', `${file} has no answers: a line for each hit is needed, such as "${sample[0]?.id},yes"`);
  const more = wrong.length > 5 ? `; and ${wrong.length - 5} more` : '';
  throw new ShoalError('USAGE', `${file}: ${wrong.slice(0, 5).join('; ')}${more}. "--list" prints the hits that were drawn`);
}

async function readText(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > limits.auditFileBytesMax) throw new Error(`no file of at most ${limits.auditFileBytesMax} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ShoalError('USAGE', `the answers ${file} cannot be read: ${reasonOf(error)}`);
  }
}
