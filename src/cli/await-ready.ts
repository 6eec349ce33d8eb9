/**
 * Waits until the daemon says, over its unix socket or by HTTP, that it is ready with a given configuration.
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** `/readyz` answers 200 when ready, and in its JSON body which configuration runs. */
export interface Readiness {
  readonly status: number;
  readonly config_hash?: string;
  /** Over the files as written; tells two texts with one meaning, and two environments, apart. */
  readonly config_files?: string;
  readonly reason?: string;
}

export interface Door {
  readonly socketPath?: string;
  /** `http://127.0.0.1:8321` */
  readonly url?: string;
}

const bodyBytesMax = 256 * 1024;

/** Asks once; rejects when nobody answers within `timeoutMs`. */
export function askReady(door: Door, timeoutMs: number): Promise<Readiness> {
  return new Promise((resolve, reject) => {
    const where = door.url === undefined ? { socketPath: door.socketPath, host: 'localhost' } : { ...urlParts(door.url) };
    const asked = request(
      { ...where, path: '/readyz', method: 'GET', agent: false, signal: AbortSignal.timeout(Math.ceil(timeoutMs)) },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > bodyBytesMax) asked.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve({ ...parseBody(Buffer.concat(chunks).toString('utf8')), status: response.statusCode ?? 0 }));
        response.on('error', reject);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

function urlParts(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
}

function parseBody(text: string): Omit<Readiness, 'status'> {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return {};
    const fields = Object.entries(body).filter(([, value]) => typeof value === 'string');
    return Object.fromEntries(fields) as Omit<Readiness, 'status'>;
  } catch {
    return {};
  }
}

/** Null when the daemon is ready with the configuration; else why it was not when time was up. */
export async function awaitReady(door: Door, wanted: { configHash: string; filesHash: string }, timeoutMs: number): Promise<string | null> {
  const end = performance.now() + timeoutMs;
  let reason = 'the daemon did not answer';
  while (performance.now() < end) {
    try {
      const answer = await askReady(door, Math.max(100, Math.min(2000, end - performance.now())));
      const matches =
        answer.config_files === undefined ? answer.config_hash === wanted.configHash : answer.config_files === wanted.filesHash;
      if (answer.status === 200 && matches) return null;
      reason = matches
        ? `the daemon runs it but is not ready: ${answer.reason ?? `status ${answer.status}`}`
        : `the daemon runs another configuration (config_hash ${answer.config_hash ?? 'unknown'}, not ${wanted.configHash})`;
    } catch (error) {
      reason = `the daemon did not answer (${(error as NodeJS.ErrnoException).code ?? 'no answer in time'})`;
    }
    await sleep(Math.max(0, Math.min(200, end - performance.now())));
  }
  return reason;
}
