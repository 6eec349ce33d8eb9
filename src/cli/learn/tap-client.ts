/**
 * Watches an input through the daemon's unix socket (http/tap-route.ts).
 *
 * Guarantees: what the daemon refuses ends the command with its sentence; the connection is closed when the reading ends, however it ends.
 */
import { type IncomingMessage, request } from 'node:http';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { readTapFrames, type TapFrame } from '../../core/tap.js';
import { unreachable } from '../daemon-client.js';
import { Exit, exitCodes } from '../exit.js';

export interface TapOptions {
  readonly socketPath: string;
  readonly input: string;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Frames until the time is over, `signal` says stop, or the daemon ends. Throws DAEMON_UNREACHABLE or an Exit. */
export async function* watchInput({ socketPath, input, seconds, signal }: TapOptions): AsyncGenerator<TapFrame, void, void> {
  const path = `/v1/inputs/${encodeURIComponent(input)}/captures?for_s=${Math.max(1, seconds)}`;
  const response = await open(socketPath, path);
  const stop = (): void => void response.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (response.statusCode !== 200) throw new Exit(exitCodes.failed, await refusalOf(response));
    if (!signal.aborted) yield* readTapFrames(response);
  } catch (error) {
    // A connection that breaks off is the end of the daemon, or ours.
    if (error instanceof ShoalError || error instanceof Exit) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    response.destroy();
  }
}

function open(socketPath: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false, headers: { host: 'localhost' } }, resolve);
    asked.setTimeout(limits.daemonAnswerMs, () => asked.destroy(new Error(`nothing for ${limits.daemonAnswerMs / 1000} s`)));
    asked.on('error', (error: NodeJS.ErrnoException) =>
      reject(new ShoalError('DAEMON_UNREACHABLE', unreachable(socketPath, error), { cause: error })),
    );
    asked.end();
  });
}

async function refusalOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response) {
    text += String(piece);
    if (text.length > limits.tapHeadBytesMax) break;
  }
  try {
    return String((JSON.parse(text) as { error?: unknown }).error);
  } catch {
    return `the daemon answered ${response.statusCode}`;
  }
}
