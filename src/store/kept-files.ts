/**
 * Kept copies as files under `state_dir/kept`, readable by the daemon's user only.
 *
 * Guarantees: a file is there whole or not at all (fsync, rename, fsync of the folder); of each input at most its bytes and
 * `limits.keptFilesMax` files, the oldest go first, before the new one comes; what is older than its days goes, by a clock that is
 * synchronized. What an input left that keeps nothing any more ages by the usual days. Acts one after the other. Every removal is counted.
 * Deliberately has no index: folders and names are all there is. A removed file is unlinked; what the medium still holds of it is not overwritten.
 */
import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptShelf, Surroundings } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { captureIdPattern, idPattern, timeOfCaptureId } from '../core/id.js';
import { type KeepRules, type KeptItem, type KeptRow, keepRules, type PurgeRequest } from '../core/keep.js';
import { limits } from '../core/limits.js';
import { dayOf, dayPattern, fileNameOf, readFileName } from './kept-names.js';

interface Row {
  readonly id: string;
  readonly input: string;
  readonly day: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly keptMs: number;
}

type Reason = 'age' | 'quota' | 'purge';

export class KeptFiles implements KeptShelf {
  readonly #root: string;
  readonly #rules: Readonly<Record<string, Pick<KeepRules, 'days' | 'bytesMax'>>>;
  readonly #surroundings: Surroundings;
  /** By input, the oldest first. */
  readonly #rows = new Map<string, Row[]>();
  /** Of inputs with folders that could not be read, why. */
  readonly #unread = new Map<string, readonly string[]>();
  #isListed = false;
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #started = false;

  /** `root` is made with the first copy. */
  constructor(root: string, rules: Readonly<Record<string, Pick<KeepRules, 'days' | 'bytesMax'>>>, surroundings: Surroundings) {
    this.#root = root;
    this.#rules = rules;
    this.#surroundings = surroundings;
  }

  /** Resolves when it knows what is there. A folder that cannot be read is told and left, and hides no other. */
  start(): Promise<void> {
    if (this.#started) return Promise.resolve();
    this.#started = true;
    this.#timer = setInterval(() => void this.#inTurn(() => this.#tend()).catch(() => {}), limits.keptTendMs).unref();
    return this.#inTurn(async () => {
      await this.#loadAll();
      await this.#tend();
    }).catch((error: unknown) => this.#complain(this.#root, error));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn.catch(() => {});
  }

