/**
 * Folds repeats: the first of a kind passes, the ones after it within a window are counted and told once, when the window ends.
 *
 * Guarantees: every admitted or counted thing is told, at the latest by `drain`; at most `kindsMax` kinds are remembered; a kind that
 * keeps repeating is told ever more seldom (windows grow fourfold up to `lastMs`). Pure: time comes in as an argument.
 */
export interface FoldPolicy {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly kindsMax: number;
}

export interface Repeats<T> {
  /** How many were counted and not passed. */
  readonly count: number;
  /** The newest of them. */
  readonly latest: T;
  readonly overMs: number;
}

interface Kind<T> {
  sinceMs: number;
  windowMs: number;
  count: number;
  latest: T;
}

const growth = 4;

export class Fold<T> {
  readonly #policy: FoldPolicy;
  readonly #kinds = new Map<string, Kind<T>>();
  readonly #evicted: Repeats<T>[] = [];

  constructor(policy: FoldPolicy) {
    this.#policy = policy;
  }

  /** True when this one is to be told now, false when it was counted. */
  admit(key: string, nowMs: number, value: T): boolean {
    const kind = this.#kinds.get(key);
    if (kind !== undefined) {
      kind.count++;
      kind.latest = value;
      return false;
    }
    if (this.#kinds.size >= this.#policy.kindsMax) this.#evictOldest(nowMs);
    this.#kinds.set(key, { sinceMs: nowMs, windowMs: this.#policy.firstMs, count: 0, latest: value });
    return true;
  }

  /** What is to be told now; call before `admit` and when `nextDueMs` has come. */
  due(nowMs: number): Repeats<T>[] {
    const told = this.#evicted.splice(0);
    for (const [key, kind] of this.#kinds) {
      if (nowMs < kind.sinceMs + kind.windowMs) continue;
      if (kind.count === 0) {
        this.#kinds.delete(key);
        continue;
      }
      told.push(repeats(kind, nowMs));
      kind.sinceMs = nowMs;
      kind.windowMs = Math.min(this.#policy.lastMs, kind.windowMs * growth);
      kind.count = 0;
    }
    return told;
  }

  /** When `due` may next have something to tell or to forget; null when nothing is remembered. */
  nextDueMs(): number | null {
    let next: number | null = null;
    for (const kind of this.#kinds.values()) {
      const at = kind.sinceMs + kind.windowMs;
      if (next === null || at < next) next = at;
    }
    return next;
  }

  /** Everything counted and not yet told; forgets all kinds. */
  drain(nowMs: number): Repeats<T>[] {
    const told = this.#evicted.splice(0);
    for (const kind of this.#kinds.values()) if (kind.count > 0) told.push(repeats(kind, nowMs));
    this.#kinds.clear();
    return told;
  }

  #evictOldest(nowMs: number): void {
    const oldest = this.#kinds.entries().next().value;
    if (oldest === undefined) return;
    const [key, kind] = oldest;
    this.#kinds.delete(key);
    if (kind.count > 0) this.#evicted.push(repeats(kind, nowMs));
  }
}

function repeats<T>(kind: Kind<T>, nowMs: number): Repeats<T> {
  return { count: kind.count, latest: kind.latest, overMs: nowMs - kind.sinceMs };
}
