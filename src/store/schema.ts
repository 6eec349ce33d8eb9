/**
 * The tables, as a list of migrations: entry n brings a file from schema n to n + 1 in one transaction.
 *
 * An entry that was released is never edited; a change is a new entry. A file of a newer schema is refused untouched.
 *
 * - `results.seq` is the commit sequence, never used twice; `boot` and `mono_ms` order and age a row, `wall_ms` labels it.
 * - `deliveries` holds what is owed (state 0) or dead (state 1). A row vanishes on its acknowledgement: delivered means
 *   that `results.sinks` names the sink and no row is left. The key begins with the state so that a drain reads no dead rows.
 * - `claims.outcomes` (JSON) tells an input that died before its receipt what became of a capture; its rows age like results.
 * - `results.kind` is `result`, or `event` for a message of an event: both are bytes owed to sinks in one order.
 * - `report_state.json` is what is remembered of a pipeline on an input between captures (store/watch-rows.ts), and of each of its sources
 *   ('' where it has none); `heard` orders these by when they were heard last.
 * - `boots.wall_offset_ms` is wall minus monotonic time as last seen synchronized in that start: it dates its rows afterwards.
 */
import type { Database } from 'better-sqlite3';
import { ShoalError } from '../core/errors.js';

/** 'Shoa' in ASCII: tells our files from another program's. */
export const applicationId = 0x53686f61;

export const owedState = 0;
export const deadState = 1;

export const migrations: readonly string[] = [
  `
  CREATE TABLE boots (
    boot INTEGER PRIMARY KEY,
    kernel_boot TEXT NOT NULL,
    started_mono_ms REAL NOT NULL,
    started_wall_ms REAL NOT NULL,
    wall_offset_ms REAL
  ) STRICT;
  CREATE TABLE results (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    boot INTEGER NOT NULL,
    mono_ms REAL NOT NULL,
    wall_ms REAL NOT NULL,
    pipeline TEXT NOT NULL,
    input TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    capture_id TEXT NOT NULL,
    capture_name TEXT NOT NULL,
    sinks TEXT NOT NULL,
    payload BLOB NOT NULL,
    trace TEXT NOT NULL
  ) STRICT;
  CREATE TABLE deliveries (
    sink TEXT NOT NULL,
    state INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    reason TEXT,
    PRIMARY KEY (sink, state, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE claims (
    number INTEGER PRIMARY KEY,
    capture_id TEXT NOT NULL UNIQUE,
    input TEXT NOT NULL
  ) STRICT;
  CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY,
    capture_id TEXT NOT NULL UNIQUE,
    input TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    wall_ms REAL NOT NULL
  ) STRICT;
  CREATE TABLE report_state (
    pipeline TEXT NOT NULL,
    input TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (pipeline, input)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE drops (
    reason TEXT NOT NULL,
    sink TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (reason, sink)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE claims ADD COLUMN outcomes TEXT NOT NULL DEFAULT '[{"pipeline":"all","outcome":"published"}]';
  ALTER TABLE claims ADD COLUMN boot INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE claims ADD COLUMN mono_ms REAL NOT NULL DEFAULT 0;
  `,
  `
  ALTER TABLE results ADD COLUMN kind TEXT NOT NULL DEFAULT 'result';
  `,
  `
  CREATE TABLE report_state_of_sources (
    pipeline TEXT NOT NULL,
    input TEXT NOT NULL,
    source TEXT NOT NULL,
    heard INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (pipeline, input, source)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO report_state_of_sources SELECT pipeline, input, '', 0, json FROM report_state;
  DROP TABLE report_state;
  ALTER TABLE report_state_of_sources RENAME TO report_state;
  `,
];

/** Brings the file to the newest schema. Throws STORE_UNAVAILABLE for a newer file or another program's, leaving it as it is. */
export function migrate(db: Database, path: string, steps: readonly string[] = migrations): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  const owner = Number(db.pragma('application_id', { simple: true }));
  const tables = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()?.n ?? 0;
  if (owner !== applicationId && (owner !== 0 || tables > 0)) {
    throw new ShoalError('STORE_UNAVAILABLE', `${path} is a database of another program: set store.path to a file of Shoal's own`);
  }
  if (version > steps.length) {
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `${path} was written by a newer Shoal (schema ${version}, this one knows up to ${steps.length}): install that version again, or move the file away to start empty`,
    );
  }
  for (let from = version; from < steps.length; from++) {
    db.transaction(() => {
      db.exec(steps[from] ?? '');
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${from + 1}`);
    })();
  }
}
