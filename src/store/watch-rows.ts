/**
 * What is remembered of watches, in the file: read, turned by the machines of core and written back inside one transaction.
 *
 * Guarantees: a capture turns the state in the transaction that commits its result, so that a death before or after finds both or
 * neither; two captures settled at once turn it one after the other. A state that cannot be read (of a newer Shoal, say) counts as none,
 * and so does one of a pipeline that was told in another way before; an event in it is ended by `lapse`.
 * Deliberately delivers nothing: it answers the messages that are to be owed.
 */
import type { Database } from 'better-sqlite3';
import { type EventNow, type EventState, lapse, type Step, sight, type Telling } from '../core/event.js';
import { limits } from '../core/limits.js';
import { type Judged, judgeSaying, type SaidState } from '../core/saying.js';
import type { ResultRecord } from '../core/settled.js';
import { lapseThings, sightThings, type TracksState } from '../core/track.js';
import {
  type ChangeWatch,
  type EventWatch,
  encodeEvent,
  type Said,
  type TrackWatch,
  type Watch,
  type WatchChange,
  type Watched,
  type WatchState,
} from '../core/watch.js';
import type { Boots } from './boots.js';
import type { Now } from './protocol.js';

/** What `report_state.json` holds, by the kind of its watch. */
type Kept =
  | (KeptBase & { readonly kind: 'event'; readonly state: EventState })
  | (KeptBase & { readonly kind: 'tracks'; readonly state: TracksState })
  | (KeptBase & { readonly kind: 'change'; readonly state: SaidState });

interface KeptBase {
  /** 1 for events, as they have been from the first on; an older Shoal knows no 2. */
  readonly version: 1 | 2;
  /** For the end of an event when the configuration no longer names the watch. */
  readonly watch: Pick<Watch, 'sinks' | 'device' | 'configHash'>;
}

export interface Turned {
  readonly messages: readonly { readonly record: ResultRecord; readonly sinks: readonly string[] }[];
  readonly changes: readonly WatchChange[];
}

export interface WatchRow {
  pipeline: string;
  input: string;
  /** '' for an input without sources. */
  source: string;
  json: string;
}

const nothing: Turned = { messages: [], changes: [] };

/** Null for what this version does not know. */
function readKept(json: string): Kept | null {
  try {
    const kept = JSON.parse(json) as Partial<Kept> | null;
    if (kept?.version === 1) return { ...kept, kind: 'event' } as Kept;
    return kept?.version === 2 && (kept.kind === 'tracks' || kept.kind === 'change') ? (kept as Kept) : null;
  } catch {
    return null;
  }
}

/** What is known of a watch of events; null where it tells none. */
export function readWatchState(json: string): WatchState | null {
  const kept = readKept(json);
  return kept === null || kept.kind === 'change' ? null : kept.state;
}

export class WatchRows {
  readonly #boots: Boots;
  readonly #statements: ReturnType<typeof prepare>;
  /** Counts writes through all starts. */
  #heard: number;

  constructor(db: Database, boots: Boots) {
    this.#boots = boots;
    this.#statements = prepare(db);
    this.#heard = this.#statements.lastHeard.get()?.heard ?? 0;
  }

  sight(watched: Watched, now: Now): Turned {
    const { watch, sighting } = watched;
    const names = [watch.pipeline, watch.input] as const;
    const kept = this.#read(watch);
    const evicted = kept === null ? this.#makeRoom(watch, now) : nothing;
    if ('things' in watched) {
      const before = kept?.kind === 'tracks' ? kept.state : null;
      const step = sightThings(before, sighting, watched.things, watched.watch.rules, this.#now(now), names);
      this.remember(watch, step.state);
      return both(evicted, turned(watch, step, before === null, step.untracked));
    }
    const before = kept?.kind === 'event' ? kept.state : null;
    const step = sight(before, sighting, watch.rules, this.#now(now), names);
    this.remember(watch, step.state);
    return both(evicted, turned(watch, step, before === null));
  }

  /** Turns nothing: what comes of it is remembered once its result is known to be new. */
  judge({ watch, saying }: Said, now: Now): Judged {
    const kept = this.#read(watch);
    // Nothing is told of what a result said last.
    if (kept === null) this.#makeRoom(watch, now);
    return judgeSaying(kept?.kind === 'change' ? kept.state : null, saying, watch.rules, this.#now(now));
  }

  remember(watch: EventWatch | TrackWatch, state: WatchState): void;
  remember(watch: ChangeWatch, state: SaidState): void;
  remember({ pipeline, input, source = '', kind, sinks, device, configHash }: Watch, state: WatchState | SaidState): void {
    const version = kind === 'event' ? { version: 1 } : { version: 2, kind };
    const json = JSON.stringify({ ...version, state, watch: { sinks, device, configHash } });
    this.#statements.write.run(pipeline, input, source, ++this.#heard, json);
  }

  /** `known` are the sinks of the configuration. */
  lapse(watches: readonly Watch[], known: readonly string[], sinceMs: number, now: Now): Turned {
    const each = this.#statements.all.all().map((row) => {
      const { pipeline, input, source } = row;
      const kept = readKept(row.json);
      const asked = watches.find((candidate) => candidate.pipeline === pipeline && candidate.input === input);
      const watch = asked === undefined || source === '' ? asked : { ...asked, source };
      // What is not understood may be a newer Shoal's: it stays as long as somebody asks for it.
      if (watch !== undefined && kept === null) return nothing;
      if (watch === undefined || watch.kind !== kept?.kind) return this.#forget(row, kept, known, now);
      return this.#lapse(watch, kept, sinceMs, now);
    });
    return each.reduce(both, nothing);
  }

  #lapse(watch: Watch, kept: Kept, sinceMs: number, now: Now): Turned {
    if (kept.kind === 'change' || watch.kind === 'change') return nothing;
    const step = lapseState(kept, watch.rules, this.#now(now), sinceMs);
    if (step.state !== kept.state) this.remember(watch, step.state);
    return turned(watch, step, false);
  }

  #forget({ pipeline, input, source }: WatchRow, kept: Kept | null, known: readonly string[], now: Now): Turned {
    this.#statements.remove.run(pipeline, input, source);
    if (kept?.kind === 'change') return nothing;
    const tellings = kept === null ? [] : lapseState(kept, null, this.#now(now), 0).tellings;
    const sinks = kept?.watch.sinks.filter((sink) => known.includes(sink)) ?? [];
    const from = source === '' ? {} : { source };
    const messages =
      kept === null ? [] : tellings.map((telling) => ({ record: recordOf(telling, { pipeline, input, ...from, ...kept.watch }), sinks }));
    return { messages, changes: [{ pipeline, input, ...from, state: null, phases: tellings.map(({ phase }) => phase) }] };
  }

  #read({ pipeline, input, source = '' }: Watch): Kept | null {
    const row = this.#statements.read.get(pipeline, input, source);
    return row === undefined ? null : readKept(row.json);
  }

