/**
 * Conditions of a configuration, compiled to see whether they can be: each problem with its place within the condition.
 */

import { compileAcceptance, compileCondition, isReservedVariable, variablePattern } from '../core/condition.js';
import { ConditionError } from '../core/condition-error.js';
import { ShoalError } from '../core/errors.js';
import type { Draft } from './draft.js';
import { type PathSegment, printable } from './problem.js';

export interface Vocabulary {
  /** Stages it may speak of. */
  readonly names: readonly string[];
  /** Stages that have not run when it is asked. */
  readonly later?: readonly string[];
  /** Zones it may ask for; none may be asked for without. */
  readonly zones?: readonly string[];
  /** The key whose matter it is to decide: refused where it would decide the same on every capture. */
  readonly decides: string;
}

export async function checkCondition(draft: Draft, path: readonly PathSegment[], text: string, vocabulary: Vocabulary): Promise<void> {
  const { names, later = [], zones = null, decides } = vocabulary;
  const variables = Object.fromEntries(
    names.filter((name) => variablePattern.test(name) && !isReservedVariable(name)).map((name) => [name, 'list' as const]),
  );
  await telling(draft, path, text, async () => {
    const { stages } = await compileCondition(text, variables, { later, zones });
    if (stages.length > 0) return;
    const list = names.length === 0 ? 'no stage has run at this point' : `stages: ${names.join(', ')}`;
    draft.add(path, `it speaks of no stage, so ${decides} is the same for every capture`, list);
  });
}

/** Whether two conditions are the same but for spaces: then they hold on the same captures. */
export function sameCondition(one: unknown, other: unknown): boolean {
  const plain = (text: unknown) => (typeof text === 'string' ? text.replaceAll(/\s+/g, '') : null);
  return plain(one) !== null && plain(one) === plain(other);
}

/** `accept` of a stage or `where` of a track; only where there are `zones` it may ask for them. */
export async function checkAcceptance(draft: Draft, path: readonly PathSegment[], text: string, zones?: readonly string[]): Promise<void> {
  await telling(draft, path, text, async () => {
    const { looks } = await compileAcceptance(text, zones);
    const key = String(path.at(-1));
    if (!looks) draft.add(path, `it speaks of no field, so ${key} is the same for every observation`, 'write for instance score >= 0.8');
  });
}

async function telling(draft: Draft, path: readonly PathSegment[], text: string, compile: () => Promise<void>): Promise<void> {
  try {
    await compile();
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    if (!(error instanceof ConditionError)) return draft.add(path, error.message);
    const where = text.includes('\n') ? `line ${error.line}, column ${error.column}` : `column ${error.column}`;
    draft.add(path, `${printable(error.summary, 120)} (${where} of the condition)`, error.hint);
  }
}
