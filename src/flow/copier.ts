/**
 * Makes the copies of captures that somebody wants, one at a time, and hands them to who wants them: the shelf, the feed of snapshots.
 *
 * Guarantees: nothing leaves this file but what an engine has redacted (engine/copy.ts); where a redaction is asked for that cannot be made, there
 * is no copy. A copy goes before other jobs where an engine comes free; what cannot be made is counted with its reason and never tried again:
 * copies are owed to nobody. What is forgotten meanwhile is not made, or dropped when it comes. Deliberately decides nothing of
 * what is worth a copy: that is keeper.ts.
 */
import type { Capture } from '../core/capture.js';
import type { Engines, KeptShelf, Surroundings } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import type { Copy, CopyWish, KeepRules } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { ModelChoice } from '../core/pipeline.js';
import type { Watch } from '../core/watch.js';
import { Signal } from './signal.js';
import type { Snapshots } from './snapshots.js';

export interface CopierParts extends Surroundings {
  /** By input. */
  readonly rules: Readonly<Record<string, KeepRules>>;
  readonly engines: Engines;
  readonly shelf: Pick<KeptShelf, 'put'>;
  readonly snapshots: Pick<Snapshots, 'show'>;
  /** What finds faces; null where no model of this board does, or it cannot run. */
  readonly faces: ModelChoice | null;
  readonly hangMs: number;
}

type Unmade = 'busy' | 'purged' | 'no_face_model' | 'not_copied' | 'engine' | 'disk' | 'stopping';

/** A copy that is wanted, and what for. */
interface Wish {
  readonly capture: Capture;
  keep: boolean;
  readonly shownTo: Set<Watch>;
  readonly done: Promise<void>;
  readonly finish: () => void;
}

export class Copier {
  readonly #parts: CopierParts;
  readonly #wishes = new Map<string, Wish>();
  /** Captures from before a purge that may still be asked for, or are being copied. */
  readonly #purged = new WeakSet<Capture>();
  readonly #stir = new Signal();
  readonly #stop = new AbortController();
  /** Told when an engine may have come free, while a copy waits for one. */
  #freed: (() => void) | null = null;
  #unwatch: (() => void) | null = null;
  #loop: Promise<void> | null = null;

  constructor(parts: CopierParts) {
    this.#parts = parts;
  }

