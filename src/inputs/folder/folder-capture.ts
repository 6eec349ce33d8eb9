/**
 * A claimed file as a capture. Its file name under `work/` is its header and its attempt journal (claim-name.ts),
 * so each mark is a rename and a sync of `work/`.
 *
 * Guarantees: `header` never changes, also over restarts; `content` is the file's present path.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import type { Capture, CaptureContent, CaptureHeader, Claim } from '../../core/capture.js';
import { ShoalError } from '../../core/errors.js';
import { timeOfCaptureId } from '../../core/id.js';
import { limits } from '../../core/limits.js';
import { type Sniffed, sniff } from '../../core/sniff.js';
import { type ClaimName, displayName, formatClaimName } from './claim-name.js';
import { isCode } from './errno.js';
import { type Refusal, refusalOf } from './look.js';
import type { FolderOptions } from './options.js';
import type { Places } from './places.js';

export class FolderCapture implements Capture, Claim {
  readonly header: CaptureHeader;
  readonly sniffed: Sniffed;
  #suspect: boolean;
  readonly #places: Places;
  readonly #stat: Stats;
  #name: ClaimName;

  constructor(places: Places, input: string, name: ClaimName, opened: Opened, recovered: boolean, monoMs: number | null) {
    this.#places = places;
    this.#name = name;
    this.#stat = opened.stat;
    this.sniffed = opened.sniffed;
    this.#suspect = recovered && (name.state !== 'w' || name.crashes > 0 || name.deaths > 0);
    this.header = {
      id: name.id,
      input,
      name: displayName(name.original),
      kind: opened.sniffed.kind,
      mediaType: opened.sniffed.mediaType,
      bytes: opened.stat.size,
      capturedAt: new Date(timeOfCaptureId(name.id)).toISOString(),
      clockSynced: name.clockSynced,
      boot: name.boot,
      seq: name.seq,
      // Of one taken up again only the wall time is known.
      ...(monoMs === null ? {} : { monoMs }),
    };
  }

  get content(): CaptureContent {
    return { path: `${this.#places.folder('work')}/${formatClaimName(this.#name)}` };
  }

  get claim(): Claim {
    return this;
  }

  get suspect(): boolean {
    return this.#suspect;
  }

  get original(): Buffer {
    return this.#name.original;
  }

  get path(): Buffer {
    return this.#places.at('work', Buffer.from(formatClaimName(this.#name)));
  }

  get exhausted(): string | null {
    const { crashes, deaths } = this.#name;
    if (crashes >= limits.soloCrashesMax) return `an engine crashed or hung ${crashes} times while it worked on this file alone`;
    if (deaths >= limits.coreDeathsMax) return `the daemon died ${deaths} times while an engine worked on this file alone`;
    return null;
  }

  /** Whether the file is still the one that was claimed; null when it is gone. */
  async unchanged(): Promise<boolean | null> {
    const now = await this.#places.stat(this.path);
    return now === null ? null : now.size === this.#stat.size && now.mtimeMs === this.#stat.mtimeMs;
  }

  async markSolo(): Promise<void> {
    // Also when the mark fails, or it is given back: its next run is alone too.
    this.#suspect = true;
    await this.#mark({ state: 's' });
    await this.#places.sync('work');
  }

  /** It does not run any more: a death of the core from now until its next run alone is not its doing. */
  async markCrash(): Promise<number> {
    await this.#mark({ crashes: this.#name.crashes + 1, state: 'b' });
    await this.#places.sync('work');
    return this.#name.crashes;
  }

  /** Says in the name that a batch may hold it from now on, and counts a death of the core during a solo run. Durable after a sync of `work/`. */
  async markOffered(): Promise<void> {
    const { state, deaths } = this.#name;
    await this.#mark({ state: 'b', deaths: state === 's' ? deaths + 1 : deaths });
  }

  /** Says in the name that it was given back and nothing can have died of it. Durable after a sync of `work/`. */
  async markReturned(): Promise<void> {
    await this.#mark({ state: this.suspect || this.#name.state === 's' ? 'b' : 'w' });
  }

  async #mark(change: Partial<Pick<ClaimName, 'state' | 'crashes' | 'deaths'>>): Promise<void> {
    const next = { ...this.#name, ...change };
    const to = formatClaimName(next);
    if (to === formatClaimName(this.#name)) return;
    try {
      await rename(this.path, this.#places.at('work', Buffer.from(to)));
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
      const gone = `${this.header.name} vanished from ${this.#places.folder('work')} while it was being worked on; nothing but the daemon may touch that folder`;
      throw new ShoalError('CAPTURE_CHANGED', gone, { cause: error });
    }
    this.#name = next;
  }
}

interface Opened {
  readonly stat: Stats;
  readonly sniffed: Sniffed;
}

/**
 * Opens a claimed file once, without following a link or waiting for a pipe, and says what it is: or why it is refused,
 * or null when it is gone.
 */
export async function openClaimed(path: Buffer, options: FolderOptions): Promise<Opened | Refusal | null> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    if (isCode(error, 'ELOOP')) return 'symlink';
    if (isCode(error, 'ENXIO', 'ENODEV')) return 'device';
    if (isCode(error, 'EACCES', 'EPERM')) return 'unreadable';
    throw error;
  }
  try {
    const stat = await file.stat();
    const refusal = refusalOf(stat, options);
    if (refusal !== null) return refusal;
    const head = Buffer.alloc(limits.sniffBytes);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return { stat, sniffed: sniff(head.subarray(0, bytesRead)) };
  } finally {
    await file.close();
  }
}
