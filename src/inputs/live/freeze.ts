/**
 * Whether a sensor still senses: a real one has noise, so it never says the very same thing for long, neither in the dark nor in silence.
 *
 * Guarantees: frozen once the same was seen again and again for `frozenMs`, until something else is, however often the sensor is opened anew
 * meanwhile; `reopen` at first and then once each `frozenMs`. Deliberately not a measure of likeness: a quiet room well compressed is nearly the
 * same picture for hours. So it does not see the freeze of a camera that encodes its last picture anew, each time a little differently.
 */
export class Freeze {
  readonly #frozenMs: number;
  #last: string | null = null;
  #sinceMs = 0;
  #reopenedMs = Number.NEGATIVE_INFINITY;

  /** 0 for never. */
  constructor(frozenMs: number) {
    this.#frozenMs = frozenMs;
  }

  /** `what` is the same string for the same thing; null for what cannot be a freeze. */
  look(what: string | null, monoMs: number): 'well' | 'frozen' | 'reopen' {
    if (what === null || what !== this.#last) {
      this.#last = what;
      this.#sinceMs = monoMs;
      this.#reopenedMs = Number.NEGATIVE_INFINITY;
      return 'well';
    }
    if (this.#frozenMs === 0 || monoMs - this.#sinceMs < this.#frozenMs) return 'well';
    if (monoMs - this.#reopenedMs < this.#frozenMs) return 'frozen';
    this.#reopenedMs = monoMs;
    return 'reopen';
  }
}
