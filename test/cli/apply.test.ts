/** `shoal check`, `config` and `apply` as an operator meets them; apply against a daemon that is a small real process on a real socket. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'tap';
import { applyCommand } from '../../src/cli/apply.js';
import { checkCommand } from '../../src/cli/check.js';
import { standardDefaults } from '../../src/cli/command-context.js';
import { configCommand } from '../../src/cli/config.js';
import { runProgram } from '../../src/cli/program.js';
import { loadConfig } from '../../src/config/load-config.js';
import { sampleParts } from '../config/sample-parts.js';

const scratch = mkdtempSync(join(tmpdir(), 'shoal-apply-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
const here = new URL('.', import.meta.url).href;

async function shoal(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const context = {
    parts: sampleParts,
    defaults: standardDefaults,
    version: '1.2.3',
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
  };
  const code = await runProgram(argv, [checkCommand, configCommand, applyCommand], context);
  return { code, out, err };
}

test('the command line answers with the exit codes it documents, and readable paragraphs', async (t) => {
  t.match(await shoal('check', '-c', 'test/config/good/small.yaml'), {
    code: 0,
    out: /good \(1 input, 1 pipeline, 1 sink from 1 file, config_hash/,
  });
  t.match(await shoal('check', '-c', 'test/config/golden/bad/enum.yaml'), {
    code: 78,
    out: '',
    err: /^test\/config\/golden\/bad\/enum\.yaml: 2 problems\n/,
  });
  const json = await shoal('check', '--json', '-c', 'test/config/golden/bad/enum.yaml');
  t.match(JSON.parse(json.out), {
    ok: false,
    problems: [{ path: 'inputs.inbox.done', line: 3, column: 55, hint: 'did you mean delete?' }, {}],
  });
  t.match(JSON.parse((await shoal('check', '--json', '-c', 'test/config/good/small.yaml')).out), {
    ok: true,
    config_hash: /^[0-9a-f]{16}$/,
  });
  t.match(await shoal('chek'), { code: 2, err: /unknown command 'chek'\n\(Did you mean check\?\)/ });
  t.match(await shoal('check', '--colour'), { code: 2, err: /unknown option '--colour'/ });
  t.match(await shoal(), { code: 2 });
  t.match(await shoal('--version'), { code: 0, out: '1.2.3\n' });
  for (const command of ['check', 'apply', 'config']) t.match(await shoal(command, '--help'), { code: 0, out: /Exit codes:\n[\s\S]*78/ });
  t.match(await shoal('config', 'show', '--resolved', '-c', 'test/config/good/dock.yaml'), { code: 0, out: /credential: mqtt-password/ });
  t.match(await shoal('config', 'show', '-c', 'test/config/golden/bad/empty.yaml'), { code: 78, err: /the file is empty/ });
  t.match(JSON.parse((await shoal('config', 'schema')).out), { title: 'Shoal configuration' });
  t.match(await shoal('config', 'reference'), { code: 0, out: /^# Configuration/ });
});

test('apply into a folder it may not write in, or that is missing, says so and is no defect', async (t) => {
  const fresh = join(scratch, 'fresh.yaml');
  writeFileSync(fresh, text(1));
  t.match(await shoal('apply', fresh, '-c', join(scratch, 'nowhere', 'shoal.yaml'), '--restart-command', 'true'), {
    code: 1,
    err: /nowhere\/shoal\.yaml was not changed: ENOENT.*; make the folder .*nowhere, or name another file with --config\n$/,
  });
});

const text = (days: number) =>
  `version: 1
device: { id: box }
paths: { run_dir: ${scratch} }
sinks: { disk: { type: file, path: /tmp/out.ndjson } }
inputs: { inbox: { type: folder, path: /srv/in } }
pipelines: { faces: { from: [inbox], stages: [{ task: detect-faces }] } }
store: { keep_days: ${days} }
`;

/** A stand-in for the service manager and the daemon: a restart loads the target; a configuration with more than 5 days never becomes ready. */
function installDaemon(target: string): { restart: string; restarts: string; stop(): void } {
  const restarts = join(scratch, 'restarts');
  const wish = join(scratch, 'wish');
  const program = join(scratch, 'daemon.mjs');
  writeFileSync(restarts, '');
  writeFileSync(wish, '');
  writeFileSync(
    program,
    `import { createServer } from 'node:http';
import { readFileSync, rmSync } from 'node:fs';
import { loadConfig } from ${JSON.stringify(new URL('../../src/config/load-config.js', here).href)};
import { sampleParts } from ${JSON.stringify(new URL('../config/sample-parts.js', here).href)};
const socket = ${JSON.stringify(join(scratch, 'shoal.sock'))};
rmSync(socket, { force: true });
let last = null, running = null;
const reload = async () => {
  const wish = readFileSync(${JSON.stringify(wish)}, 'utf8');
  if (wish === last) return;
  last = wish;
  running = null;
  running = await loadConfig(${JSON.stringify(target)}, sampleParts).catch(() => null);
};
setInterval(reload, 20);
createServer((_, response) => {
  const ready = running !== null && running.settings.store.keep_days <= 5;
  response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ config_hash: running?.configHash, reason: ready ? undefined : 'the disk is too small' }));
}).listen(socket);
`,
  );
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit'] });
  return {
    restart: `echo x >> ${restarts}; date +%s%N > ${wish}`,
    restarts,
    stop: () => child.kill('SIGKILL'),
  };
}

