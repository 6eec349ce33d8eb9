/**
 * What `report` asks for, as far as its keys depend on each other and on the stages of the pipeline.
 */
import { isTimeZone } from '../core/active-hours.js';
import { nearest } from '../core/suggest.js';
import { checkAcceptance } from './check-condition.js';
import { checkName } from './check-name.js';
import type { Draft } from './draft.js';
import { type PathSegment, printable } from './problem.js';
import { stageName, taskOf } from './written-stage.js';

interface Pipeline {
  readonly stages: readonly unknown[];
  /** What the stages go by. */
  readonly names: readonly string[];
  /** That any of its inputs has. */
  readonly zones: readonly string[];
  /** Its cheaper ways. */
  readonly degrade: readonly unknown[];
}

/** Keys that mean something only in some modes. */
const modesOf: Readonly<Record<string, readonly string[]>> = {
  on_after_ms: ['events'],
  off_after_ms: ['events'],
  cooldown_ms: ['events'],
  update_every_ms: ['events', 'on_change'],
  track: ['events'],
  snapshot: ['events'],
};

export async function checkReport(draft: Draft, path: readonly PathSegment[], pipeline: Pipeline): Promise<void> {
  const report = draft.map(path);
  if (report === null) return;
  checkTimeZone(draft, [...path, 'active']);
  const { mode = 'every' } = report;
  for (const [key, modes] of Object.entries(modesOf)) {
    if (report[key] === undefined || modes.includes(String(mode))) continue;
    const wanted = `mode: ${modes.join(' or ')}`;
    const change = report.mode === undefined ? 'add' : 'make it';
    draft.add([...path, key], `means something only with ${wanted}`, `${change} ${wanted}, or remove it`, { atKey: true });
  }
  if (mode === 'events' && report.when === undefined && report.track === undefined) {
    draft.add([...path, 'when'], 'is missing, need a condition: it begins and ends the events', 'or add track, or remove mode: events');
  }
  if (mode !== 'events') return;
  await checkTrack(draft, [...path, 'track'], pipeline);
  checkLeftOut(draft, path, pipeline.degrade);
}

/** Things that are looked for no more would all be gone. */
function checkLeftOut(draft: Draft, path: readonly PathSegment[], degrade: readonly unknown[]): void {
  const boxes = draft.map([...path, 'track'])?.boxes;
  for (const [i, step] of degrade.entries()) {
    const { skip } = (step ?? {}) as { skip?: unknown };
    if (typeof skip !== 'string' || skip !== boxes) continue;
    const at = [...path.slice(0, -1), 'degrade', i, 'skip'];
    draft.add(at, `report.track follows what "${printable(skip)}" finds, so that leaving it out ends every event`, 'name another step');
  }
}

async function checkTrack(draft: Draft, path: readonly PathSegment[], { stages, names, zones }: Pipeline): Promise<void> {
  const track = draft.map(path);
  if (track === null) return;
  const { boxes, where } = track;
  if (typeof boxes === 'string') {
    checkName(draft, [...path, 'boxes'], boxes, names, 'stage');
    const reads = taskOf(
      draft,
      stages.find((stage) => stageName(draft, stage) === boxes),
    )?.reads;
    if (names.includes(boxes) && reads !== undefined && reads !== 'image') {
      draft.add([...path, 'boxes'], `${printable(boxes)} reads ${reads}, where nothing has a box`, 'name a stage that reads images');
    }
  }
  if (typeof where === 'string') await checkAcceptance(draft, [...path, 'where'], where, zones);
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
