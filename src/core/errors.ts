/**
 * Every error the house throws on purpose has a stable code from this table. Codes are never reused.
 *
 * The table says who acts; the message says what happened to which thing, what was expected and what to do.
 * Errors cross the process boundary as `{code, message}` (structured clone loses classes) and are rebuilt.
 */

/** Who must act, and so how loud it is. */
export type Actor = 'operator' | 'model-author' | 'nobody' | 'developer' | 'broker-admin';

export const errorCodes = {
  CONFIG_INVALID: 'operator',
  CONFIG_UNREADABLE: 'operator',
  USAGE: 'operator',
  MODEL_MISSING: 'operator',
  MODEL_INVALID: 'model-author',
  MODEL_HASH: 'operator',
  MODEL_FETCH: 'operator',
  MODEL_FOLDER: 'operator',
  MODEL_TENSOR: 'model-author',
  CAPTURE_DECODE: 'nobody',
  CAPTURE_TOO_LARGE: 'nobody',
  CAPTURE_UNSUPPORTED: 'nobody',
  CAPTURE_CHANGED: 'nobody',
  INPUT_UNAVAILABLE: 'operator',
  INFERENCE: 'model-author',
  LEARN_REFUSED: 'operator',
  ENGINE_CRASHED: 'model-author',
  ENGINE_HUNG: 'model-author',
  ENGINE_PROTOCOL: 'developer',
  ENGINE_UNAVAILABLE: 'operator',
  STORE_FULL: 'operator',
  STORE_UNAVAILABLE: 'operator',
  STORE_CORRUPT: 'operator',
  DELIVERY_RETRY: 'broker-admin',
  DELIVERY_REFUSED: 'broker-admin',
  DAEMON_UNREACHABLE: 'operator',
  SHOAL_INTERNAL: 'developer',
} as const satisfies Record<string, Actor>;

export type ErrorCode = keyof typeof errorCodes;

export class ShoalError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ShoalError';
    this.code = code;
  }

  get actor(): Actor {
    return errorCodes[this.code];
  }
}

/** The readable reason of anything thrown: one line, no stack. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message.split('\n', 1)[0] ?? error.name;
  return String(error);
}

/** Rebuilds an error that crossed the process boundary; an unknown code becomes SHOAL_INTERNAL. */
export function rebuildError(flat: { code: string; message: string }): ShoalError {
  const code = Object.hasOwn(errorCodes, flat.code) ? (flat.code as ErrorCode) : 'SHOAL_INTERNAL';
  return new ShoalError(code, flat.message);
}

/** An engine died, or was killed, with this job in it. */
export class EngineLoss extends ShoalError {
  /** Nothing else was in the engine: the loss is this job's doing, as far as anyone can tell. */
  readonly alone: boolean;

  constructor(code: 'ENGINE_CRASHED' | 'ENGINE_HUNG' | 'ENGINE_PROTOCOL', message: string, alone: boolean) {
    super(code, message);
    this.name = 'EngineLoss';
    this.alone = alone;
  }
}
