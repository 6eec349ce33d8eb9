/**
 * Which captures leave a copy, and who gets it: the shelf (`keep` of an input) and the feed of snapshots (`report.snapshot` of a pipeline).
 *
 * Guarantees: nothing leaves this file but copies that an engine has redacted (engine/copy.ts); where a redaction is asked for that cannot be
 * made, there is no copy. A capture is a thing of memory until then. One copy is made at a time, before other jobs where an engine comes free;
 * what cannot be made is counted with its reason and never tried again: copies are owed to nobody. A capture that lies in a file keeps it
 * until its copy is made. Of an event that is told as one, its first capture is copied and its best so far with each message, as long as it
 * is in memory; of things that are followed, the capture with which each began. A purge takes what is still in memory along.
 */
import type { Capture } from '../core/capture.js';
import type { Engines, KeptShelf, Store, Surroundings } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import type { Copy, CopyWish, KeepRules } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { ModelChoice, PipelineSpec } from '../core/pipeline.js';
import type { Settled } from '../core/settled.js';
import { openIn, type Watch, type WatchChange } from '../core/watch.js';
import { Signal } from './signal.js';
import type { Snapshots } from './snapshots.js';

export interface KeeperParts extends Surroundings {
  /** By input. */
  readonly rules: Readonly<Record<string, KeepRules>>;
  readonly pipelines: readonly Pick<PipelineSpec, 'name' | 'report'>[];
  readonly watches: readonly Watch[];
  readonly engines: Engines;
  readonly store: Pick<Store, 'onWatchChange'>;
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

/** The best capture of an event so far. */
interface Best {
  /** Null where it lay in a file that is gone. */
  capture: Capture | null;
  readonly score: number | null;
  /** A copy of it is made, or was. */
  copied: boolean;
}

export class Keeper {
  readonly #parts: KeeperParts;
  /** Watches whose events leave copies, by pipeline and input. */
  readonly #wanted = new Map<string, { readonly watch: Watch; readonly keep: boolean; readonly snapshot: boolean }>();
  readonly #underway = new Map<string, Capture>();
  /** Of what may become an event, or is one: by watch and source, for each source has events of its own. */
  readonly #best = new Map<string, Best>();
  readonly #open = new Set<string>();
  readonly #sampledMs = new Map<string, number>();
  readonly #wishes = new Map<string, Wish>();
  /** Captures from before a purge that may still be asked for, or are being copied. */
  readonly #purged = new WeakSet<Capture>();
  readonly #stir = new Signal();
  readonly #stop = new AbortController();
  /** Told when an engine may have come free, while a copy waits for one. */
  #freed: (() => void) | null = null;
  #unwatch: (() => void)[] = [];
  #loop: Promise<void> | null = null;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    for (const watch of parts.watches) {
      const keep = parts.rules[watch.input]?.mode === 'events';
      const snapshot = parts.pipelines.some(({ name, report }) => name === watch.pipeline && report.snapshot === true);
      if (watch.kind !== 'change' && (keep || snapshot)) this.#wanted.set(keyOf(watch), { watch, keep, snapshot });
    }
  }

  /** To be called before the schedule starts: who asks first of an engine that comes free gets it. */
  start(): void {
    if (this.#loop !== null) return;
    const { engines, store } = this.#parts;
    this.#unwatch = [engines.watch(() => this.#freed?.()), store.onWatchChange((changes) => this.#changed(changes))];
    this.#loop = this.#work();
  }

  /** What is not made by now is not made. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    this.#freed?.();
    this.#stir.raise();
    await this.#loop;
  }

  /** Before a capture's results are committed. */
  before(capture: Capture, results: Settled['results']): void {
    const { input, id } = capture.header;
    const rules = this.#parts.rules[input];
    const watched = results.flatMap((result) => result.watched ?? []);
    if (this.#stop.signal.aborted || (rules?.mode !== 'sample' && !watched.some(({ watch }) => this.#wanted.has(keyOf(watch))))) return;
    this.#underway.set(id, capture);
    for (const { watch, sighting } of watched) if (watch.kind === 'event') this.#weigh(watch, capture, sighting);
  }

  /** After they were: resolves when the capture's file is needed no more. */
  async after(capture: Capture, results: Settled['results']): Promise<void> {
    const { header, content } = capture;
    if (!this.#underway.has(header.id)) return;
    if (this.#isSample(header.input, results)) this.#wish(capture, { keep: true });
    if ('path' in content) await this.#wishes.get(header.id)?.done;
  }

  /** It is settled or returned: what lies in a file may be gone now. */
  letGo(capture: Capture): void {
    this.#underway.delete(capture.header.id);
    if (!('path' in capture.content)) return;
    for (const best of this.#best.values()) if (best.capture === capture) best.capture = null;
  }

  /**
   * For a purge: of what an input captured before this (ms since 1970), or by a clock that may have been wrong, nothing is kept or shown any
   * more; a copy that is being made is dropped when it comes.
   */
  forget(input: string, beforeMs: number): void {
    const isOld = ({ header }: Capture) => header.input === input && (!header.clockSynced || Date.parse(header.capturedAt) < beforeMs);
    for (const [key, { capture }] of this.#best) {
      if (capture === null || !isOld(capture)) continue;
      this.#purged.add(capture);
      this.#best.delete(key);
    }
    for (const capture of this.#underway.values()) if (isOld(capture)) this.#purged.add(capture);
    for (const { capture } of this.#wishes.values()) if (isOld(capture)) this.#purged.add(capture);
  }

  #isSample(input: string, results: Settled['results']): boolean {
    const rules = this.#parts.rules[input];
    if (rules?.mode !== 'sample' || !results.some(({ record }) => record.outcome !== 'dropped')) return false;
    const nowMs = this.#parts.clock.monoMs();
    if (nowMs - (this.#sampledMs.get(input) ?? Number.NEGATIVE_INFINITY) < rules.everyMs) return false;
    this.#sampledMs.set(input, nowMs);
    return true;
  }

  #weigh(watch: Watch, capture: Capture, { holds, score }: { readonly holds: boolean; readonly score: number | null }): void {
    if (!this.#wanted.has(keyOf(watch))) return;
    const key = courseOf(watch);
    const best = this.#best.get(key);
    if (!holds) {
      if (!this.#open.has(key)) this.#best.delete(key);
      return;
    }
    const isBetter = best === undefined || (score !== null && (best.score === null || score > best.score));
    if (isBetter && (best !== undefined || this.#best.size < limits.copiesHeldMax)) this.#best.set(key, { capture, score, copied: false });
  }

  /** Comes before the commit that it is about is answered. */
  #changed(changes: readonly WatchChange[]): void {
    for (const change of changes) {
      const key = courseOf(change);
      const wanted = this.#wanted.get(keyOf(change));
      if (change.state === null) {
        this.#open.delete(key);
        this.#best.delete(key);
      }
      if (wanted === undefined || change.state === null) continue;
      if (openIn(change.state).length > 0) this.#open.add(key);
      else this.#open.delete(key);
      const target = wanted.watch.kind === 'event' ? this.#bestNow(key, change) : this.#beginning(change);
      if (target !== null) this.#wish(target, { keep: wanted.keep, ...(wanted.snapshot ? { show: wanted.watch } : {}) });
      if (change.phases.includes('end') && !change.phases.includes('start')) this.#best.delete(key);
    }
  }

  /** With which a thing that is followed began. */
  #beginning({ state, phases }: WatchChange): Capture | null {
    return phases.includes('start') && state !== null ? (this.#underway.get(state.last.captureId) ?? null) : null;
  }

  /** The best of an event, where something is told of it and there is no copy yet. */
  #bestNow(key: string, change: WatchChange): Capture | null {
    const best = this.#best.get(key);
    if (best === undefined || best.capture === null) return this.#beginning(change);
    if (best.copied || change.phases.length === 0) return null;
    best.copied = true;
    return best.capture;
  }

  #wish(capture: Capture, { keep, show }: { readonly keep: boolean; readonly show?: Watch }): void {
    const { id, input } = capture.header;
    if (this.#purged.has(capture)) {
      this.#unmade(input, 'purged');
      return;
    }
    const known = this.#wishes.get(id);
    if (known === undefined && (this.#wishes.size >= limits.copiesWaitingMax || this.#stop.signal.aborted)) {
      this.#unmade(input, this.#stop.signal.aborted ? 'stopping' : 'busy');
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

function keyOf({ pipeline, input }: Pick<Watch, 'pipeline' | 'input'>): string {
  return `${pipeline} ${input}`;
}

function courseOf({ pipeline, input, source }: Pick<Watch, 'pipeline' | 'input' | 'source'>): string {
  return JSON.stringify([pipeline, input, source]);
}
