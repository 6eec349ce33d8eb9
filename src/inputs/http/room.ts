/**
 * Whether there is room for one more capture: in number, in bytes of the spool, and on its disk.
 *
 * Guarantees: uploads under way count with what they announced, or with what came of them so far where that is more; a share is given back once.
 */
import type { Metrics } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import type { Arrivals } from './arrivals.js';
import type { HttpInputOptions } from './options.js';
import { Refused } from './refused.js';

/** What one upload holds. */
interface Share {
  /** So many bytes have come. Rejects with Refused. */
  grow(bytes: number): Promise<void>;
  release(): void;
}

type Bounds = Pick<HttpInputOptions, 'max_spooled' | 'max_spool_bytes' | 'min_free_bytes'>;

export class Room {
  readonly #input: string;
  readonly #arrivals: Arrivals;
  readonly #bounds: Bounds;
  readonly #freeBytes: () => Promise<number>;
  readonly #shares = new Set<{ bytes: number; written: number }>();
  readonly #captures;
  readonly #bytes;

  constructor(input: string, arrivals: Arrivals, bounds: Bounds, freeBytes: () => Promise<number>, metrics: Metrics) {
    this.#input = input;
    this.#arrivals = arrivals;
    this.#bounds = bounds;
    this.#freeBytes = freeBytes;
    const labels = ['input'];
    this.#captures = metrics.gauge({ name: 'shoal_input_spooled_captures', help: 'Captures in the spool that are not settled.', labels });
    this.#bytes = metrics.gauge({
      name: 'shoal_input_spooled_bytes',
      help: 'Bytes of the captures in the spool that are not settled.',
      labels,
    });
  }

  tell(): void {
    this.#captures.set(this.#arrivals.count, { input: this.#input });
    this.#bytes.set(this.#arrivals.bytes, { input: this.#input });
  }

  /** A place for a body of so many bytes, 0 where that is not known. Rejects with Refused. */
  async reserve(announced: number): Promise<Share> {
    const { max_spooled: most } = this.#bounds;
    if (this.#shares.size >= limits.uploadsPerInputMax)
      throw new Refused('full', `${this.#shares.size} uploads to this input are under way, more are not taken at once`);
    if (this.#arrivals.count + this.#shares.size >= most)
      throw new Refused('full', `${most} captures wait to be settled, which is max_spooled of this input`);
    const share = { bytes: announced, written: 0 };
    this.#shares.add(share);
    try {
      await this.#look(share);
    } catch (error) {
      this.#shares.delete(share);
      throw error;
    }
    let lookedAt = 0;
    return {
      grow: async (bytes) => {
        share.written = bytes;
        share.bytes = Math.max(share.bytes, bytes);
        // The quota is exact; the disk, which is others' as well, is looked at now and then.
        this.#quota();
        if (bytes - lookedAt < limits.uploadLookBytes) return;
        lookedAt = bytes;
        await this.#look(share);
      },
      release: () => this.#shares.delete(share),
    };
  }

  #quota(): void {
    const { max_spool_bytes: most } = this.#bounds;
    const held = [...this.#shares].reduce((sum, { bytes }) => sum + bytes, this.#arrivals.bytes);
    if (held > most) throw new Refused('no_space', `the spool would hold more than ${most} bytes, which is max_spool_bytes of this input`);
  }

  async #look(share: { readonly bytes: number; readonly written: number }): Promise<void> {
    this.#quota();
    const free = (await this.#freeBytes()) - (share.bytes - share.written);
    if (free < this.#bounds.min_free_bytes)
      throw new Refused(
        'no_space',
        `the disk of the spool would have less than ${this.#bounds.min_free_bytes} bytes free (min_free_bytes)`,
      );
  }
}
