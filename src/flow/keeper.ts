/**
 * Which captures leave a copy, and who gets it: the shelf (`keep` of an input) and the feed of snapshots (`report.snapshot` of a pipeline).
 *
 * Guarantees: a capture is a thing of memory until a copy of it is made (copier.ts); one that lies in a file keeps it until then. Of an event
 * that is told as one, its first capture is copied and its best so far with each message, as long as it is in memory; of things that are followed, the
 * capture with which each began. A purge takes what is still in memory along.
 */
import type { Capture } from '../core/capture.js';
import type { Store } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { Settled } from '../core/settled.js';
import { openIn, type Watch, type WatchChange } from '../core/watch.js';
import { Copier, type CopierParts } from './copier.js';

export interface KeeperParts extends CopierParts {
  readonly pipelines: readonly Pick<PipelineSpec, 'name' | 'report'>[];
  readonly watches: readonly Watch[];
  readonly store: Pick<Store, 'onWatchChange'>;
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
  readonly #copier: Copier;
  #unwatch: (() => void) | null = null;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#copier = new Copier(parts);
    for (const watch of parts.watches) {
      const keep = parts.rules[watch.input]?.mode === 'events';
      const snapshot = parts.pipelines.some(({ name, report }) => name === watch.pipeline && report.snapshot === true);
      if (watch.kind !== 'change' && (keep || snapshot)) this.#wanted.set(keyOf(watch), { watch, keep, snapshot });
    }
  }

  /** To be called before the schedule starts: who asks first of an engine that comes free gets it. */
  start(): void {
    this.#unwatch ??= this.#parts.store.onWatchChange((changes) => this.#changed(changes));
    this.#copier.start();
  }

  /** What is not copied by now is not. */
  async stop(): Promise<void> {
    this.#unwatch?.();
    await this.#copier.stop();
  }

  /** Before a capture's results are committed. */
  before(capture: Capture, results: Settled['results']): void {
    const { input, id } = capture.header;
    const rules = this.#parts.rules[input];
    const watched = results.flatMap((result) => result.watched ?? []);
    if (this.#copier.stopping || (rules?.mode !== 'sample' && !watched.some(({ watch }) => this.#wanted.has(keyOf(watch))))) return;
    this.#underway.set(id, capture);
    for (const { watch, sighting } of watched) if (watch.kind === 'event') this.#weigh(watch, capture, sighting);
  }

  /** After they were: resolves when the capture's file is needed no more. */
  async after(capture: Capture, results: Settled['results']): Promise<void> {
    const { header, content } = capture;
    if (!this.#underway.has(header.id)) return;
    if (this.#isSample(header.input, results)) this.#copier.wish(capture, { keep: true });
    if ('path' in content) await this.#copier.done(capture);
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
      this.#copier.forget(capture);
      this.#best.delete(key);
    }
    for (const capture of [...this.#underway.values(), ...this.#copier.waiting]) if (isOld(capture)) this.#copier.forget(capture);
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
      if (target !== null) this.#copier.wish(target, { keep: wanted.keep, ...(wanted.snapshot ? { show: wanted.watch } : {}) });
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
}

function keyOf({ pipeline, input }: Pick<Watch, 'pipeline' | 'input'>): string {
  return `${pipeline} ${input}`;
}

function courseOf({ pipeline, input, source }: Pick<Watch, 'pipeline' | 'input' | 'source'>): string {
  return JSON.stringify([pipeline, input, source]);
}
