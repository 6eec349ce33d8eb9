/**
 * Which inputs a pipeline looks at: those it names, and every input with `route: auto`.
 *
 * Resolved once, when the file is read: whatever comes after sees complete lists.
 */
import type { Draft } from './draft.js';

/** Inputs whose captures are offered to every pipeline, in the order of the file as written. */
export function autoInputs(draft: Draft): string[] {
  return Object.keys(draft.map(['inputs']) ?? {}).filter((name) => draft.map(['inputs', name])?.route === 'auto');
}

/** Those named first; each once. */
export function inputsOf(draft: Draft, named: readonly string[]): string[] {
  return [...new Set([...named, ...autoInputs(draft)])];
}
