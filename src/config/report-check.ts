/**
 * What `report` asks for, as far as its keys depend on each other.
 */
import { isTimeZone } from '../core/active-hours.js';
import { nearest } from '../core/suggest.js';
import type { Draft } from './draft.js';
import { type PathSegment, printable } from './problem.js';

const eventKeys = ['on_after_ms', 'off_after_ms', 'cooldown_ms', 'update_every_ms'];

export function checkReport(draft: Draft, path: readonly PathSegment[]): void {
  const report = draft.map(path);
  if (report === null) return;
  checkTimeZone(draft, [...path, 'active']);
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

function checkTimeZone(draft: Draft, path: readonly PathSegment[]): void {
  const name = draft.map(path)?.time_zone;
  if (typeof name !== 'string' || name === '' || isTimeZone(name)) return;
  const near = nearest(name, Intl.supportedValuesOf('timeZone'));
  draft.add(
    [...path, 'time_zone'],
    `"${printable(name)}" is no time zone`,
    near === null ? 'as in Europe/Berlin' : `did you mean ${near}?`,
  );
}
