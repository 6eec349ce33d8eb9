/**
 * Where pieces of one size lie in the stream they are cut from.
 *
 * Guarantees: pieces are counted where they are cut, so one that is lost afterwards shows as a gap; `begin` begins another stream. Deliberately
 * sees no bytes: whoever cuts asks once for each piece, in order.
 */
import type { StreamPlace } from '../../core/capture.js';
import type { Clock } from '../../core/contracts.js';
import { captureId } from '../../core/id.js';

export class Places {
  readonly #length: number;
  readonly #hop: number;
  readonly #clock: Pick<Clock, 'wallMs'>;
  #id = '';
  #from = 0;

  /** `length` of a piece, and `hop` from the start of one to the start of the next, both in samples or pictures, whole, from 1 on. */
  constructor({ length, hop }: { readonly length: number; readonly hop: number }, clock: Pick<Clock, 'wallMs'>) {
    this.#length = length;
    this.#hop = hop;
    this.#clock = clock;
    this.begin();
  }

  next(): StreamPlace {
    const from = this.#from;
    this.#from += this.#hop;
    return { id: this.#id, from, to: from + this.#length };
  }

  begin(): void {
    this.#id = captureId(this.#clock.wallMs());
    this.#from = 0;
  }
}
