/**
 * How captures are brought to an input by callers, and how whoever listens to callers finds the input: neither knows the other.
 *
 * Guarantees: what an intake answers with an id is durable by then; a refusal says why, and leaves nothing behind.
 */
import type { Secret } from './secret.js';

/** What a caller brings. */
export interface Brought {
  /** What the caller calls it, as it was said: any bytes, to be shown to people only; null where nothing was said. */
  readonly name: Buffer | null;
  /** The same for every try of the same capture; null where the caller names none. */
  readonly key: string | null;
  /** As announced; null where it is known at the end only. */
  readonly bytes: number | null;
  /** Throws when the caller goes away before the end. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Why nothing was taken: `empty` and `too_large` are the caller's doing; `full` waits for captures to be settled, `no_space` for the disk or the
 * spool's quota, `in_progress` for another try with the same key; `torn`: the caller went away; `unavailable`: the spool is not to be had now.
 */
export type IntakeRefusal = 'empty' | 'too_large' | 'full' | 'no_space' | 'in_progress' | 'torn' | 'unavailable';

export type IntakeAnswer =
  | { readonly kind: 'taken'; readonly capture: string; readonly bytes: number }
  /** An earlier try with the same key was taken, as this capture. */
  | { readonly kind: 'repeated'; readonly capture: string }
  | { readonly kind: 'refused'; readonly refusal: IntakeRefusal; readonly reason: string };

export interface Intake {
  /** What callers from elsewhere than this machine's own socket must show; null where none is set. */
  readonly token: Secret | null;
  /** Resolves when the capture is on disk, or with why it was not taken. Does not reject. */
  take(brought: Brought): Promise<IntakeAnswer>;
}

/** The intakes there are, by input. */
export class Intakes {
  readonly #intakes = new Map<string, Intake>();

  /** Answers how to withdraw it. */
  offer(input: string, intake: Intake): () => void {
    this.#intakes.set(input, intake);
    return () => {
      if (this.#intakes.get(input) === intake) this.#intakes.delete(input);
    };
  }

  find(input: string): Intake | null {
    return this.#intakes.get(input) ?? null;
  }
}
