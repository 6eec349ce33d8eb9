/**
 * Opens the database file: permissions, every pragma set on purpose, damage found and moved aside, schema brought up to date.
 *
 * Guarantees: the only connection (exclusive lock, so no shared-memory file either), `synchronous=FULL` read back on every
 * open (better-sqlite3 is built to fall back to NORMAL in WAL mode, which loses acknowledged rows at a power cut), and no
 * crash loop from a damaged file. Deliberately repairs nothing: a damaged file is kept for `sqlite3 .recover` by a person.
 */
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { StoreOptions } from './options.js';
import { migrate } from './schema.js';

export const pageBytes = 4096;

/** The first SQLite without the WAL-reset corruption that lived from 3.7.0 on. */
const sqliteMin = '3.51.3';

export interface Opened {
  readonly db: Database.Database;
  readonly movedAside: string | null;
  readonly damage: string | null;
}

/** Whether SQLite says that the file itself is damaged, or no database at all. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}

export function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : '';
}

/** Throws STORE_UNAVAILABLE when `version` is older than the oldest SQLite we trust. */
export function requireSqlite(version: string): void {
  const parts = (text: string) => text.split('.').map(Number);
  const have = parts(version);
  const order = parts(sqliteMin)
    .map((part, i) => (have[i] ?? 0) - part)
    .find((difference) => difference !== 0);
  if (order !== undefined && order < 0) {
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `SQLite ${version} can corrupt a log; ${sqliteMin} or newer is needed: reinstall better-sqlite3`,
    );
  }
}

/** Marks that SQLite found damage while running, so that the next start checks the whole file. */
export function markSuspect(path: string): void {
  try {
    writeFileSync(suspectFile(path), String(suspicions(path) + 1));
  } catch {
    // The disk may be what failed; without the mark the next start only checks less.
  }
}

export function clearSuspect(path: string): void {
  rmSync(suspectFile(path), { force: true });
}

export function openFile(path: string, options: StoreOptions): Opened {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  try {
    return { db: openSound(path, options), movedAside: null, damage: null };
  } catch (error) {
    if (!isDamage(error)) throw asUnavailable(error, path);
    const movedAside = moveAside(path);
    clearSuspect(path);
    try {
      return { db: openSound(path, options), movedAside, damage: reasonOf(error) };
    } catch (again) {
      throw isDamage(again)
        ? new ShoalError('STORE_CORRUPT', `${path} is damaged, and so is a fresh one: check the disk (${reasonOf(again)})`, {
            cause: again,
          })
        : asUnavailable(again, path);
    }
  }
}

function openSound(path: string, options: StoreOptions): Database.Database {
  closeSync(openSync(path, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600));
  const db = new Database(path, { timeout: limits.storeBusyMs });
  try {
    setPragmas(db, options);
    checkWhole(db, path);
    migrate(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function setPragmas(db: Database.Database, options: StoreOptions): void {
  requireSqlite(db.prepare<[], { v: string }>('SELECT sqlite_version() AS v').get()?.v ?? '0');
  // The first three take effect only before the first page is written, or need a file that nobody else has open.
  db.pragma(`page_size = ${pageBytes}`);
  db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('locking_mode = EXCLUSIVE');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma(`wal_autocheckpoint = ${limits.storeLogBytesMax / pageBytes / 2}`);
  db.pragma(`journal_size_limit = ${limits.storeLogBytesMax}`);
  db.pragma(`busy_timeout = ${limits.storeBusyMs}`);
  db.pragma('foreign_keys = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma('cell_size_check = ON');
  db.pragma('mmap_size = 0');
  // What is deleted inside a page that is written anyway is overwritten: it costs no write.
  db.pragma('secure_delete = FAST');
  db.pragma('temp_store = MEMORY');
  db.pragma('cache_size = -4096');
  db.pragma(`max_page_count = ${Math.floor(options.max_bytes / pageBytes)}`);
}

/** The settings as SQLite reports them. Throws STORE_UNAVAILABLE when durability is not what we asked for. */
export function readPragmas(db: Database.Database, path: string): Record<string, unknown> {
  const names = ['journal_mode', 'synchronous', 'page_size', 'auto_vacuum', 'locking_mode', 'foreign_keys', 'trusted_schema', 'mmap_size'];
  const more = ['wal_autocheckpoint', 'journal_size_limit', 'max_page_count', 'busy_timeout', 'user_version'];
  const values = Object.fromEntries([...names, ...more].map((name) => [name, db.pragma(name, { simple: true })]));
  if (values.journal_mode !== 'wal' || values.synchronous !== 2) {
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `${path}: SQLite runs with journal_mode ${values.journal_mode} and synchronous ${values.synchronous} where WAL and FULL were asked for: put the file on a local file system (ext4, xfs, f2fs)`,
    );
  }
  return values;
}

function checkWhole(db: Database.Database, path: string): void {
  const damaged = suspicions(path);
  if (damaged > 1) throw damage('SQLite found damage again after a check that found none');
  if (damaged === 0 && statSync(path).size > limits.storeCheckBytesMax) return;
  const verdict = String(db.pragma('quick_check(1)', { simple: true }));
  if (verdict !== 'ok') throw damage(verdict);
}

function damage(message: string): Error {
  return new Database.SqliteError(message, 'SQLITE_CORRUPT');
}

function suspectFile(path: string): string {
  return `${path}.suspect`;
}

function suspicions(path: string): number {
  try {
    return Math.max(1, Number.parseInt(readFileSync(suspectFile(path), 'utf8'), 10) || 1);
  } catch {
    return 0;
  }
}

/** Renames the file and its log to the next free number and removes the oldest beyond those kept. */
function moveAside(path: string): string {
  const numbers: number[] = [];
  let next = 1;
  for (; existsSync(`${path}.corrupt-${next}`); next++) numbers.push(next);
  if (numbers.length >= limits.storeCorruptKept) {
    // Numbers stay dense: the oldest goes, the others move down, so that the scan above always ends.
    removeAll(`${path}.corrupt-1`);
    for (const number of numbers.slice(1)) renameAll(`${path}.corrupt-${number}`, `${path}.corrupt-${number - 1}`);
    next = numbers.length;
  }
  renameAll(path, `${path}.corrupt-${next}`);
  return `${path}.corrupt-${next}`;
}

function renameAll(from: string, to: string): void {
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix);
}

function removeAll(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
}

function asUnavailable(error: unknown, path: string): ShoalError {
  if (error instanceof ShoalError) return error;
  const busy = codeOf(error).startsWith('SQLITE_BUSY')
    ? ': another process has it open, stop that one first'
    : ': check that its folder exists and can be written';
  return new ShoalError('STORE_UNAVAILABLE', `cannot open ${path} (${codeOf(error)} ${reasonOf(error)})${busy}`, { cause: error });
}