  /** For a source that was not heard before: one with a name that is never heard again must not stay for ever. */
  #makeRoom({ pipeline, input, source = '' }: Watch, now: Now): Turned {
    if (source === '') return nothing;
    const { known = 0 } = this.#statements.count.get(pipeline, input) ?? {};
    const oldest = known < limits.watchedSourcesMax ? undefined : this.#statements.oldest.get(pipeline, input);
    if (oldest === undefined) return nothing;
    const kept = readKept(oldest.json);
    return this.#forget(oldest, kept, kept?.watch.sinks ?? [], now);
  }

  #now({ monoMs }: Now): EventNow {
    return { monoMs, kernel: this.#boots.sameKernelSince };
  }
}

function lapseState(
  kept: Exclude<Kept, { kind: 'change' }>,
  rules: EventWatch['rules'] | null,
  now: EventNow,
  sinceMs: number,
): Step<WatchState> {
  return kept.kind === 'tracks' ? lapseThings(kept.state, rules, now, sinceMs) : lapse(kept.state, rules, now, sinceMs);
}

function both(a: Turned, b: Turned): Turned {
  if (a === nothing) return b;
  return b === nothing ? a : { messages: [...a.messages, ...b.messages], changes: [...a.changes, ...b.changes] };
}

function turned(watch: EventWatch | TrackWatch, { state, tellings }: Step<WatchState>, isFirst: boolean, untracked = 0): Turned {
  const { pipeline, input, source, sinks } = watch;
  const changed = isFirst || tellings.length > 0 || untracked > 0;
  const phases = tellings.map(({ phase }) => phase);
  return {
    messages: tellings.map((telling) => ({ record: recordOf(telling, watch), sinks })),
    changes: changed
      ? [{ pipeline, input, ...(source === undefined ? {} : { source }), state, phases, ...(untracked === 0 ? {} : { untracked }) }]
      : [],
  };
}

function recordOf(telling: Telling, watch: Parameters<typeof encodeEvent>[1]): ResultRecord {
  return {
    id: `${telling.id}-${telling.number}`,
    captureId: telling.mark.captureId,
    captureName: '',
    pipeline: watch.pipeline,
    input: watch.input,
    outcome: 'published',
    reason: null,
    payload: encodeEvent(telling, watch),
    trace: '{}',
  };
}

function prepare(db: Database) {
  const columns = 'pipeline, input, source, json';
  return {
    read: db.prepare<[string, string, string], WatchRow>(
      `SELECT ${columns} FROM report_state WHERE pipeline = ? AND input = ? AND source = ?`,
    ),
    all: db.prepare<[], WatchRow>(`SELECT ${columns} FROM report_state`),
    lastHeard: db.prepare<[], { heard: number | null }>('SELECT max(heard) AS heard FROM report_state'),
    count: db.prepare<[string, string], { known: number }>('SELECT count(*) AS known FROM report_state WHERE pipeline = ? AND input = ?'),
    write: db.prepare(
      'INSERT INTO report_state (pipeline, input, source, heard, json) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET heard = excluded.heard, json = excluded.json',
    ),
    remove: db.prepare('DELETE FROM report_state WHERE pipeline = ? AND input = ? AND source = ?'),
    oldest: db.prepare<[string, string], WatchRow>(
      `SELECT ${columns} FROM report_state WHERE pipeline = ? AND input = ? ORDER BY heard LIMIT 1`,
    ),
  };
}
