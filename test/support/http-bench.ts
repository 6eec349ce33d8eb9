/**
 * HTTP inputs behind the real server, with a corridor and a ledger that the test holds; all of it goes with the test.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Input, Ledger } from '../../src/core/contracts.js';
import { Intakes } from '../../src/core/intake.js';
import { httpOptions } from '../../src/http/http-options.js';
import { createHttpServer } from '../../src/http/http-server.js';
import { type HttpInputOptions, httpInputOptions } from '../../src/inputs/http/options.js';
import { httpInput } from '../../src/inputs/http.js';
import { nextSeq } from './folder-bench.js';
import { keepsOne } from './keeps-one.js';
import { noConnection, type TestSurroundings, testSurroundings } from './surroundings.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly json: Record<string, unknown>;
}

export interface HttpBench {
  readonly dir: string;
  readonly spool: string;
  readonly socketPath: string;
  readonly around: TestSurroundings;
  readonly url: string;
  create(ledger: Ledger, boot?: number, options?: Partial<HttpInputOptions>): Input;
  post(body: string | Uint8Array, headers?: Readonly<Record<string, string>>, path?: string): Promise<Answer>;
  /** Files of the spool, or of one of its folders. */
  files(place?: string): string[];
}

/** `own` are options of the server. */
export async function httpBench(t: Test, own: object = {}): Promise<HttpBench> {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-brought-'));
  const spool = join(dir, 'state', 'spool', 'scans');
  mkdirSync(join(dir, 'state'));
  const around = testSurroundings();
  const intakes = new Intakes();
  const socketPath = join(dir, 'shoal.sock');
  const server = createHttpServer(httpOptions.parse({ port: 0, ...own }), {
    ...keepsOne,
    config: { config_hash: '', config_files: '' },
    variants: () => ({}),
    health: { report: () => ({ live: true, ready: true, reasons: [] }) },
    metrics: { text: async () => '', contentType: 'text/plain' },
    store: { results: async () => [], explain: async () => null, quarantined: async () => [] },
    status: () => ({}),
    intakes: { names: ['scans', 'clips'], find: (input) => intakes.find(input) },
    socketPath,
    log: around.log,
    state: around.health,
  });
  await server.start();
  const inputs: Input[] = [];
  t.teardown(async () => {
    for (const input of inputs) await input.stop();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const url = server.url ?? '';
  return {
    dir,
    spool,
    socketPath,
    around,
    url,
    create: (ledger, boot = 1, options = {}) => {
      const context = { ...around, boot, ledger, nextSeq, stateDir: join(dir, 'state'), connection: noConnection };
      const parsed = { ...httpInputOptions.parse({}), ...options };
      const input = httpInput.create('scans', parsed, { ...context, offerIntake: (intake) => intakes.offer('scans', intake) });
      inputs.push(input);
      return input;
    },
    post: async (body, headers = {}, path = '/v1/captures/scans') => {
      const answer = await fetch(`${url}${path}`, { method: 'POST', body, headers });
      return { status: answer.status, headers: Object.fromEntries(answer.headers), json: (await answer.json()) as Record<string, unknown> };
    },
    files: (place = '') => {
      try {
        return readdirSync(join(spool, place), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
      } catch {
        return [];
      }
    },
  };
}

/** Over the unix socket. */
export function postOverSocket(
  socketPath: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/v1/captures/scans', method: 'POST', agent: false, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, json: JSON.parse(text) }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
