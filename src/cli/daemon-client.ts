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

/** The JSON answer of a POST, within `answerMs`. Throws as `askDaemon`. */
export async function tellDaemon<Body>(
  context: Pick<CommandContext, 'stderr'>,
  socketPath: string,
  path: string,
  body: object,
  answerMs: number,
): Promise<Body> {
  const told = { method: 'POST', body: JSON.stringify(body), answerMs };
  const answer = await ask(socketPath, path, told);
  return answer.status === 200 ? (answer.body as Body) : refused(context, answer.status, answer.body);
}

/** The bytes that a GET answers with, and their media type; null where there is no such thing. Throws as `askDaemon`. */
export async function fetchFromDaemon(
  context: Pick<CommandContext, 'stderr'>,
  socketPath: string,
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string } | null> {
  const { status, bytes, mediaType } = await reached(socketPath, send(socketPath, path));
  if (status === 404) return null;
  return status === 200 ? { bytes, mediaType } : refused(context, status, parse(socketPath, bytes.toString('utf8')));
}

function refused(context: Pick<CommandContext, 'stderr'>, status: number, body: unknown): never {
  const sentence = typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : `it answered ${status}`;
  context.stderr.write(`shoal: the daemon could not answer: ${sentence}\n`);
  throw new Exit(exitCodes.failed);
}

interface Told {
  readonly method: string;
  readonly body: string;
  readonly answerMs: number;
}

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** Whatever the status. Throws DAEMON_UNREACHABLE. */
export async function ask(socketPath: string, path: string, told?: Told): Promise<{ status: number; body: unknown }> {
  const { status, bytes } = await reached(socketPath, send(socketPath, path, told));
  return { status, body: parse(socketPath, bytes.toString('utf8')) };
}

function reached(socketPath: string, answer: Promise<Answer>): Promise<Answer> {
  return answer.catch((error: NodeJS.ErrnoException) => {
    throw new ShoalError('DAEMON_UNREACHABLE', unreachable(socketPath, error), { cause: error });
  });
}

function send(socketPath: string, path: string, told?: Told): Promise<Answer> {
  const { method = 'GET', answerMs = limits.daemonAnswerMs } = told ?? {};
  const headers = { host: 'localhost', ...(told === undefined ? {} : { 'content-type': 'application/json' }) };
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method, agent: false, headers }, (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        pieces.push(piece);
        if (bytes > limits.daemonAnswerBytesMax)
          response.destroy(new Error(`its answer is longer than ${limits.daemonAnswerBytesMax} bytes`));
      });
      response.on('error', reject);
      const mediaType = response.headers['content-type'] ?? '';
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(pieces), mediaType }));
    });
    const late = setTimeout(() => asked.destroy(new Error(`no answer within ${answerMs / 1000} s`)), answerMs);
    asked.on('close', () => clearTimeout(late));
    asked.on('error', reject);
    asked.end(told?.body);
  });
}

function parse(socketPath: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ShoalError('DAEMON_UNREACHABLE', `what answers on ${socketPath} is not a Shoal daemon: name the right socket with --socket.`);
  }
}

export function unreachable(socketPath: string, error: NodeJS.ErrnoException): string {
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
