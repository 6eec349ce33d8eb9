/**
 * The local server over real sockets. Health, metrics and log are the real parts of the ops room; the store is a stand-in that only answers
 * reads, since what is tested is the way to it: the store itself is tested in its own room.
 */

import { spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Test, test } from 'tap';
import type { Explanation, StoredResult } from '../../src/core/contracts.js';
import { ShoalError } from '../../src/core/errors.js';
import { limits } from '../../src/core/limits.js';
import { httpOptions } from '../../src/http/http-options.js';
import { createHttpServer, type HttpDeps, type HttpServer } from '../../src/http/http-server.js';
import { SystemClock } from '../../src/ops/clock.js';
import { HealthBoard } from '../../src/ops/health.js';
import { createLog } from '../../src/ops/log.js';
import { PromMetrics } from '../../src/ops/metrics.js';
import { keepsOne } from '../support/keeps-one.js';
import { until } from '../support/until.js';

const results: StoredResult[] = Array.from({ length: 5 }, (_, i) => ({
  id: `id${i}`,
  seq: 5 - i,
  captureId: `c${i}`,
  captureName: `scan ${i}.png`,
  pipeline: i === 4 ? 'faces' : 'signs',
  input: 'inbox',
  outcome: 'published',
  reason: null,
  committedAt: '2026-11-23T12:00:00.000Z',
}));

interface House {
  readonly server: HttpServer;
  readonly health: HealthBoard;
  readonly socketPath: string;
  readonly lines: string[];
  readonly deps: HttpDeps;
  /** Of the TCP door. */
  port(): number;
}

/** What a busy machine may add; Node's own limits are minutes. */
const slackMs = 10_000;

const folder = (): string => mkdtempSync(join(tmpdir(), 'shoal-http-'));

