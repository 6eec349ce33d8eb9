/**
 * The outlet of the log: file descriptor 2, written synchronously.
 *
 * Guarantees: a line is on its way when `write` returns, so that the last words before a crash are not lost. A reader that is slow on a
 * non-blocking pipe makes the writer wait a few milliseconds; one that is gone costs the line (`write` throws). Deliberately never touches
 * `process.stderr`, whose getter would change the descriptor's mode.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Where lines go. */
export interface LogOutlet {
  /** Writes one whole line; may throw. */
  write(line: string): void;
  readonly journal: boolean;
  readonly terminal: boolean;
  /** Monotonic milliseconds, for folding. */
  nowMs(): number;
}

export function stderrOutlet(env: NodeJS.ProcessEnv = process.env): LogOutlet {
  return {
    write: writeStderr,
    journal: isJournal(env.JOURNAL_STREAM),
    terminal: isatty(2),
    nowMs: () => performance.now(),
  };
}

/** systemd sets JOURNAL_STREAM to device:inode of the stream it gave; a child may have inherited it with another stderr. */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2);
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

const writeTries = 5;

function writeStderr(line: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      writeSync(2, line);
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if (code !== 'EAGAIN' || attempt === writeTries) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, attempt);
    }
  }
}
