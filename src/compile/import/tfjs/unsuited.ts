/**
 * What cannot be imported, said by name.
 *
 * Operators throw `Unsuited` with the reason alone; whoever knows the node adds its name, so that no message lacks it.
 */
import { ShoalError } from '../../../core/errors.js';

export class Unsuited extends Error {
  override readonly name = 'Unsuited';
}

/** MODEL_INVALID; `what` says what was found and what was expected. */
export function invalid(what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `not an importable TensorFlow.js model: ${what}`);
}

/** Runs the conversion of one node or layer. Throws MODEL_INVALID that names it where it is unsuited. */
export function named<Result>(name: string, op: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unsuited) throw invalid(`node "${name}" (${op}): ${error.message}`);
    throw error;
  }
}
