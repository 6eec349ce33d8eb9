/**
 * What `report` asks for, as far as its keys depend on each other.
 */
import type { Draft } from './draft.js';
import type { PathSegment } from './problem.js';

const eventKeys = ['on_after_ms', 'off_after_ms', 'cooldown_ms', 'update_every_ms'];

export function checkReport(draft: Draft, path: readonly PathSegment[]): void {
  const report = draft.map(path);
  if (report === null) return;
  if (report.mode === 'events') {
    if (report.when === undefined) {
      draft.add([...path, 'when'], 'is missing, need a condition: it begins and ends the events', 'or remove mode: events');
    }
    return;
  }
  for (const key of eventKeys) {
    if (report[key] !== undefined)
      draft.add([...path, key], 'means something only with mode: events', 'add mode: events, or remove it', { atKey: true });
  }
}
