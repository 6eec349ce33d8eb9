/**
 * What `keep` and `redact` of an input ask for, as far as it depends on other keys and on the pipelines that read it.
 */
import { keepModes } from '../core/keep.js';
import type { Draft } from './draft.js';
import { inputsOf } from './route.js';

const onlyWith: Readonly<Record<string, readonly string[]>> = {
  keep_every_ms: ['sample'],
  keep_days: ['events', 'sample'],
  keep_mib: ['events', 'sample'],
};

export function checkKeep(draft: Draft): void {
  for (const name of Object.keys(draft.map(['inputs']) ?? {})) {
    const input = draft.map(['inputs', name]);
    if (input === null) continue;
    const { keep = 'none' } = input;
    for (const [key, modes] of Object.entries(onlyWith)) {
      if (input[key] === undefined || modes.includes(String(keep)) || !isMode(keep)) continue;
      const wanted = `keep: ${modes.join(' or ')}`;
      draft.add(['inputs', name, key], `means something only with ${wanted}`, `add ${wanted}, or remove it`, { atKey: true });
    }
    const events = eventPipelines(draft, name);
    if (keep === 'events' && events.length === 0) {
      const hint = 'give a pipeline from it mode: events, or use keep: sample';
      draft.add(['inputs', name, 'keep'], 'no pipeline tells events of this input, so nothing would ever be kept', hint);
    }
    checkRedact(draft, name, keep !== 'none' || events.some((report) => report.snapshot === true));
  }
}

function checkRedact(draft: Draft, name: string, shown: boolean): void {
  const path = ['inputs', name, 'redact'];
  const redact = draft.map(path);
  if (redact === null) return;
  if (draft.map(['inputs', name])?.done === 'keep') {
    const hint = 'done: delete leaves none; what fails stays in failed/ in any case';
    draft.add(path, 'hides nothing in the files that done: keep leaves as they came', hint, { atKey: true, warning: true });
  }
  if (redact.faces !== undefined && !shown) {
    const hint = 'set keep, or snapshot in the report of a pipeline, or remove it';
    draft.add([...path, 'faces'], 'nothing of this input is kept or published in which faces could be hidden', hint, { warning: true });
  }
}

const isMode = (word: unknown): boolean => keepModes.some((mode) => mode === word);

/** Reports of the pipelines that tell events of an input. */
function eventPipelines(draft: Draft, input: string): readonly Record<string, unknown>[] {
  return Object.keys(draft.map(['pipelines']) ?? {}).flatMap((name) => {
    const { from } = draft.map(['pipelines', name]) ?? {};
    const named = Array.isArray(from) ? from.filter((entry) => typeof entry === 'string') : [];
    const report = draft.map(['pipelines', name, 'report']);
    return report?.mode === 'events' && inputsOf(draft, named).includes(input) ? [report] : [];
  });
}
