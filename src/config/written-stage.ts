/** A stage as it is written in the file, of which nobody knows yet whether it will do. */
import type { ConfigTask } from './config-parts.js';
import type { Draft } from './draft.js';

/** Undefined where there is none, or it is unknown. */
export function taskOf(draft: Draft, stage: unknown): ConfigTask | undefined {
  const { task } = (stage ?? {}) as { task?: unknown };
  return draft.parts.tasks.find((candidate) => candidate.name === task);
}

/** What it goes by; null where neither it nor its task says. */
export function stageName(draft: Draft, stage: unknown): string | null {
  const { as } = (stage ?? {}) as { as?: unknown };
  if (typeof as === 'string') return as;
  const task = taskOf(draft, stage);
  return task ? defaultName(task) : null;
}

/** The name of a stage that was given none: what its task is about, `detect-text` -> `text`. */
export function defaultName(task: { readonly name: string }): string {
  return task.name.replace(/^[^-]*-/, '').replaceAll('-', '_');
}