function house(t: Test, options: object = {}, socketPath = join(folder(), 'run', 'shoal.sock')): House {
  const health = new HealthBoard(new SystemClock());
  health.plan({ vital: ['store'], pipelines: { signs: { inputs: [], parts: [] } }, progress: {} });
  health.set('store', 'ok');
  const lines: string[] = [];
  const log = createLog(
    { level: 'info', format: 'json' },
    { write: (line) => lines.push(line), journal: false, terminal: false, nowMs: () => performance.now() },
  );
  const store: HttpDeps['store'] = {
    async results({ pipeline, beforeSeq, limit }) {
      if (pipeline === 'broken') throw new ShoalError('STORE_UNAVAILABLE', 'the store is closed');
      if (pipeline === 'defect') throw new TypeError('x is not a function');
      return results.filter((row) => (pipeline === undefined || row.pipeline === pipeline) && row.seq < (beforeSeq ?? 99)).slice(0, limit);
    },
    async explain(id) {
      const row = results.find((result) => result.id === id);
      const explanation: Explanation | null =
        row === undefined ? null : { ...row, payload: '{"schema":"shoal/result/1"}', trace: '{}', deliveries: [] };
      return explanation;
    },
    async quarantined() {
      return [{ captureId: 'c9', input: 'inbox', name: 'bomb.png', reason: 'two solo crashes', at: '2026-11-23T12:00:00.000Z' }];
    },
  };
  const deps: HttpDeps = {
    config: { config_hash: '0123456789abcdef', config_files: 'fedcba9876543210' },
    variants: () => ({ 'ppocr-det@4.0.0': ['int8'] }),
    intakes: { names: [], find: () => null },
    ...keepsOne,
    health,
    metrics: new PromMetrics(),
    store,
    status: () => ({ version: '0.1.0' }),
    socketPath,
    log,
    state: health,
  };
  const server = createHttpServer(httpOptions.parse({ port: 0, ...options }), deps);
  t.teardown(() => server.stop());
  return { server, health, socketPath, lines, deps, port: () => Number(new URL(server.url ?? 'http://x:0').port) };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

function ask(options: RequestOptions, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => {
        const isJson = response.headers['content-type']?.startsWith('application/json') === true;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: isJson && text !== '' ? JSON.parse(text) : {} });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

test('health and metrics are answered by both doors, with the status and the reasons of the moment', async (t) => {
  const { server, health, socketPath, port, deps } = house(t);
  await server.start();
  await server.start();
  for (const door of [{ socketPath }, { host: '127.0.0.1', port: port() }]) {
    for (const path of ['/livez', '/readyz', '/healthz']) t.equal((await ask({ ...door, path })).status, 200, path);
    const page = await ask({ ...door, path: '/metrics' });
    t.match(page.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    t.match(page.text, /^process_resident_memory_bytes \d+/m);
  }
  health.set('store', 'down', 'the disk is gone');
  for (const door of [{ socketPath }, { host: '127.0.0.1', port: port() }]) {
    t.match(
      await ask({ ...door, path: '/readyz' }),
      { json: { variants: { 'ppocr-det@4.0.0': ['int8'] } } },
      'readiness names the variants that run',
    );
    t.match(await ask({ ...door, path: '/readyz' }), { status: 503, json: { ready: false, reasons: ['store is down: the disk is gone'] } });
    t.match(await ask({ ...door, path: '/healthz' }), {
      status: 503,
      json: { live: true, pipelines: [{ pipeline: 'signs', ready: false }] },
    });
    t.match(await ask({ ...door, path: '/livez' }), { status: 200, json: { live: true, reasons: [] } });
  }
  deps.health.report = () => ({ live: false, ready: true, reasons: ['stuck'] });
  t.match(await ask({ socketPath, path: '/livez' }), { status: 503, json: { live: false, reasons: ['stuck'] } });
});

test('data is served on the unix socket and refused on TCP, however the path is written', async (t) => {
  const { server, socketPath, port } = house(t);
  await server.start();
  for (const path of ['/v1/results', '/v1/results/id0', '/v1/quarantine', '/v1/status']) {
    t.equal((await ask({ socketPath, path })).status, 200, path);
    t.match(await ask({ host: '127.0.0.1', port: port(), path }), {
      status: 403,
      json: { error: /^results and status are served on the unix socket only$/ },
    });
  }
  for (const path of [
    '//v1/results',
    '/v1%2fresults',
    '/./v1/results',
    '/%761/results',
    '/V1/results',
    'http://localhost/v1/results',
    '/v1/results/',
  ]) {
    const answer = await ask({ host: '127.0.0.1', port: port(), path });
    t.ok(answer.status === 403 || answer.status === 404, `${path}: ${answer.status}`);
    t.notMatch(answer.text, /scan/);
  }
  t.match(await ask({ host: '127.0.0.1', port: port(), path: '/v1/status', method: 'HEAD' }), { status: 403 });
  t.match(await ask({ host: '127.0.0.1', port: port(), path: '/v1/inputs/inbox/captures' }), { status: 403 });
  t.match(await ask({ host: '127.0.0.1', port: port(), path: '/v1/reload', method: 'POST' }), { status: 403 });
  t.match(await ask({ socketPath, path: '/v1/reload', method: 'POST' }), { status: 202, json: { boot: 7 } });
});

test('results are filtered, paged and explained; wrong questions are answered with a sentence', async (t) => {
  const { server, socketPath, lines } = house(t);
  await server.start();
  const get = (path: string): Promise<Answer> => ask({ socketPath, path });
  t.match(await get('/v1/results?limit=2'), { json: { results: [{ id: 'id0' }, { id: 'id1' }], next_before: 4 } });
  t.match(await get('/v1/results?limit=2&before=4&pipeline=signs'), { json: { results: [{ id: 'id2' }, { id: 'id3' }] } });
  t.match(await get('/v1/results?pipeline=faces'), { json: { results: [{ id: 'id4' }], next_before: null } });
  t.match(await get('/v1/results/id3'), { json: { id: 'id3', payload: '{"schema":"shoal/result/1"}' } });
  t.match(await get('/v1/inputs/inbux/captures'), { status: 404, json: { error: 'no input is called "inbux"; there are: inbox, door' } });
  t.match(await get('/v1/inputs/door/captures'), { status: 403, json: { error: /parts of what door sees are hidden/ } });
  t.match(await get('/v1/inputs/inbox/captures?for_s=0'), { status: 400, json: { error: /for_s is a number of seconds, 1/ } });
  t.match(await get('/v1/inputs/inbox/captures'), { status: 429, json: { error: /at most 4 may watch/ } });
  t.match(await get('/v1/quarantine'), { json: { quarantine: [{ name: 'bomb.png' }] } });
  t.match(await get('/v1/results/none'), { status: 404, json: { error: /no result has the id none/ } });
  for (const path of [
    '/v1/results/a.b',
    '/v1/results?limit=0',
    '/v1/results?limit=1001',
    '/v1/results?limit=x',
    '/v1/results?outcome=maybe',
    '/v1/results?colour=red',
  ]) {
    t.match(await get(path), { status: 400, json: { error: /./ } }, path);
  }
  t.match(await get('/nothing'), { status: 404, json: { error: /try GET \/healthz/ } });
  t.match(await ask({ socketPath, path: '/healthz', method: 'POST' }, 'x'.repeat(200_000)), { status: 404 });
  t.match(await get('/v1/results?pipeline=broken'), { status: 503, json: { error: 'the store is closed' } });
  t.equal(lines.length, 0, 'none of this is news to the operator');
  t.match(await get('/v1/results?pipeline=defect'), { status: 500 });
  t.match(lines.join(''), /x is not a function/, 'a defect is');
});

test('a page that calls us by a foreign name is refused on TCP (DNS rebinding)', async (t) => {
  const { server, socketPath, port } = house(t, { allowed_hosts: ['Dock-7.lan'] });
  await server.start();
  const status = async (host: string): Promise<number> =>
    (await ask({ host: '127.0.0.1', port: port(), path: '/healthz', headers: { host } })).status;
  for (const host of ['localhost', 'LOCALHOST:80', `127.0.0.1:${port()}`, '[::1]:1', 'dock-7.lan:8788'])
    t.equal(await status(host), 200, host);
  for (const host of ['evil.example', 'evil.example:8788', 'localhost.evil.example', '127.0.0.1.evil', 'localhost:8788:1', 'x@localhost']) {
    t.equal(await status(host), 403, host);
  }
  t.equal((await ask({ socketPath, path: '/healthz', headers: { host: 'anything' } })).status, 200);
  const nameless = await hold(port(), (socket) => socket.end('GET /healthz HTTP/1.0\r\n\r\n'));
  t.match(nameless.text, /^HTTP\/1\.1 403 /, 'no name is no allowed name');
});

function hold(port: number, onOpen: (socket: Socket) => void): Promise<{ closedAfterMs: number; text: string }> {
  return new Promise((resolve) => {
    const began = performance.now();
    let text = '';
    const socket = connect(port, '127.0.0.1', () => onOpen(socket));
    socket.on('data', (piece) => (text += piece.toString()));
    socket.on('error', () => {});
    socket.on('close', () => resolve({ closedAfterMs: performance.now() - began, text }));
  });
}

test('callers that speak slowly, too much or nonsense are closed, and health answers meanwhile', async (t) => {
  const { server, port, socketPath } = house(t);
  await server.start();
  const drip = (socket: Socket): void => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
    const timer = setInterval(() => socket.write('X'), 200);
    socket.on('close', () => clearInterval(timer));
  };
  const slow = Array.from({ length: 40 }, () => hold(port(), drip));
  const body = hold(port(), (socket) => socket.write('POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nx'));
  const long = hold(port(), (socket) => socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`));
  const nonsense = hold(port(), (socket) => socket.write('\0\x01\x02\r\n\r\n'));
  t.equal((await ask({ host: '127.0.0.1', port: port(), path: '/healthz' })).status, 200, 'slow callers do not keep others out');
  t.match(await long, { text: /^HTTP\/1\.1 431 / });
  t.match(await nonsense, { text: /^HTTP\/1\.1 400 / });
  const allowedMs = limits.httpHeadersMs + limits.httpCheckMs + slackMs;
  for (const { closedAfterMs, text } of await Promise.all(slow)) {
    if (closedAfterMs > allowedMs || !text.startsWith('HTTP/1.1 408 '))
      t.fail(`closed after ${closedAfterMs} ms with ${text.slice(0, 20)}`);
  }
  t.ok((await body).closedAfterMs < limits.httpRequestMs + limits.httpCheckMs + slackMs, 'a body that never comes');
  t.equal((await ask({ socketPath, path: '/livez' })).status, 200);
});

test('connections are bounded', async (t) => {
  const { server, port } = house(t);
  await server.start();
  const opened: Socket[] = [];
  let refused = 0;
  for (let i = 0; i < limits.httpConnectionsMax + 10; i++) {
    const socket = connect(port(), '127.0.0.1')
      .on('error', () => {})
      .on('close', () => refused++);
    opened.push(socket);
  }
  for (let i = 0; i < 2000 && refused < 10; i++) await sleep(10);
  t.equal(refused, 10);
  for (const socket of opened) socket.destroy();
});

test('the socket is for the daemon, its group and nobody else, and is gone after the stop', async (t) => {
  const { server, socketPath } = house(t);
  await server.start();
  t.equal((lstatSync(socketPath).mode & 0o777).toString(8), '660');
  await server.stop();
  await server.stop();
  t.equal(lstatSync(socketPath, { throwIfNoEntry: false }), undefined);
  t.equal(server.url, null);
});

test('the socket of a killed daemon is replaced; a living one keeps its own; nothing else is ever removed', async (t) => {
  const path = join(folder(), 'shoal.sock');
  const dead = spawn(process.execPath, ['-e', `require('net').createServer().listen(process.argv[1], () => console.log('up'))`, path]);
  await new Promise((resolve) => dead.stdout.once('data', resolve));
  dead.kill('SIGKILL');
  await new Promise((resolve) => dead.once('exit', resolve));
  t.ok(lstatSync(path).isSocket(), 'the killed one left its socket behind');
  const first = house(t, {}, path);
  await first.server.start();
  t.equal((await ask({ socketPath: path, path: '/livez' })).status, 200);

  const second = house(t, {}, path);
  await t.rejects(second.server.start(), {
    code: 'CONFIG_INVALID',
    message: /another daemon answers on .*shoal\.sock: stop it, or give this one a run_dir/,
  });
  await second.server.stop();
  t.equal((await ask({ socketPath: path, path: '/livez' })).status, 200, 'the first one still has it');

  const file = join(folder(), 'shoal.sock');
  writeFileSync(file, 'precious');
  await t.rejects(house(t, {}, file).server.start(), { code: 'CONFIG_INVALID', message: /is no socket/ });
  t.equal(readFileSync(file, 'utf8'), 'precious');
  const link = join(folder(), 'shoal.sock');
  symlinkSync(path, link);
  await t.rejects(house(t, {}, link).server.start(), { code: 'CONFIG_INVALID', message: /is no socket/ });
  await t.rejects(house(t, {}, join(folder(), 'x'.repeat(120), 'shoal.sock')).server.start(), { message: /too long for a unix socket/ });
});

test('a port that is taken degrades health and is taken when it comes free; the unix socket answers meanwhile', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { server, health, socketPath, lines } = house(t, { port });
  await server.start();
  t.equal(server.url, null);
  t.match(health.report(), {
    ready: true,
    status: 'degraded',
    reasons: [/no health or metrics on 127\.0\.0\.1:\d+ \(.*EADDRINUSE.*\): free the port or change http\.port/],
  });
  t.equal((await ask({ socketPath, path: '/readyz' })).status, 200);
  t.match(lines.join(''), /TCP port cannot be had/);
  await new Promise((resolve) => other.close(resolve));
  for (let i = 0; i < 1500 && server.url === null; i++) await sleep(20);
  t.equal((await ask({ host: '127.0.0.1', port, path: '/readyz' })).status, 200);
  t.equal(health.report().status, 'ok');
});

test('a folder that cannot be written degrades health, and TCP answers', async (t) => {
  const blocked = join(folder(), 'file');
  writeFileSync(blocked, '');
  const { server, health, port } = house(t, {}, join(blocked, 'run', 'shoal.sock'));
  await server.start();
  t.match(health.report(), { ready: true, status: 'degraded', reasons: [/no unix socket at/] });
  t.equal((await ask({ host: '127.0.0.1', port: port(), path: '/readyz' })).status, 200);
});

test('switched off, TCP is not listened on at all', async (t) => {
  const { server, socketPath } = house(t, { enabled: false });
  await server.start();
  t.equal(server.url, null);
  t.equal((await ask({ socketPath, path: '/livez' })).status, 200);
});

test('an answer under way is finished by the stop, an idle connection does not delay it', async (t) => {
  const { server, deps, socketPath } = house(t);
  const asked: ((status: Record<string, unknown>) => void)[] = [];
  deps.status = () => new Promise((resolve) => void asked.push(resolve));
  await server.start();
  const idle = connect(socketPath).on('error', () => {});
  const answer = ask({ socketPath, path: '/v1/status' });
  await until('the question is under way', () => asked.length > 0);
  const began = performance.now();
  const stopped = server.stop();
  asked[0]?.({ late: true });
  t.match(await answer, { status: 200, json: { late: true } });
  await stopped;
  t.ok(performance.now() - began < limits.httpHeadersMs + slackMs);
  idle.destroy();
});
