/**
 * Asks the running daemon over its unix socket.
 *
 * Guarantees: an answer within `limits.daemonAnswerMs` and `limits.daemonAnswerBytesMax`, or a paragraph that says what to do; commands never
 * open the daemon's files themselves.
 */
import { request } from 'node:http';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { CommandContext } from './command-context.js';
import { Exit, exitCodes } from './exit.js';

/**
 * The JSON body of a GET. Throws DAEMON_UNREACHABLE; a question the daemon refuses ends the command with its sentence and exit code 1.
 * The shape is the daemon's word: both are of one version.
 */
export async function askDaemon<Body>(context: Pick<CommandContext, 'stderr'>, socketPath: string, path: string): Promise<Body> {
  const { status, body } = await ask(socketPath, path);
  return status === 200 ? (body as Body) : refused(context, status, body);
}

/** As `askDaemon`; null where there is no such thing. */
export async function askDaemonFor<Body>(context: Pick<CommandContext, 'stderr'>, socketPath: string, path: string): Promise<Body | null> {
  const { status, body } = await ask(socketPath, path);
  if (status === 404) return null;
  return status === 200 ? (body as Body) : refused(context, status, body);
}

function refused(context: Pick<CommandContext, 'stderr'>, status: number, body: unknown): never {
  const sentence = typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : `it answered ${status}`;
  context.stderr.write(`shoal: the daemon could not answer: ${sentence}\n`);
  throw new Exit(exitCodes.failed);
}

async function ask(socketPath: string, path: string): Promise<{ status: number; body: unknown }> {
  const { status, text } = await get(socketPath, path).catch((error: NodeJS.ErrnoException) => {
    throw new ShoalError('DAEMON_UNREACHABLE', unreachable(socketPath, error), { cause: error });
  });
  return { status, body: parse(socketPath, text) };
}

function get(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false, headers: { host: 'localhost' } }, (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        pieces.push(piece);
        if (bytes > limits.daemonAnswerBytesMax)
          response.destroy(new Error(`its answer is longer than ${limits.daemonAnswerBytesMax} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }));
    });
    const late = setTimeout(() => asked.destroy(new Error(`no answer within ${limits.daemonAnswerMs / 1000} s`)), limits.daemonAnswerMs);
    asked.on('close', () => clearTimeout(late));
    asked.on('error', reject);
    asked.end();
  });
}

function parse(socketPath: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ShoalError('DAEMON_UNREACHABLE', `what answers on ${socketPath} is not a Shoal daemon: name the right socket with --socket.`);
  }
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return (
        `no daemon answers on ${socketPath}. Start one with "systemctl start shoal", or "shoal run --config FILE" in another terminal; ` +
        'if it runs with another run_dir, name its socket with --socket.'
      );
    case 'EACCES':
    case 'EPERM':
      return `${socketPath} may not be opened by this user: use sudo, or join the daemon's group ("usermod -aG shoal $USER", then log in again).`;
    default:
      return `the daemon on ${socketPath} does not answer (${error.message}); "systemctl status shoal" and "journalctl -u shoal" say how it is.`;
  }
}