  /** To be called before the schedule starts: who asks first of an engine that comes free gets it. */
  start(): void {
    if (this.#loop !== null) return;
    this.#unwatch = this.#parts.engines.watch(() => this.#freed?.());
    this.#loop = this.#work();
  }

  /** What is not made by now is not made. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#unwatch?.();
    this.#freed?.();
    this.#stir.raise();
    await this.#loop;
  }

  get stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What waits, or is being copied. */
  get waiting(): readonly Capture[] {
    return [...this.#wishes.values()].map(({ capture }) => capture);
  }

  /** Resolves when the copy of it is made, or known not to be; at once where none is wanted. */
  async done({ header }: Capture): Promise<void> {
    await this.#wishes.get(header.id)?.done;
  }

  /** Nothing is copied of it any more. */
  forget(capture: Capture): void {
    this.#purged.add(capture);
  }

  /** `keep`: for the shelf; `show`: for this watch's snapshot. */
  wish(capture: Capture, { keep, show }: { readonly keep: boolean; readonly show?: Watch }): void {
    const { id, input } = capture.header;
    if (this.#purged.has(capture)) {
      this.#unmade(input, 'purged');
      return;
    }
    const known = this.#wishes.get(id);
    if (known === undefined && (this.#wishes.size >= limits.copiesWaitingMax || this.stopping)) {
      this.#unmade(input, this.stopping ? 'stopping' : 'busy');
      return;
    }
    const wish = known ?? newWish(capture);
    wish.keep ||= keep;
    if (show !== undefined) wish.shownTo.add(show);
    if (wish.keep || wish.shownTo.size > 0) this.#wishes.set(id, wish);
    this.#stir.raise();
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const [wish] = this.#wishes.values();
      if (wish === undefined) await this.#stir.wait(Number.POSITIVE_INFINITY);
      else {
        await this.#make(wish);
        this.#wishes.delete(wish.capture.header.id);
        wish.finish();
      }
    }
    for (const wish of this.#wishes.values()) {
      this.#unmade(wish.capture.header.input, 'stopping');
      wish.finish();
    }
    this.#wishes.clear();
  }

  async #make(wish: Wish): Promise<void> {
    const { header } = wish.capture;
    const asked = this.#askFor(header.input);
    if (asked === null) return this.#unmade(header.input, 'no_face_model');
    const copy = this.#purged.has(wish.capture) ? null : await this.#copy(wish.capture, asked);
    // Perhaps only while it was made.
    if (this.#purged.has(wish.capture)) return this.#unmade(header.input, 'purged');
    if (copy === null) return;
    const { shelf, snapshots } = this.#parts;
    if (copy.mediaType === 'image/jpeg') for (const watch of wish.shownTo) snapshots.show(watch, copy.bytes);
    if (!wish.keep) return;
    try {
      const { id, input, capturedAt } = header;
      await shelf.put({ id, input, capturedAt, copy });
      const counter = { name: 'shoal_kept_total', help: 'Copies of captures that were kept.', labels: ['input'] };
      this.#parts.metrics.counter(counter).inc({ input });
    } catch (error) {
      this.#unmade(header.input, 'disk', reasonOf(error));
    }
  }

  /** Null where it could not be redacted as the input says. */
  #askFor(input: string): CopyWish | null {
    const { hideFaces = false, mask = [] } = this.#parts.rules[input] ?? {};
    const { faces } = this.#parts;
    if (hideFaces && faces === null) return null;
    return { faces: hideFaces ? faces : null, picturesOnly: hideFaces || mask.length > 0 };
  }

  /** Null where there is none, counted. */
  async #copy(capture: Capture, copy: CopyWish): Promise<Copy | null> {
    const { header } = capture;
    try {
      const answer = await this.#ask({ header, content: capture.content, pipelines: [], solo: false, hangMs: this.#parts.hangMs, copy });
      if (answer === null) return this.#none(header.input, this.#stop.signal.aborted ? 'stopping' : 'busy');
      if (answer.copy !== undefined) return answer.copy;
      return this.#none(header.input, 'not_copied', answer.notCopied?.message ?? 'the engine said nothing of it');
    } catch (error) {
      if (this.#stop.signal.aborted) return this.#none(header.input, 'stopping');
      return this.#none(header.input, 'engine', reasonOf(error));
    }
  }

  /** Null where no engine came free in time. */
  #ask(job: EngineJob): Promise<EngineAnswer | null> {
    const { engines } = this.#parts;
    if (this.#stop.signal.aborted) return Promise.resolve(null);
    if (engines.free(false)) return engines.run(job);
    return new Promise((resolve) => {
      const timer = setTimeout(() => hand(null), limits.copyWaitMs);
      const hand = (answer: Promise<EngineAnswer> | null) => {
        clearTimeout(timer);
        this.#freed = null;
        resolve(answer);
      };
      // In the very call that says so: the schedule is told next, and takes what is left.
      this.#freed = () => {
        if (this.#stop.signal.aborted) hand(null);
        else if (engines.free(false)) hand(engines.run(job));
      };
    });
  }

  #none(input: string, reason: Unmade, why?: string): null {
    this.#unmade(input, reason, why);
    return null;
  }

  #unmade(input: string, reason: Unmade, why?: string): void {
    const { metrics, log } = this.#parts;
    const help = 'Copies of captures that were wanted and not made, by reason.';
    metrics.counter({ name: 'shoal_not_kept_total', help, labels: ['input', 'reason'] }).inc({ input, reason });
    if (why !== undefined) log.warn({ input, reason }, `a copy of a capture was not made: ${why}`);
  }
}

function newWish(capture: Capture): Wish {
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { capture, keep: false, shownTo: new Set(), done, finish };
}
