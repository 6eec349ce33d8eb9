/**
 * Exit codes, in one place: what the process tells a script and systemd.
 *
 * The unit has RestartPreventExitStatus=78: a broken configuration is not retried.
 */
import { type ErrorCode, ShoalError } from '../core/errors.js';

export const exitCodes = {
  ok: 0,
  /** What was asked for could not be done. */
  failed: 1,
  usage: 2,
  /** The daemon does not answer. */
  unreachable: 69,
  /** A defect of Shoal itself. */
  internal: 70,
  /** The configuration cannot be used. */
  config: 78,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const codeByError: Partial<Record<ErrorCode, ExitCode>> = {
  CONFIG_INVALID: exitCodes.config,
  CONFIG_UNREADABLE: exitCodes.config,
  USAGE: exitCodes.usage,
  DAEMON_UNREACHABLE: exitCodes.unreachable,
  SHOAL_INTERNAL: exitCodes.internal,
};

/** Thrown by a command that ends with this exit code; without a message it has already said why. */
export class Exit extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message = '') {
    super(message);
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Exit) return error.exitCode;
  if (error instanceof ShoalError) return codeByError[error.code] ?? exitCodes.failed;
  return exitCodes.internal;
}

/** For the end of every `--help`. */
export const exitCodeHelp = `
Exit codes:
  0   done
  1   what was asked for failed; the message says why
  2   wrong usage
  69  the daemon does not answer
  70  a defect of Shoal; please report it
  78  the configuration cannot be used
`;