test('apply swaps, restarts and waits; goes back when the daemon is not ready; and survives being killed', async (t) => {
  // Seconds on an idle machine; a busy one starts processes ten times slower.
  t.setTimeout(120_000);
  const target = join(scratch, 'etc', 'shoal.yaml');
  const next = join(scratch, 'next.yaml');
  mkdirSync(join(scratch, 'etc'));
  writeFileSync(target, text(1));
  chmodSync(target, 0o604);
  const daemon = installDaemon(target);
  t.teardown(daemon.stop);
  const common = ['-c', target, '--restart-command', daemon.restart];
  const restarts = () => readFileSync(daemon.restarts, 'utf8').length / 2;
  const leftovers = () => existsSync(`${target}.apply`);

  await t.test('a good file is put in place, confirmed by the daemon, and the earlier one kept', async (t) => {
    writeFileSync(next, text(2));
    t.match(await shoal('apply', next, ...common), { code: 0, out: /applied, the daemon is ready/, err: '' });
    t.equal(readFileSync(target, 'utf8'), text(2));
    t.equal(readFileSync(`${target}.previous`, 'utf8'), text(1));
    t.equal(statSync(target).mode & 0o777, 0o604, 'mode and owner stay');
    t.equal(restarts(), 1);
    t.notOk(leftovers());
  });

  await t.test('a file that does not pass changes nothing', async (t) => {
    writeFileSync(next, text(900));
    t.match(await shoal('apply', next, ...common), { code: 78, err: /store\.keep_days/ });
    t.equal(readFileSync(target, 'utf8'), text(2));
    t.equal(restarts(), 1);
  });

  await t.test('a daemon that does not become ready gets the earlier file back', async (t) => {
    writeFileSync(next, text(7));
    const { code, err } = await shoal('apply', next, ...common, '--timeout', '1');
    t.equal(code, 1);
    t.match(
      err,
      /not applied, the daemon runs it but is not ready: the disk is too small\. The earlier configuration is back and the daemon is ready/,
    );
    t.equal(readFileSync(target, 'utf8'), text(2));
    t.equal(restarts(), 3);
    t.notOk(leftovers());
  });

  await t.test('a restart that fails is told with what it said', async (t) => {
    writeFileSync(next, text(3));
    const { code, err } = await shoal('apply', next, '-c', target, '--restart-command', 'echo no such unit >&2; exit 5', '--timeout', '1');
    t.equal(code, 1);
    t.match(err, /the restart command failed \(exit code 5\): no such unit/);
    t.equal(readFileSync(target, 'utf8'), text(2));
  });

  await t.test('what conf.d beside the target says counts in the check', async (t) => {
    mkdirSync(join(scratch, 'etc', 'conf.d'));
    writeFileSync(join(scratch, 'etc', 'conf.d', '10.yaml'), 'store: { keep_dayz: 1 }\n');
    t.match(await shoal('apply', next, ...common), { code: 78, err: /keep_dayz/ });
    rmSync(join(scratch, 'etc', 'conf.d'), { recursive: true });
  });

  await t.test('killed at any moment, the target is the whole old or the whole new file, and the next apply works', async (t) => {
    const program = join(scratch, 'apply.mjs');
    const imports = ['apply', 'program'].map((name) => new URL(`../../src/cli/${name}.js`, here).href);
    writeFileSync(
      program,
      `import { applyCommand } from ${JSON.stringify(imports[0])};
import { runProgram } from ${JSON.stringify(imports[1])};
import { sampleParts } from ${JSON.stringify(new URL('../config/sample-parts.js', here).href)};
process.stdout.write('go');
process.exitCode = await runProgram(process.argv.slice(2), [applyCommand], { parts: sampleParts, defaults: {}, version: '', stdout: process.stdout, stderr: { write() {} } });`,
    );
    let [midway, swapped] = [0, 0];
    for (let kill = 0; kill < 6; kill++) {
      rmSync(`${target}.apply`, { force: true });
      const [old, fresh] = [readFileSync(target, 'utf8'), text(1 + (kill % 5) + 0.5)];
      writeFileSync(next, fresh);
      const child = spawn(process.execPath, [program, 'apply', next, ...common], { stdio: ['ignore', 'pipe', 'inherit'] });
      const closed = new Promise((done) => child.once('close', done));
      await new Promise((done) => child.stdout.once('data', done));
      // Every second one is aimed: at the journal, which is where the swap begins.
      while (kill % 2 === 1 && !leftovers() && child.exitCode === null) await sleep(1);
      await sleep(Math.random() * (kill % 2 === 1 ? 40 : 400));
      child.kill('SIGKILL');
      await closed;
      const now = readFileSync(target, 'utf8');
      t.ok(now === old || now === fresh, 'whole');
      await t.resolves(loadConfig(target, sampleParts));
      if (now === fresh) swapped++;
      if (leftovers()) midway++;
    }
    t.ok(midway > 0, `${midway} kills fell between journal and end, ${swapped} after the swap`);
    writeFileSync(next, text(4));
    t.match(await shoal('apply', next, ...common), { code: 0 });
    t.equal(readFileSync(target, 'utf8'), text(4));
    t.notOk(leftovers());
  });

  await t.test('after an apply that was killed unconfirmed, going back means the file that was confirmed', async (t) => {
    const dead = spawn('true');
    await new Promise((done) => dead.once('close', done));
    writeFileSync(`${target}.previous`, text(4));
    writeFileSync(target, text(7));
    writeFileSync(`${target}.apply`, JSON.stringify({ pid: dead.pid, started: '1', swapping: true }));
    writeFileSync(next, text(6));
    const { code, err } = await shoal('apply', next, ...common, '--timeout', '1');
    t.equal(code, 1);
    t.match(err, /an earlier apply was interrupted/);
    t.equal(readFileSync(target, 'utf8'), text(4));
  });

  await t.test('two applies do not run at once', async (t) => {
    const started = execFileSync('cat', [`/proc/${process.pid}/stat`], { encoding: 'utf8' })
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    writeFileSync(`${target}.apply`, JSON.stringify({ pid: process.pid, started, swapping: false }));
    t.match(await shoal('apply', next, ...common), { code: 1, err: /another shoal apply \(process \d+\)/ });
    rmSync(`${target}.apply`);
  });
});
