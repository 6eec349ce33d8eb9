/**
 * Takes what comes into a folder, claim by claim: offers it, closes what is settled, and recovers what an earlier life left.
 *
 * Guarantees: at any moment of death a file lies in the folder, in `work/` or aside, or its results are stored; one
 * capture id settles once; at most `limits.claimsPerInputMax` are claimed and unsettled; memory does not depend on how
 * many files there are. Which entries are finished, in what order, and what a claim is called, is its source's to say.
 * Does not make more of the path than its last folder.
 */
import { mkdir } from 'node:fs/promises';
import { Backoff } from '../../core/backoff.js';
import type { InputContext, Offer } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import { Receipt } from '../../core/receipt.js';
import { byClaimOrder } from './claim-name.js';
import { Claimer } from './claimer.js';
import { Closer, type Ending } from './closer.js';
import { isCode } from './errno.js';
import type { FolderCapture } from './folder-capture.js';
import { Hints } from './hints.js';
import { Keeper } from './keeper.js';
import type { FolderOptions } from './options.js';
import type { Places } from './places.js';
import { recover } from './recover.js';
import type { Source, Turn } from './source.js';
import { Telling } from './telling.js';

export class Taker {
  readonly #options: FolderOptions;
  readonly #context: InputContext;
  readonly #places: Places;
  readonly #telling: Telling;
  readonly #keeper: Keeper;
  readonly #claimer: Claimer;
  readonly #closer: Closer;
  readonly #source: Source;
  readonly #onSettled: (id: string) => void;
  readonly #hints = new Hints();
  readonly #stopping = new AbortController();
  /** Every claim of this life that is not closed, by id. */
  readonly #held = new Map<string, FolderCapture>();
  /** Those of them that are not offered: recovered, or given back. In the order of their claims. */
  #pending: FolderCapture[] = [];
  #pendingAt = 0;
  readonly #pendingBackoff = new Backoff({ firstMs: limits.folderRetryFirstMs, maxMs: limits.folderRetryMaxMs });
  #identity: string | null = null;
  #loop: Promise<void> | null = null;
  #onEnded: (() => void) | null = null;

