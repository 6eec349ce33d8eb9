/**
 * The system's clocks.
 *
 * Guarantees: `monoMs` is CLOCK_MONOTONIC (what `process.hrtime` reads), comparable between processes of one boot; `synced` never says
 * yes without a mark that a time service left during this boot. Deliberately does not ask the kernel: adjtimex is out of Node's reach, and
 * out of reach of any helper under the unit's ProtectClock. So a clock kept by a service that leaves no mark is reported as not synced:
 * the harmless one of the two errors.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/contracts.js';
import { limits } from '../core/limits.js';

/** Where to look, below `root`. */
interface ClockPlace {
  /** `/` on a board; a folder with a made-up tree in a test. */
  readonly root?: string;
}

/** Touched by systemd-timesyncd each time it has set the clock; on a tmpfs, so it is of this boot. */
const timesyncMark = 'run/systemd/timesync/synchronized';

/** Written by chronyd and ntpd about hourly, and only while they are synchronized; on disk, so it may be of an earlier boot. */
const driftFiles = ['var/lib/chrony/chrony.drift', 'var/lib/chrony/drift', 'var/lib/ntpsec/ntp.drift', 'var/lib/ntp/ntp.drift'];

/** A drift file written on the way down may seem to be of this boot where the clock starts from the time saved at shutdown. */
const bootMarginMs = 60_000;

/** When `performance.now()` was 0 on CLOCK_MONOTONIC, which both count on: a fraction of the cost of asking for nanoseconds. */
const startMs = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();

export type ClockMark = 'timesyncd' | 'drift-file' | 'none';

export class SystemClock implements Clock {
  readonly #root: string;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #mark: ClockMark = 'none';

  constructor(place: ClockPlace = {}) {
    this.#root = place.root ?? '/';
  }

  monoMs(): number {
    return startMs + performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  synced(): boolean {
    return this.mark() !== 'none';
  }

  /** Who says that the clock is right; looked up again after `limits.clockLookMs`. */
  mark(): ClockMark {
    const now = this.monoMs();
    if (now - this.#lookedAt >= limits.clockLookMs) {
      this.#lookedAt = now;
      this.#mark = this.#look();
    }
    return this.#mark;
  }

  #look(): ClockMark {
    if (modifiedMs(join(this.#root, timesyncMark)) !== null) return 'timesyncd';
    const bootMs = bootTimeMs(join(this.#root, 'proc/stat'));
    if (bootMs === null) return 'none';
    const isOfThisBoot = (path: string): boolean => {
      const at = modifiedMs(join(this.#root, path));
      return at !== null && at > bootMs + bootMarginMs && at <= this.wallMs();
    };
    return driftFiles.some(isOfThisBoot) ? 'drift-file' : 'none';
  }
}

function modifiedMs(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** Wall time of the kernel's start by today's clock. */
function bootTimeMs(path: string): number | null {
  try {
    const seconds = /^btime (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    return seconds === undefined ? null : Number(seconds) * 1000;
  } catch {
    return null;
  }
}