  put(item: KeptItem): Promise<void> {
    return this.#inTurn(async () => {
      const { id, input, capturedAt, copy } = item;
      const { bytesMax } = this.#rulesOf(input);
      if (copy.bytes.length > bytesMax) throw new ShoalError('STORE_FULL', `a copy has more bytes than keep_mib of ${input} allows`);
      const rows = this.#rows.get(input) ?? [];
      if (rows.some((row) => row.id === id)) return;
      while (total(rows) + copy.bytes.length > bytesMax || rows.length >= limits.keptFilesMax) {
        const [oldest] = rows;
        if (oldest === undefined) break;
        await this.#remove(oldest, 'quota');
      }
      const day = dayOf(capturedAt);
      await this.#write(join(this.#root, input, day), fileNameOf(id, copy.mediaType), copy.bytes).catch((cause: NodeJS.ErrnoException) => {
        const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(cause.code ?? '');
        throw new ShoalError(full ? 'STORE_FULL' : 'STORE_UNAVAILABLE', `a copy cannot be written to ${this.#root}: ${reasonOf(cause)}`);
      });
      const keptMs = this.#surroundings.clock.wallMs();
      this.#rows.set(input, [...rows, { id, input, day, mediaType: copy.mediaType, bytes: copy.bytes.length, keptMs }]);
      this.#gauge(input);
    });
  }

  async list({ input, limit }: { readonly input?: string; readonly limit: number }): Promise<readonly KeptRow[]> {
    const all = input === undefined ? [...this.#rows.values()].flat() : (this.#rows.get(input) ?? []);
    return [...all]
      .sort((a, b) => b.keptMs - a.keptMs)
      .slice(0, limit)
      .map(({ id, input: from, mediaType, bytes, keptMs }) => ({
        id,
        input: from,
        mediaType,
        bytes,
        keptAt: new Date(keptMs).toISOString(),
      }));
  }

  async read(id: string): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array } | null> {
    const row = [...this.#rows.values()].flat().find((each) => each.id === id);
    const bytes = row === undefined ? null : await readFile(this.#pathOf(row)).catch(() => null);
    return row === undefined || bytes === null ? null : { mediaType: row.mediaType, bytes };
  }

  purge({ input, beforeMs, dryRun }: Pick<PurgeRequest, 'input' | 'beforeMs' | 'dryRun'>): Promise<{ files: number; bytes: number }> {
    return this.#inTurn(async () => {
      // What could not be read perhaps can be by now.
      if (!this.#isListed) await this.#loadAll().catch((error: unknown) => unreadable(input, reasonOf(error)));
      else if (this.#unread.has(input)) await this.#load(input);
      const old = (this.#rows.get(input) ?? []).filter((row) => sinceMs(row) < beforeMs);
      if (!dryRun) for (const row of old) await this.#remove(row, 'purge');
      const unread = this.#unread.get(input);
      if (unread !== undefined) unreadable(input, unread.join('; '));
      return { files: old.length, bytes: total(old) };
    });
  }

  #rulesOf(input: string): Pick<KeepRules, 'days' | 'bytesMax'> {
    return this.#rules[input] ?? keepRules({});
  }

  /** Rejects where the root cannot be read. */
  async #loadAll(): Promise<void> {
    for (const input of await foldersIn(this.#root)) if (idPattern.test(input)) await this.#load(input);
    this.#isListed = true;
  }

  /** One folder that cannot be read hides no other. */
  async #load(input: string): Promise<void> {
    const rows: Row[] = [];
    const known = this.#unread.get(input) ?? [];
    const unread: string[] = [];
    const trying = async (folder: string, read: () => Promise<void>) => {
      await read().catch((error: unknown) => {
        unread.push(reasonOf(error));
        if (!known.includes(reasonOf(error))) this.#complain(folder, error);
      });
    };
    const folder = join(this.#root, input);
    await trying(folder, async () => {
      const days = (await foldersIn(folder)).filter((day) => dayPattern.test(day));
      for (const day of days) await trying(join(folder, day), () => this.#loadDay(input, day, rows));
    });
    if (unread.length > 0) this.#unread.set(input, unread);
    else this.#unread.delete(input);
    this.#rows.set(
      input,
      rows.sort((a, b) => a.keptMs - b.keptMs),
    );
    this.#gauge(input);
  }

  async #loadDay(input: string, day: string, rows: Row[]): Promise<void> {
    const folder = join(this.#root, input, day);
    for (const name of await readdir(folder)) {
      const known = readFileName(name);
      // What a death left half written.
      if (known === null && name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
      if (known === null) continue;
      const { size, mtimeMs } = await stat(join(folder, name));
      rows.push({ ...known, input, day, bytes: size, keptMs: mtimeMs });
    }
  }

  async #tend(): Promise<void> {
    for (const input of this.#unread.keys()) await this.#load(input);
    const { clock } = this.#surroundings;
    // A clock that may be wrong must not destroy anything.
    if (!clock.synced()) return;
    for (const [input, rows] of this.#rows) {
      const beforeMs = clock.wallMs() - this.#rulesOf(input).days * 86_400_000;
      for (const row of rows.filter(({ keptMs }) => keptMs < beforeMs)) await this.#remove(row, 'age');
    }
  }

  async #write(folder: string, name: string, bytes: Uint8Array): Promise<void> {
    await this.#makeFolder(folder);
    const temporary = join(folder, `${name}.tmp`);
    try {
      const handle = await open(temporary, constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, join(folder, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await sync(folder);
  }

  async #makeFolder(folder: string): Promise<void> {
    if ((await stat(folder).catch(() => null)) !== null) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Whatever the umask is, and whoever made it.
    await chmod(this.#root, 0o700);
    for (const parent of [join(folder, '..'), this.#root, join(this.#root, '..')]) await sync(parent);
  }

  async #remove(row: Row, reason: Reason): Promise<void> {
    await rm(this.#pathOf(row), { force: true });
    const rows = this.#rows.get(row.input) ?? [];
    const at = rows.indexOf(row);
    if (at >= 0) rows.splice(at, 1);
    if (!rows.some(({ day }) => day === row.day)) await rmdir(join(this.#root, row.input, row.day)).catch(() => {});
    const name = 'shoal_kept_removed_total';
    const counter = this.#surroundings.metrics.counter({
      name,
      help: 'Kept copies that were removed, by reason.',
      labels: ['input', 'reason'],
    });
    counter.inc({ input: row.input, reason });
    this.#gauge(row.input);
  }

  #gauge(input: string): void {
    const gauge = this.#surroundings.metrics.gauge({ name: 'shoal_kept_bytes', help: 'Bytes of kept copies.', labels: ['input'] });
    gauge.set(total(this.#rows.get(input) ?? []), { input });
  }

  #pathOf({ input, day, id, mediaType }: Row): string {
    return join(this.#root, input, day, fileNameOf(id, mediaType));
  }

  #complain(path: string, error: unknown): void {
    this.#surroundings.log.warn({ path, err: reasonOf(error) }, 'kept copies cannot be looked through: check the folder');
  }

  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.catch(() => {}).then(act);
    this.#turn = turn;
    return turn;
  }
}

/** When it was captured, as its id says; an id that is none of ours says nothing, and it was kept later than captured. */
function sinceMs({ id, keptMs }: Row): number {
  return captureIdPattern.test(id) ? Math.min(timeOfCaptureId(id), keptMs) : keptMs;
}

function unreadable(input: string, reason: string): never {
  const what = `copies of ${input} may be left in a folder that cannot be read (${reason})`;
  throw new ShoalError('STORE_UNAVAILABLE', `${what}: have the daemon's user read it, and purge again`);
}

function total(rows: readonly Row[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** None where the folder is not there. */
async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
