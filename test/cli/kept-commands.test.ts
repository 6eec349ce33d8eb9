/** The commands for what is kept of captures and for drift, against the real server over a real unix socket; what it answers from is a stand-in. */
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { type CommandContext, standardDefaults } from '../../src/cli/command-context.js';
import { driftCommand } from '../../src/cli/drift.js';
import { keptCommand } from '../../src/cli/kept.js';
import { runProgram } from '../../src/cli/program.js';
import { purgeCommand } from '../../src/cli/purge.js';
import { httpOptions } from '../../src/http/http-options.js';
import { createHttpServer } from '../../src/http/http-server.js';
import { SystemClock } from '../../src/ops/clock.js';
import { HealthBoard } from '../../src/ops/health.js';
import { createLog } from '../../src/ops/log.js';
import { PromMetrics } from '../../src/ops/metrics.js';
import { keepsOne, keptJpeg } from '../support/keeps-one.js';

async function daemon(t: Test): Promise<string> {
  const socketPath = join(mkdtempSync(join(tmpdir(), 'shoal-cli-')), 'shoal.sock');
  const health = new HealthBoard(new SystemClock());
  const server = createHttpServer(httpOptions.parse({ enabled: false }), {
    ...keepsOne,
    intakes: { names: [], find: () => null },
    config: { config_hash: '0123456789abcdef', config_files: 'fedcba9876543210' },
    variants: () => ({}),
    health,
    state: health,
    metrics: new PromMetrics(),
    log: createLog({ level: 'error', format: 'json' }),
    status: () => ({}),
    socketPath,
    store: { results: async () => [], explain: async () => null, quarantined: async () => [] },
  });
  await server.start();
  t.teardown(() => server.stop());
  return socketPath;
}

async function run(argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const context: CommandContext = {
    parts: { inputs: [], sinks: [], connections: [], tasks: [], sections: {} } as unknown as CommandContext['parts'],
    defaults: { ...standardDefaults, socketPath: '/nonexistent/shoal.sock' },
    version: '0.1.0',
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  };
  const code = await runProgram(argv, [keptCommand, purgeCommand, driftCommand], context);
  return { code, out, err };
}

test('kept copies are listed and fetched, a purge says what it did, drift is a table', async (t) => {
  const socket = await daemon(t);
  t.match(
    (await run(['kept', 'list', '--socket', socket])).out,
    /^KEPT +INPUT +CAPTURE +TYPE +BYTES\n2026-11-23T12:00:00\.000Z +inbox +c1 +image\/jpeg +4\n/,
  );
  t.match(await run(['kept', 'list', '--input', 'other', '--socket', socket]), { code: 0, out: 'Nothing is kept.\n' });
  const file = join(t.testdir(), 'c1.jpg');
  t.match(await run(['kept', 'get', 'c1', '-o', file, '--socket', socket]), { code: 0, out: `${file}: 4 bytes, image/jpeg\n` });
  t.same(readFileSync(file), keptJpeg);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await run(['kept', 'get', 'c1', '-o', file, '--socket', socket]), { code: 1, err: /is there already/ });
  t.match(await run(['kept', 'get', 'none', '-o', `${file}2`, '--socket', socket]), { code: 1, err: /no copy is kept/ });

  const purge = (...more: string[]) => run(['purge', '--input', 'inbox', '--socket', socket, ...more]);
  t.match(await purge('--before', '30d', '--dry-run'), {
    code: 0,
    out: /^Would delete of input inbox, before 20.*\n {2}1 kept copy \(4 bytes\)\n {2}2 results/,
  });
  t.match((await purge('--before', 'now')).out, /^Deleted of[\s\S]*1 result or message is left, since a sink is still owed them/);
  t.match(
    (await purge('--before', '2026-01-31', '--owed')).out,
    /before 2026-01-31T00:00:00\.000Z[\s\S]*1 delivery that was still owed is given up/,
  );
  t.match((await run(['purge', '--input', 'gone', '--before', '1h', '--socket', socket])).out, /has no input gone/);
  for (const time of ['yesterday', '2026-01-31T10:00:00', '2026-99-31', '30']) t.equal((await purge('--before', time)).code, 2, time);
  t.match(await run(['purge', '--input', '../etc', '--before', 'now', '--socket', socket]), { code: 1, err: /input: / });

  const { out } = await run(['drift', 'list', '--socket', socket]);
  t.match(out, /signs +lines\.score +0\.400 +0\.300 \.\. 0\.500 +large\nsigns +outcome +learning: 20 of 500\n/);
  t.match(await run(['drift', 'reset', 'signs', '--socket', socket]), { code: 0, out: /learnt anew/ });
  t.match(await run(['drift', 'reset', 'gone', '--socket', socket]), { code: 1, err: /no pipeline gone/ });
});