  /** `onSettled`: the claim of that id is closed. */
  constructor(
    name: string,
    places: Places,
    source: Source,
    options: FolderOptions,
    context: InputContext,
    onSettled: (id: string) => void = () => {},
  ) {
    this.#options = options;
    this.#context = context;
    this.#places = places;
    this.#source = source;
    this.#onSettled = onSettled;
    this.#telling = new Telling(name, this.#places.path, context);
    this.#keeper = new Keeper(this.#places, options, context.clock, (place, files) => this.#telling.evicted(place, files));
    this.#claimer = new Claimer(name, this.#places, options, context, this.#keeper, this.#source, (file, refusal) =>
      this.#telling.refused(file, refusal),
    );
    this.#closer = new Closer(this.#places, options, context.ledger, this.#keeper, {
      ended: (capture, ending) => this.#ended(capture, ending),
      trouble: (error) => this.#telling.trouble('closing', error),
    });
  }

  /** Whether it is claimed and not closed. */
  holds(id: string): boolean {
    return this.#held.has(id);
  }

  /** Something has come: the folder is read soon. */
  wake(): void {
    this.#hints.wake();
  }

  /** Resolves when the folder was opened, or could not be: then it is tried again, and health says why. */
  async start(offer: Offer): Promise<void> {
    if (this.#stopping.signal.aborted || this.#loop !== null) return;
    this.#telling.starting();
    await new Promise<void>((resolve) => {
      this.#loop = this.#run(offer, resolve).finally(resolve);
    });
  }

  /** Also waits for what is being closed at the moment; called again after a drain it waits for the last closings. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#onEnded?.();
    await this.#loop;
    this.#hints.disarm();
    await this.#closer.idle();
    this.#telling.stopped();
  }

  async #run(offer: Offer, onOpened: () => void): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = new Backoff({ firstMs: limits.folderRetryFirstMs, maxMs: limits.folderRetryMaxMs });
    // A folder that is missing at the start is made; one that goes later was taken away by someone.
    await mkdir(this.#places.path).catch(() => undefined);
    while (!signal.aborted) {
      let waitMs: number;
      try {
        await this.#open();
        this.#telling.trouble('folder', null);
        this.#telling.say();
        onOpened();
        waitMs = await this.#pass(offer);
        backoff.reset();
      } catch (error) {
        this.#identity = null;
        this.#hints.disarm();
        this.#telling.trouble('folder', error);
        onOpened();
        waitMs = Math.min(backoff.next(), this.#options.rescan_ms);
      }
      this.#telling.progress();
      await this.#hints.sleep(waitMs, signal);
    }
  }

  /** Opens the folder, the first time or when another one has come in its place. */
  async #open(): Promise<void> {
    const identity = await this.#places.ensure();
    if (identity === this.#identity) {
      if (!this.#hints.armed) this.#hints.arm(this.#places.path);
      return;
    }
    this.#hints.arm(this.#places.path);
    const { settled, unsettled } = await recover(this.#places, this.#claimer, this.#context.ledger, (id) => this.#held.has(id));
    for (const capture of [...settled.map((each) => each.capture), ...unsettled]) this.#held.set(capture.header.id, capture);
    for (const { capture, settlement } of settled) this.#closer.push(capture, settlement);
    this.#pending = [...this.#pending, ...unsettled].sort((a, b) => byClaimOrder(a.header, b.header));
    await this.#keeper.tidy();
    this.#identity = identity;
  }

  /** Offers what is pending, then reads the folder once and offers what is finished. Answers how long to wait. */
  async #pass(offer: Offer): Promise<number> {
    if (!(await this.#offerPending(offer))) return Math.max(1, this.#pendingAt - this.#context.clock.monoMs());
    let waitMs = this.#options.rescan_ms;
    let waiting = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    let trouble: unknown = null;
    for await (const turn of this.#source.turns()) {
      trouble ??= await this.#refuse(turn);
      oldestMs = Math.min(oldestMs, turn.oldestMs);
      this.#telling.waiting(waiting + turn.unfinished + turn.ready.length, oldestMs);
      const left = await this.#takeTurn(offer, turn);
      trouble ??= left.trouble;
      waiting += turn.unfinished + left.count;
      waitMs = Math.min(waitMs, turn.waitMs);
      if (this.#stopping.signal.aborted || this.#pending.length > 0) break;
    }
    this.#telling.waiting(waiting, oldestMs);
    this.#telling.trouble('taking', trouble);
    await this.#keeper.tidy();
    return Math.max(limits.folderHintMs, this.#pending.length > 0 ? 0 : waitMs);
  }

  /** Answers what kept an entry from being moved away, if anything did; the others are. */
  async #refuse({ refused }: Turn): Promise<unknown> {
    let trouble: unknown = null;
    for (const { name, refusal } of refused) {
      await this.#claimer.refuse(this.#places.at(undefined, name), name, refusal).catch((error: unknown) => {
        trouble ??= error;
      });
    }
    return trouble;
  }

  /** Claims and offers the finished files of a turn, as many at a time as there is room for. Answers what was left. */
  async #takeTurn(offer: Offer, turn: Turn): Promise<{ count: number; trouble: unknown }> {
    const { clock } = this.#context;
    const lookedAt = clock.monoMs();
    let ready = turn.ready;
    let trouble: unknown = null;
    while (ready.length > 0) {
      const room = await this.#room(Math.min(ready.length, limits.claimsRefillMin));
      if (room === 0) break;
      const next = ready.slice(0, room);
      ready = ready.slice(room);
      // Those that waited for room are looked at again: someone may be writing to one.
      const stale = clock.monoMs() - lookedAt > this.#options.settle_ms;
      const claimed = await this.#claimer.claim(stale ? (await this.#source.look(next)).ready : next);
      trouble ??= claimed.trouble;
      this.#telling.claimed(claimed.captures.length);
      for (const capture of claimed.captures) this.#held.set(capture.header.id, capture);
      await this.#offer(offer, claimed.captures);
    }
    return { count: ready.length, trouble };
  }

  /** Room for at least `least` more claims in flight; 0 when stopping, or when something was given back and comes first. */
  async #room(least: number): Promise<number> {
    for (;;) {
      if (this.#stopping.signal.aborted || this.#pending.length > 0) return 0;
      const room = limits.claimsPerInputMax - this.#held.size;
      if (room >= least) return room;
      await new Promise<void>((resolve) => {
        this.#onEnded = resolve;
      });
    }
  }

  /** False when it is too early to offer again what was given back. */
  async #offerPending(offer: Offer): Promise<boolean> {
    if (this.#pending.length === 0) return true;
    if (this.#context.clock.monoMs() < this.#pendingAt) return false;
    const captures = this.#pending;
    this.#pending = [];
    const marks = await Promise.allSettled(captures.map((capture) => capture.markOffered()));
    try {
      await this.#places.sync('work');
    } catch (error) {
      // They are held, so no recovery would bring them back.
      this.#pending = [...captures, ...this.#pending];
      throw error;
    }
    for (const [index, capture] of captures.entries()) {
      const mark = marks[index];
      if (mark?.status !== 'rejected') continue;
      if (isCode(mark.reason, 'CAPTURE_CHANGED')) this.#ended(capture, 'gone');
      else this.#ended(capture, 'returned');
    }
    await this.#offer(
      offer,
      captures.filter((_, index) => marks[index]?.status === 'fulfilled'),
    );
    return true;
  }

  async #offer(offer: Offer, captures: readonly FolderCapture[]): Promise<void> {
    const { signal } = this.#stopping;
    for (const capture of captures) {
      const receipt = new Receipt((settlement) => this.#closer.push(capture, settlement));
      const giveBack = () => {
        if (!receipt.settled) receipt.settle({ kind: 'returned', reason: 'not accepted' });
      };
      if (signal.aborted) giveBack();
      else await untilAborted(offer(capture, receipt).catch(giveBack), signal);
      this.#telling.progress();
    }
  }

  #ended(capture: FolderCapture, ending: Ending): void {
    this.#telling.ended(capture.header.name, ending);
    if (ending === 'returned') {
      if (this.#pending.length === 0) this.#pendingAt = this.#context.clock.monoMs() + this.#pendingBackoff.next();
      this.#pending = [...this.#pending, capture].sort((a, b) => byClaimOrder(a.header, b.header));
      this.#hints.wake();
    } else {
      this.#held.delete(capture.header.id);
      this.#onSettled(capture.header.id);
      this.#pendingBackoff.reset();
    }
    this.#onEnded?.();
  }
}

/** Resolves with the work or when aborted, whichever is first; leaves nothing behind on the signal. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
