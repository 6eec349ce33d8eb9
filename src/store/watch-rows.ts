/**
 * The state of events in the file: read, turned by the machine (core/event.ts) and written back inside one transaction.
 *
 * Guarantees: a capture turns the state in the transaction that commits its result, so that a death before or after finds both or
 * neither; two captures settled at once turn it one after the other. A state that cannot be read (of a newer Shoal, say) counts as none.
 * Deliberately delivers nothing: it answers the messages that are to be owed.
 */
import type { Database } from 'better-sqlite3';
import { type EventNow, type EventState, lapse, type Step, sight, type Telling } from '../core/event.js';
import type { ResultRecord } from '../core/settled.js';
import { encodeEvent, type Watch, type WatchChange, type Watched } from '../core/watch.js';
import type { Boots } from './boots.js';
import type { Now } from './protocol.js';

/** What `report_state.json` holds. */
interface Kept {
  readonly version: 1;
  readonly state: EventState;
  /** For its end when the configuration no longer names the watch. */
  readonly watch: Pick<Watch, 'sinks' | 'device' | 'configHash'>;
}

interface Turned {
  readonly messages: readonly { readonly record: ResultRecord; readonly sinks: readonly string[] }[];
  readonly changes: readonly WatchChange[];
}

interface Row {
  pipeline: string;
  input: string;
  json: string;
}

/** Null for what this version does not know. */
export function readKept(json: string): Kept | null {
  try {
    const kept = JSON.parse(json) as Partial<Kept> | null;
    return kept?.version === 1 ? (kept as Kept) : null;
  } catch {
    return null;
  }
}

export class WatchRows {
  readonly #boots: Boots;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, boots: Boots) {
    this.#boots = boots;
    this.#statements = prepare(db);
  }

  sight({ watch, sighting }: Watched, now: Now): Turned {
    const { pipeline, input, rules } = watch;
    const row = this.#statements.read.get(pipeline, input);
    const before = row === undefined ? null : (readKept(row.json)?.state ?? null);
    const step = sight(before, sighting, rules, this.#now(now), [pipeline, input]);
    this.#keep(watch, step.state);
    return turned(watch, step, before === null);
  }

  /** `known` are the sinks of the configuration. */
  lapse(watches: readonly Watch[], known: readonly string[], sinceMs: number, now: Now): Turned {
    const all = this.#statements.all.all().map(({ pipeline, input, json }): Turned => {
      const kept = readKept(json);
      const watch = watches.find((candidate) => candidate.pipeline === pipeline && candidate.input === input);
      if (watch === undefined) {
        this.#statements.remove.run(pipeline, input);
        const messages = kept === null ? [] : this.#farewell({ pipeline, input, ...kept.watch }, kept, known, now);
        return { messages, changes: [{ pipeline, input, state: null, phases: messages.length > 0 ? ['end'] : [] }] };
      }
      if (kept === null) return { messages: [], changes: [] };
      const step = lapse(kept.state, watch.rules, this.#now(now), sinceMs);
      if (step.state !== kept.state) this.#keep(watch, step.state);
      return turned(watch, step, false);
    });
    return { messages: all.flatMap(({ messages }) => messages), changes: all.flatMap(({ changes }) => changes) };
  }

  #farewell(
    watch: Pick<Watch, 'pipeline' | 'input'> & Kept['watch'],
    { state }: Kept,
    known: readonly string[],
    now: Now,
  ): Turned['messages'] {
    const { tellings } = lapse(state, null, this.#now(now), 0);
    return tellings.map((telling) => ({ record: recordOf(telling, watch), sinks: watch.sinks.filter((sink) => known.includes(sink)) }));
  }

  #keep({ pipeline, input, sinks, device, configHash }: Watch, state: EventState): void {
    const kept: Kept = { version: 1, state, watch: { sinks, device, configHash } };
    this.#statements.write.run(pipeline, input, JSON.stringify(kept));
  }

  #now({ monoMs }: Now): EventNow {
    return { monoMs, kernel: this.#boots.sameKernelSince };
  }
}

function turned(watch: Watch, { state, tellings }: Step, isFirst: boolean): Turned {
  const { pipeline, input, sinks } = watch;
  const changed = isFirst || tellings.length > 0;
  return {
    messages: tellings.map((telling) => ({ record: recordOf(telling, watch), sinks })),
    changes: changed ? [{ pipeline, input, state, phases: tellings.map(({ phase }) => phase) }] : [],
  };
}

function recordOf(telling: Telling, watch: Omit<Watch, 'rules'>): ResultRecord {
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
  return {
    read: db.prepare<[string, string], Row>('SELECT pipeline, input, json FROM report_state WHERE pipeline = ? AND input = ?'),
    all: db.prepare<[], Row>('SELECT pipeline, input, json FROM report_state'),
    write: db.prepare('INSERT INTO report_state (pipeline, input, json) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET json = excluded.json'),
    remove: db.prepare('DELETE FROM report_state WHERE pipeline = ? AND input = ?'),
  };
}
