/**
 * The commands that ask the daemon, against the real server over a real unix socket; and doctor and models on this very machine.
 *
 * The store is a stand-in that only answers reads (the real one is tested in its own room): what is tested is the way from its answer to the
 * operator's eyes. The engine's probes are handed in, as the program does it.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { checkBoard } from '../../src/cli/board-checks.js';
import { standardDefaults } from '../../src/cli/command-context.js';
import { type DoctorContext, doctorCommand } from '../../src/cli/doctor.js';
import { explainCommand } from '../../src/cli/explain.js';
import { modelsCommand } from '../../src/cli/models.js';
import type { ModelsContext } from '../../src/cli/models-context.js';
import { runProgram } from '../../src/cli/program.js';
import { quarantineCommand } from '../../src/cli/quarantine.js';
import { resultsCommand } from '../../src/cli/results.js';
import { renderTable } from '../../src/cli/table.js';
import { loadConfig } from '../../src/config/load-config.js';
import type { Explanation, StoredResult } from '../../src/core/contracts.js';
import { ShoalError } from '../../src/core/errors.js';
import { httpOptions } from '../../src/http/http-options.js';
import { createHttpServer } from '../../src/http/http-server.js';
import { SystemClock } from '../../src/ops/clock.js';
import { HealthBoard } from '../../src/ops/health.js';
import { createLog } from '../../src/ops/log.js';
import { PromMetrics } from '../../src/ops/metrics.js';
import { parts } from '../../src/parts.js';
import { keepsOne } from '../support/keeps-one.js';

const trace = {
  attempt: 2,
  queue_ms: 12.34,
  decode_ms: 8,
  stages: [
    {
      stage: 'regions',
      task: 'detect-text',
      model: 'ppocr-det@4.0.0',
      variant: 'fp32',
      state: 'ran',
      preprocess_ms: 3,
      run_ms: 40,
      postprocess_ms: 2,
      inputs: 1,
      runs: 1,
      found: 3,
    },
    {
      stage: 'lines',
      task: 'read-text',
      state: 'skipped: nothing to read',
      preprocess_ms: 0,
      run_ms: 0,
      postprocess_ms: 0,
      inputs: 0,
      runs: 0,
      found: 0,
    },
  ],
};
const payload = {
  schema: 'shoal/result/1',
  captured_at: '2026-11-23T11:59:59.000Z',
  clock_synced: false,
  boot: 4,
  seq: 17,
  device: 'dock-7',
  capture: { name: 'sign.png', media_type: 'image/png', bytes: 1234 },
  observations: { lines: Array.from({ length: 25 }, (_, i) => ({ score: 0.97, text: `LINE ${i}` })) },
  observations_cut: 5,
};
const stored: Explanation = {
  id: 'abcDEF_-123',
  seq: 9,
  captureId: '01cap',
  captureName: 'sign\u001b[31m.png',
  pipeline: 'signs',
  input: 'inbox',
  outcome: 'published',
  reason: null,
  committedAt: '2026-11-23T12:00:00.000Z',
  payload: JSON.stringify(payload),
  trace: JSON.stringify(trace),
  deliveries: [
    { sink: 'lan', state: 'delivered', reason: null },
    { sink: 'cloud', state: 'owed', reason: 'the link is down' },
    { sink: 'file', state: 'dead', reason: 'the disk is full' },
  ],
};

async function daemon(t: Test): Promise<string> {
  const socketPath = join(mkdtempSync(join(tmpdir(), 'shoal-cli-')), 'shoal.sock');
  const health = new HealthBoard(new SystemClock());
  const { payload: _payload, trace: _trace, deliveries: _deliveries, ...row } = stored;
  const captures: Record<string, StoredResult[]> = {
    one: [row],
    two: [row, { ...row, id: 'other', pipeline: 'faces', outcome: 'failed', reason: 'no image' }],
  };
  const server = createHttpServer(httpOptions.parse({ enabled: false }), {
    config: { config_hash: '0123456789abcdef', config_files: 'fedcba9876543210' },
    variants: () => ({ 'ppocr-det@4.0.0': ['int8'] }),
    intakes: { names: [], find: () => null },
    ...keepsOne,
    health,
    state: health,
    metrics: new PromMetrics(),
    log: createLog({ level: 'error', format: 'json' }),
    status: () => ({}),
    socketPath,
    store: {
      results: async ({ pipeline, limit, outcome, capture }) => {
        if (capture !== undefined) return captures[capture] ?? [];
        if (pipeline === 'broken') throw new ShoalError('STORE_UNAVAILABLE', 'the store is closed');
        return pipeline === undefined && outcome === undefined
          ? Array.from({ length: Math.min(limit, 2) }, (_, i) => ({ ...row, seq: 9 - i }))
          : [];
      },
      explain: async (id) => (id === stored.id ? stored : null),
      quarantined: async () => [
        {
          captureId: '01bad',
          input: 'inbox',
          name: 'bomb.png',
          reason: 'engine crashed twice on it alone',
          at: '2026-11-23T10:00:00.000Z',
        },
      ],
    },
  });
  await server.start();
  t.teardown(() => server.stop());
  return socketPath;
}

type Context = DoctorContext & ModelsContext;

async function run(argv: string[], more: Partial<Context> = {}): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const context: Context = {
    parts: { inputs: [], sinks: [], connections: [], tasks: [], sections: {} } as unknown as Context['parts'],
    defaults: { ...standardDefaults, socketPath: '/nonexistent/shoal.sock' },
    version: '0.1.0',
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    modelsDirectories: [],
    catalogue: '/nonexistent/catalogue',
    fitModel: () => {},
    probeModels: async (models) =>
      models.flatMap((model) => model.variants.map(({ name }) => ({ model: model.name, variant: name, ok: true, loadMs: 1 }))),
    probeRuntime: async () => ({ ok: true, ms: 12 }),
    ...more,
  };
  const code = await runProgram(argv, [resultsCommand, explainCommand, quarantineCommand, modelsCommand, doctorCommand], context);
  return { code, out, err };
}

test('results are an aligned table, the whole answer with --json, and can be paged', async (t) => {
  const socket = await daemon(t);
  const { code, out } = await run(['results', '--socket', socket]);
  t.equal(code, 0);
  const lines = out.split('\n');
  t.match(lines[0], /^COMMITTED +ID +INPUT +CAPTURE +PIPELINE +OUTCOME +REASON$/);
  t.equal(lines[1]?.indexOf('abcDEF_-123'), lines[0]?.indexOf('ID'), 'aligned');
  t.notOk(out.includes('\u001b'), 'a name cannot steer the terminal');
  t.match((await run(['results', '--socket', socket, '-n', '1'])).out, /Older ones: --before 9$/m);
  t.match(JSON.parse((await run(['results', '--json', '--socket', socket])).out), {
    results: [{ id: 'abcDEF_-123', seq: 9 }, {}],
    next_before: null,
  });
  t.match(await run(['results', '--socket', socket, '--pipeline', 'none']), { code: 0, out: 'No results.\n' });
  t.match(await run(['results', '--socket', socket, '--pipeline', 'broken']), {
    code: 1,
    err: 'shoal: the daemon could not answer: the store is closed\n',
  });
  t.equal((await run(['results', '--socket', socket, '--limit', '0'])).code, 2);
  t.equal((await run(['results', '--socket', socket, '--outcome', 'maybe'])).code, 2);
});

test('explain tells the whole story in sentences', async (t) => {
  const socket = await daemon(t);
  const { code, out } = await run(['explain', stored.id, '--socket', socket]);
  t.equal(code, 0);
  for (const part of [
    /"sign\?\[31m\.png" \(image\/png, 1234 bytes\) came by input inbox\./,
    /taken at 2026-11-23T11:59:59\.000Z, by a clock that was not synchronized/,
    /On device dock-7 it was number 17 of start 4/,
    /Pipeline signs, at attempt 2\./,
    /regions \(detect-text\) ran with ppocr-det@4\.0\.0, variant fp32, in 45\.0 ms \(prepare 3\.0 ms, model 40\.0 ms, read 2\.0 ms\) over 1 input, 1 model run, and found 3\./,
    /lines \(read-text\) did not run: nothing to read\./,
    /lines: {2}97 % {2}"LINE 19"|lines: +97 % +"LINE 19"/,
    /and 5 more \(--json shows all\)/,
    /5 more did not fit into the payload/,
    /It was published\./,
    /Sink lan has acknowledged it\./,
    /Sink cloud has not acknowledged it yet \(the link is down\)/,
    /Its delivery to sink file was given up \(the disk is full\)\./,
  ]) {
    t.match(out, part);
  }
  t.match(
    JSON.parse((await run(['explain', stored.id, '--json', '--socket', socket])).out),
    { payload: stored.payload },
    'the exact bytes',
  );
  t.match(await run(['explain', 'nothing', '--socket', socket]), {
    code: 1,
    err: /nothing is kept of a result or capture with the id nothing/,
  });
  t.match(await run(['explain', '../x', '--socket', socket]), { code: 1, err: /a result id is/ });
});

test('explain tells of a capture by its id: its result, its results, or that it is in quarantine', async (t) => {
  const socket = await daemon(t);
  const ask = (id: string, ...more: string[]) => run(['explain', id, ...more, '--socket', socket]);
  t.match((await ask('one')).out, /^"sign.*" by pipeline signs: published\nResult abcDEF_-123\n/, 'the only one is explained');
  const { out } = await ask('two');
  t.match(out, /^Capture two: "sign\?\[31m\.png", by input inbox\n\nRESULT /);
  t.match(out, /\nother +faces +failed +no image\n/);
  t.match(out, /"shoal explain RESULT" tells/);
  t.match((await ask('01bad')).out, /^Capture 01bad: "bomb\.png".*\nIt is in quarantine since .*\nIts results are kept no longer\.\n$/);
  t.match(JSON.parse((await ask('two', '--json')).out), {
    capture: 'two',
    results: [{ id: stored.id }, { id: 'other' }],
    quarantine: null,
  });
  t.match((await run(['results', '--capture', 'two', '--socket', socket])).out, / faces /);
});

test('quarantine names what was put aside and why', async (t) => {
  const socket = await daemon(t);
  t.match((await run(['quarantine', '--socket', socket])).out, /01bad +inbox +bomb\.png +engine crashed twice on it alone/);
  t.match(JSON.parse((await run(['quarantine', '--json', '--socket', socket])).out), { quarantine: [{ name: 'bomb.png' }] });
});

test('without a daemon a command ends with 69 and a paragraph that says how to start one', async (t) => {
  for (const command of [['results'], ['explain', 'x'], ['quarantine']]) {
    const { code, out, err } = await run(command);
    t.equal(code, 69);
    t.equal(out, '');
    t.match(err, /^shoal: no daemon answers on \/nonexistent\/shoal\.sock\. Start one with "systemctl start shoal".*--socket\.\n$/);
  }
  const path = join(mkdtempSync(join(tmpdir(), 'shoal-cli-')), 'other.sock');
  const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
  await new Promise<void>((resolve) => other.listen(path, resolve));
  t.match(await run(['results', '--socket', path]), { code: 69, err: /is not a Shoal daemon/ });
  const rude = join(mkdtempSync(join(tmpdir(), 'shoal-cli-')), 'rude.sock');
  const closer = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => closer.listen(rude, resolve));
  t.match(await run(['results', '--socket', rude]), { code: 69, err: /does not answer/ });
  other.close();
  closer.close();
});

test('doctor reads this machine, and its exit code follows its verdict', async (t) => {
  const good = await run(['doctor', '--json', '--state-dir', tmpdir()]);
  const { ok, checks } = JSON.parse(good.out) as { ok: boolean; checks: { check: string; state: string; advice?: string }[] };
  t.equal(good.code, ok ? 0 : 1);
  t.strictSame(
    checks.map(({ check }) => check),
    [
      'system',
      'node',
      'glibc',
      'cores',
      'cpu features',
      'memory',
      'page size',
      'disk',
      'heat and power',
      'clock',
      'model runtime',
      'ffmpeg',
      'variants',
    ],
  );
  for (const { check, state, advice } of checks)
    t.equal(advice === undefined, state === 'ok', `${check}: advice exactly where it is needed`);
  const bad = await run(['doctor', '--state-dir', '/nonexistent'], {
    probeRuntime: async () => ({ ok: false, reason: 'killed by SIGILL', ms: 1 }),
  });
  t.equal(bad.code, 1);
  t.match(bad.out, /^FAIL {2}model runtime +killed by SIGILL$/m);
  t.match(bad.out, /^warn {2}disk +\/nonexistent does not exist$/m);
  t.match(bad.out, /\d+ ok, \d+ to look at, 1 failed\n$/);
});

test('a board that is too small, too old or too hot is told so', async (t) => {
  const facts = {
    node: '20.18.1',
    platform: 'linux',
    board: {
      model: null,
      cpu: null,
      arch: 'arm64',
      kernel: null,
      cores: 4,
      cores_limit: 0.5,
      cpu_features: ['fp', 'asimd'],
      memory_bytes: 4e9,
      memory_limit_bytes: 2e8,
      memory_available_bytes: 2e8,
      page_bytes: 65_536,
      glibc: '2.27',
    },
    disk: { path: '/x', free_bytes: 1e6, total_bytes: 1e9 },
    diskPath: '/x',
    thermal: { temperature_celsius: 60, throttled: true, reasons: ['the supply voltage is low'] },
    clock: 'none',
  } as const;
  const states = Object.fromEntries(checkBoard(facts).map(({ check, state }) => [check, state]));
  t.strictSame(states, {
    system: 'ok',
    node: 'fail',
    glibc: 'fail',
    cores: 'warn',
    'cpu features': 'warn',
    memory: 'fail',
    'page size': 'warn',
    disk: 'fail',
    'heat and power': 'warn',
    clock: 'warn',
  });
  const fine = checkBoard({
    ...facts,
    node: '22.1.0',
    board: { ...facts.board, cores_limit: null, cpu_features: ['asimddp'], memory_available_bytes: 3e9, page_bytes: 16_384, glibc: '2.36' },
    disk: { path: '/x', free_bytes: 1e10, total_bytes: 1e11 },
    thermal: { temperature_celsius: null, throttled: null, reasons: [] },
    clock: 'timesyncd',
  });
  t.strictSame(
    fine.filter(({ state }) => state !== 'ok'),
    [],
  );
});

const bundled = fileURLToPath(new URL('../../../models', import.meta.url));

test('models are listed and verified from their cards; a changed file is found out', async (t) => {
  const names = readdirSync(bundled);
  const listed = await run(['models', 'list'], { modelsDirectories: [bundled] });
  t.equal(listed.code, 0);
  for (const name of names) t.match(listed.out, new RegExp(`^${name}@\\S+ +\\S+ +\\S+ +pinned +[\\d.]+ MB +- +\\S+`, 'm'));
  t.match(await run(['models', 'verify', '--files-only'], { modelsDirectories: [bundled] }), {
    code: 0,
    out: new RegExp(`^ok +${names[0]}@`, 'm'),
  });
  t.match(await run(['models', 'verify', 'nonesuch', '--dir', bundled]), { code: 1, out: /there is no such model/ });
  const refusing: Partial<Context> = {
    probeModels: async () => [{ model: 'm', variant: 'fp32', ok: false, reason: 'output 0 is int64', loadMs: 1 }],
  };
  t.match(await run(['models', 'verify', '--dir', bundled], refusing), { code: 1, out: /cannot be opened: output 0 is int64/ });

  const copy = mkdtempSync(join(tmpdir(), 'shoal-models-'));
  const name = names[0] ?? '';
  cpSync(join(bundled, name), join(copy, name), { recursive: true });
  const version = readdirSync(join(copy, name))[0] ?? '';
  const onnx = readdirSync(join(copy, name, version)).find((file) => file.endsWith('.onnx')) ?? '';
  writeFileSync(join(copy, name, version, onnx), 'not the model');
  mkdirSync(join(copy, 'broken', '1.0.0'), { recursive: true });
  const verified = await run(['models', 'verify', '--dir', copy, '--json']);
  t.equal(verified.code, 1);
  t.match(JSON.parse(verified.out), { ok: false, models: [{ ok: false }, { ok: false, problems: [/its card says/] }] });
  t.match(await run(['models', 'verify', '--dir', mkdtempSync(join(tmpdir(), 'shoal-none-'))]), { code: 1, err: /no models to verify/ });
});

test('a table is cut and padded by characters, and shows no control characters', async (t) => {
  const table = renderTable(
    ['A', 'B'],
    [
      ['é', 'x'],
      ['long'.repeat(40), '\u001b[2J\n'],
    ],
  );
  const lines = table.split('\n');
  t.equal(lines.length, 3);
  t.equal(lines[1], `é${' '.repeat(59)}  x`);
  t.match(lines[2], /^(long){14}l\.\.\. {2}\?\[2J\?$/);
});

test('the configuration to start from is a good one', async (t) => {
  const example = fileURLToPath(new URL('../../../deploy/shoal.yaml', import.meta.url));
  const { settings, warnings } = await loadConfig(example, parts, { purpose: 'check' });
  t.strictSame(warnings, []);
  t.strictSame(Object.keys(settings.pipelines), ['signs', 'faces', 'speech']);
});
