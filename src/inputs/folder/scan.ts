/**
 * Looks at the entries of the watched folder, a turn of `limits.scanBatch` at a time.
 *
 * Remembers nothing of a file but its name where its date lies in the future (then only watching it tells whether it
 * stands still) and which subfolders were reported; both bounded by `limits.namesRememberedMax`.
 */
import type { Stats } from 'node:fs';
import type { InputContext } from '../../core/contracts.js';
import { captureId } from '../../core/id.js';
import { limits } from '../../core/limits.js';
import { isIgnored, look, type Refusal } from './look.js';
import { turns } from './names.js';
import type { FolderOptions } from './options.js';
import type { Places } from './places.js';
import type { Minted, Source, Turn } from './source.js';

const ours = new Set(['work', 'done', 'failed']);

export class Scan implements Source {
  readonly #places: Places;
  readonly #options: FolderOptions;
  readonly #context: Pick<InputContext, 'clock' | 'boot' | 'nextSeq'>;
  readonly #still = new Map<string, { size: number; mtimeMs: number; sinceMs: number; seen: number }>();
  readonly #reported = new Set<string>();
  #pass = 0;

  constructor(places: Places, options: FolderOptions, context: Pick<InputContext, 'clock' | 'boot' | 'nextSeq'>) {
    this.#places = places;
    this.#options = options;
    this.#context = context;
  }

  async *turns(): AsyncGenerator<Turn> {
    this.#pass++;
    for await (const turn of turns(
      this.#places.folder(),
      limits.scanBatch,
      (name) => !isIgnored(name) && !ours.has(name.toString('latin1')),
    )) {
      yield await this.look(turn);
    }
    for (const [name, { seen }] of this.#still) if (seen !== this.#pass) this.#still.delete(name);
  }

  /** Its id and number are made here: what is found is captured when it is claimed. */
  mint(original: Buffer): Minted {
    const { clock, boot } = this.#context;
    const id = captureId(clock.wallMs());
    // State b at once: an ordinary capture costs one rename in all.
    const claim = {
      id,
      boot,
      seq: this.#context.nextSeq(),
      clockSynced: clock.synced(),
      crashes: 0,
      deaths: 0,
      state: 'b',
      original,
    } as const;
    return { claim, monoMs: clock.monoMs() };
  }

  async look(names: readonly Buffer[]): Promise<Turn> {
    const ready: { name: Buffer; mtimeMs: number }[] = [];
    const refused: { name: Buffer; refusal: Refusal }[] = [];
    let unfinished = 0;
    let waitMs = Number.POSITIVE_INFINITY;
    let oldestMs = Number.POSITIVE_INFINITY;
    const stats = await Promise.all(names.map((name) => this.#places.stat(this.#places.at(undefined, name))));
    for (const [index, stat] of stats.entries()) {
      const name = names[index];
      if (stat === null || name === undefined) continue;
      const found = look(stat, this.#quietMs(name, stat), this.#context.clock.wallMs() - stat.ctimeMs, this.#options);
      if (found.kind !== 'refused') oldestMs = Math.min(oldestMs, stat.mtimeMs);
      if (found.kind === 'ready') ready.push({ name, mtimeMs: stat.mtimeMs });
      else if (found.kind === 'wait') {
        unfinished++;
        waitMs = Math.min(waitMs, found.ms);
      } else if (found.refusal !== 'directory' || this.#isNews(name)) refused.push({ name, refusal: found.refusal });
    }
    ready.sort((a, b) => a.mtimeMs - b.mtimeMs || Buffer.compare(a.name, b.name));
    return { ready: ready.map(({ name }) => name), refused, unfinished, waitMs, oldestMs };
  }

  /** For how long size and modification have stood still: by their date, or by watching where that lies in the future. */
  #quietMs(name: Buffer, stat: Stats): number {
    const age = this.#context.clock.wallMs() - stat.mtimeMs;
    if (age >= 0) return age;
    const key = name.toString('latin1');
    const now = this.#context.clock.monoMs();
    const known = this.#still.get(key);
    if (known !== undefined && known.size === stat.size && known.mtimeMs === stat.mtimeMs) {
      known.seen = this.#pass;
      return now - known.sinceMs;
    }
    if (known !== undefined || this.#still.size < limits.namesRememberedMax) {
      this.#still.set(key, { size: stat.size, mtimeMs: stat.mtimeMs, sinceMs: now, seen: this.#pass });
    }
    return 0;
  }

  #isNews(name: Buffer): boolean {
    const key = name.toString('latin1');
    if (this.#reported.has(key) || this.#reported.size >= limits.namesRememberedMax) return false;
    this.#reported.add(key);
    return true;
  }
}
