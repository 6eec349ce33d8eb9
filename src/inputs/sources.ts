/**
 * What an input knows of each of its many sources, in bounded memory.
 *
 * Guarantees: one lookup a message; at most `limits.sourcesMax` sources and, measured whenever one is added, `limits.sourcesBytesMax` bytes: the one
 * that was silent longest makes room, and whoever made it is told. The source that was asked for last always has its place.
 */
import { limits } from '../core/limits.js';

/** What is kept of one source. */
export interface Kept {
  /** Roughly what it holds in memory. */
  readonly bytes: number;
}

interface Entry<State> {
  readonly state: State;
  usedAt: number;
}

export class Sources<State extends Kept> {
  readonly #make: (source: string) => State;
  readonly #onGone: (state: State) => void;
  readonly #entries = new Map<string, Entry<State>>();
  #uses = 0;

  constructor(make: (source: string) => State, onGone: (state: State) => void) {
    this.#make = make;
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Its state, which is made where there is none. */
  of(source: string): State {
    let entry = this.#entries.get(source);
    if (entry === undefined) {
      entry = { state: this.#make(source), usedAt: 0 };
      this.#makeRoom(entry.state.bytes);
      this.#entries.set(source, entry);
    }
    entry.usedAt = ++this.#uses;
    return entry.state;
  }

  #makeRoom(wanted: number): void {
    let bytes = wanted;
    for (const { state } of this.#entries.values()) bytes += state.bytes;
    while (this.#entries.size >= limits.sourcesMax || (bytes > limits.sourcesBytesMax && this.#entries.size > 0)) {
      let oldest: [string, Entry<State>] | undefined;
      for (const each of this.#entries) if (oldest === undefined || each[1].usedAt < oldest[1].usedAt) oldest = each;
      if (oldest === undefined) return;
      this.#entries.delete(oldest[0]);
      bytes -= oldest[1].state.bytes;
      this.#onGone(oldest[1].state);
    }
  }
}
