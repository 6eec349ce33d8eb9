/**
 * Which results that tell nothing are kept of a live input.
 *
 * A sensor whose windows come by the hundred a second says "nothing" most of the time. Kept whole, these results would wear the disk out and push the
 * ones that matter out of the store's quota. Guarantees: at most `limits.silentKeptHz` a second of each pipeline and input are kept, so that
 * "why did it not fire" has an answer from any moment; all are counted. Of a replayable capture every result is kept.
 */
import { limits } from '../core/limits.js';
import { Rate } from '../core/rate.js';

export class SilentSample {
  readonly #rates = new Map<string, Rate>();

  /** Whether this one is kept; if so it is counted against the rate. Bounded by pipelines times inputs. */
  keeps(pipeline: string, input: string, nowMs: number): boolean {
    const key = `${pipeline}\n${input}`;
    let rate = this.#rates.get(key);
    if (rate === undefined) {
      rate = new Rate(limits.silentKeptHz);
      this.#rates.set(key, rate);
    }
    if (rate.waitMs(nowMs) > 0) return false;
    rate.take(nowMs);
    return true;
  }
}
