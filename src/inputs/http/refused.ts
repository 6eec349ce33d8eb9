/** An upload that is not taken, with why. */
import type { IntakeRefusal } from '../../core/intake.js';

export class Refused extends Error {
  readonly refusal: IntakeRefusal;

  constructor(refusal: IntakeRefusal, message: string) {
    super(message);
    this.refusal = refusal;
  }
}

/** The body, whose end before its time is the caller's going away and no trouble of ours. */
export async function* untilTorn(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    throw new Refused('torn', 'the upload ended before its time');
  }
}
