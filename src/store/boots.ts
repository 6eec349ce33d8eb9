/**
 * The starts of the daemon, and what can be told from them: which monotonic times compare with today's, and how old a row is.
 *
 * Guarantees: the boot number is durable before anything else is written; a row's age is never guessed from a clock that
 * was not synchronized. A row of a start that never saw a synchronized clock is at least as old as the next start that did.
 */
import { readFileSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { limits } from '../core/limits.js';
import type { Now } from './protocol.js';

interface BootRow {
  boot: number;
  started_mono_ms: number;
  wall_offset_ms: number | null;
}

/** Wall time may be steered by NTP; a jump above this starts the wait for steadiness anew. */
const steadyWithinMs = 60_000;

export class Boots {
  readonly #db: Database;
  #boot = 0;
  #sameKernelSince = 0;
  #rows: BootRow[] = [];
  #steady: { offsetMs: number; sinceMonoMs: number } | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  get boot(): number {
    return this.#boot;
  }

  /** The first start of the daemon under the running kernel: monotonic times from it on compare with each other. */
  get sameKernelSince(): number {
    return this.#sameKernelSince;
  }

  begin(now: Now, kernelBoot: string = readKernelBoot()): void {
    const db = this.#db;
    db.transaction(() => {
      const last = db.prepare<[], { boot: number }>('SELECT max(boot) AS boot FROM boots').get()?.boot ?? 0;
      this.#boot = last + 1;
      db.prepare('INSERT INTO boots (boot, kernel_boot, started_mono_ms, started_wall_ms) VALUES (?, ?, ?, ?)').run(
        this.#boot,
        kernelBoot,
        now.monoMs,
        now.wallMs,
      );
      db.prepare('DELETE FROM boots WHERE boot <= ?').run(this.#boot - limits.storeBootsMax);
    })();
    const other = db
      .prepare<[string], { boot: number | null }>('SELECT max(boot) AS boot FROM boots WHERE kernel_boot <> ?')
      .get(kernelBoot);
    this.#sameKernelSince = (other?.boot ?? 0) + 1;
    this.#load();
    this.observe(now);
  }

  /** Takes note of a synchronized clock: dates every row of this kernel boot. */
  observe(now: Now): void {
    if (!now.synced) {
      this.#steady = null;
      return;
    }
    const offsetMs = now.wallMs - now.monoMs;
    if (this.#steady !== null && Math.abs(offsetMs - this.#steady.offsetMs) <= steadyWithinMs) return;
    this.#steady = { offsetMs, sinceMonoMs: now.monoMs };
    this.#db.prepare('UPDATE boots SET wall_offset_ms = ? WHERE boot >= ?').run(offsetMs, this.#sameKernelSince);
    this.#load();
  }

  /** Whether wall time has been synchronized and free of jumps for long enough to destroy anything by it. */
  trusted(now: Now): boolean {
    return now.synced && this.#steady !== null && now.monoMs - this.#steady.sinceMonoMs >= limits.storeSteadyMs;
  }

  /** The latest wall time (ms) at which a row of `boot`, committed at `monoMs`, can have been written; null when nothing tells. */
  latestWallMs(boot: number, monoMs: number): number | null {
    for (const row of this.#rows) {
      if (row.boot < boot || row.wall_offset_ms === null) continue;
      return row.wall_offset_ms + (row.boot === boot ? monoMs : row.started_mono_ms);
    }
    return null;
  }

  #load(): void {
    this.#rows = this.#db.prepare<[], BootRow>('SELECT boot, started_mono_ms, wall_offset_ms FROM boots ORDER BY boot').all();
  }
}

/** The kernel's id of this boot of the board; a constant where the kernel has none, which only makes old rows look comparable. */
function readKernelBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
