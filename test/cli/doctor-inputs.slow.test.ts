/**
 * `shoal doctor --inputs` on real inputs: commands, trees of sysfs, folders, devices that are not there; and beside a daemon that has them.
 */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { test } from 'tap';
import { standardDefaults } from '../../src/cli/command-context.js';
import { type DoctorContext, doctorCommand } from '../../src/cli/doctor.js';
import { runProgram } from '../../src/cli/program.js';
import { httpOptions } from '../../src/http/http-options.js';
import { createHttpServer } from '../../src/http/http-server.js';
import { createLog } from '../../src/ops/log.js';
import { PromMetrics } from '../../src/ops/metrics.js';
import { parts } from '../../src/parts.js';
import { skipWithoutMosquitto, startMosquitto } from '../support/brokers.js';
import { FakeSysfs } from '../support/fake-sysfs.js';
import { keepsOne } from '../support/keeps-one.js';
import { until } from '../support/until.js';

function configured(
  inputs: Record<string, object>,
  connections: Record<string, object> = {},
): { config: string; runDir: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  const config = join(folder, 'shoal.yaml');
  const runDir = join(folder, 'run');
  mkdirSync(runDir);
  const file = {
    version: 1,
    paths: { run_dir: runDir, state_dir: join(folder, 'state') },
    sinks: { out: { type: 'file', path: join(folder, 'out.ndjson') } },
    connections,
    inputs,
    pipelines: { p: { from: Object.keys(inputs), stages: [{ task: 'identify-file' }] } },
  };
  writeFileSync(config, JSON.stringify(file));
  return { config, runDir, folder };
}

async function doctor(config: string, ...more: string[]) {
  let out = '';
  let err = '';
  const context: DoctorContext & { parts: typeof parts } = {
    parts,
    defaults: standardDefaults,
    version: '0.1.0',
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    probeRuntime: async () => ({ ok: true, ms: 1 }),
  };
  const code = await runProgram(['doctor', '--inputs', '--json', '-c', config, ...more], [doctorCommand], context);
  const checks =
    out === '' ? [] : (JSON.parse(out) as { checks: { check: string; state: string; found: string; advice?: string }[] }).checks;
  return { code, err, of: (name: string) => checks.find(({ check }) => check === `input ${name}`) };
}

test('each input says what it saw, or what to do', async (t) => {
  const tree = new FakeSysfs();
  tree.add('class/hwmon/hwmon0', 'i2c-1/1-0040/hwmon0', { name: 'ina226', in1_input: 12_034, curr1_input: 1500 });
  const inbox = mkdtempSync(join(tmpdir(), 'inbox-'));
  writeFileSync(join(inbox, 'a.png'), 'a');
  writeFileSync(join(inbox, 'b.part'), 'b');
  const silent = ['sh', '-c', 'sleep 1000'];
  const { config } = configured({
    power: { type: 'hwmon', root: tree.root, device: 'ina226', rate_hz: 20, window: { samples: 2 } },
    chip: { type: 'hwmon', root: tree.root, device: 'nct6775' },
    words: { type: 'exec', command: ['sh', '-c', 'echo hello "\u001b[2J"; sleep 1000'] },
    sound: { type: 'exec', command: ['cat', '/dev/zero'], format: 'pcm', rate_hz: 8000, window: { length_ms: 500 } },
    picture: { type: 'exec', command: ['cat', '/dev/zero'], format: 'pixels', width: 8, height: 8 },
    broken: { type: 'exec', command: ['sh', '-c', 'echo "no card" >&2; exit 1'] },
    silent: { type: 'exec', command: silent },
    misfit: { type: 'exec', command: ['sh', '-c', 'echo a; echo b; sleep 1000'], format: 'csv', fields: ['x'] },
    long: {
      type: 'exec',
      command: ['sh', '-c', 'while :; do echo 1; sleep 0.05; done'],
      format: 'csv',
      fields: ['x'],
      window: { samples: 999 },
    },
    line: { type: 'serial', path: '/dev/no-such-line' },
    inbox: { type: 'folder', path: inbox },
    gone: { type: 'folder', path: '/nonexistent/inbox' },
    brought: { type: 'http' },
  });
  const { code, err, of } = await doctor(config, '--wait', '2');
  t.equal(code, 1, err);
  t.match(of('power'), { state: 'ok', found: 'hwmon, saw a window of 2 samples at 20 Hz, beginning with curr1 1.5, in1 12.034' });
  t.match(of('chip'), { state: 'fail', advice: 'there is no hwmon chip nct6775; there are: ina226' });
  t.match(of('words'), { state: 'ok', found: 'exec, saw a text: "hello \\u001b[2J"' });
  t.match(of('sound'), { state: 'ok', found: 'exec, saw 0.50 s of sound, 1 channel at 8000 Hz' });
  t.match(of('picture'), { state: 'ok', found: /^exec, saw a TIFF image, \d+ bytes, "8 x 8 pixels"$/ });
  t.match(of('broken'), { state: 'fail', advice: 'sh ended with code 1: no card' });
  t.match(of('silent'), { state: 'warn', found: 'exec, no capture within 2 s', advice: /says nothing \(no line yet\)/ });
  t.match(of('misfit'), { state: 'warn', advice: /^2 pieces came, none fits \(no_number\): / });
  t.match(of('long'), { state: 'warn', advice: /^It speaks: .*--wait/ });
  t.match(of('line'), { state: 'fail', advice: /^there is no \/dev\/no-such-line; / });
  t.match(of('inbox'), { state: 'ok', found: `folder, 1 waiting in ${inbox}; none is taken by looking` });
  t.same(readdirSync(inbox).sort(), ['a.png', 'b.part'], 'nothing was touched');
  t.match(of('brought'), { state: 'ok', found: 'http, not tried: others bring its captures' });
  t.match(of('gone'), { state: 'fail', advice: /^the folder is gone/ });
});

test('an input on a connection hears through one of its own, which leaves nothing at the broker', {
  skip: skipWithoutMosquitto,
}, async (t) => {
  const broker = await startMosquitto({ dir: mkdtempSync(join(tmpdir(), 'mosquitto-')) });
  t.teardown(() => broker.stop());
  const voice = await mqtt.connectAsync(broker.url);
  t.teardown(() => voice.endAsync(true));
  await voice.publishAsync('level/1', '4.5', { qos: 1, retain: true });
  const { config } = configured(
    {
      level: { type: 'mqtt', connection: 'lan', topics: ['level/+'], payload: 'number' },
      nobody: { type: 'mqtt', connection: 'lan', topics: ['levle/+'], payload: 'number' },
      lists: { type: 'mqtt', connection: 'lan', topics: ['level/+'] },
    },
    { lan: { type: 'mqtt', url: broker.url } },
  );
  const { of } = await doctor(config, '--wait', '2');
  t.match(of('level'), { state: 'ok', found: /^mqtt, saw / });
  t.match(of('nobody'), { state: 'warn', advice: /^No message within 2 s: is the topic right/ });
  t.match(of('lists'), { state: 'warn', advice: /^1 piece came, none fits \(no_object\): / });
  const kept: string[] = [];
  voice.on('message', (topic) => kept.push(topic));
  await voice.subscribeAsync('#', { qos: 1 });
  await until('what is kept came', () => kept.length > 0);
  t.same(kept, ['level/1']);
  await broker.stop();
  t.match((await doctor(config, '--wait', '2')).of('level'), { state: 'warn', advice: /is away/ });
});

test('what a running daemon has is not touched, it is asked', async (t) => {
  const { config, runDir, folder } = configured({
    cable: { type: 'exec', command: ['sh', '-c', `touch ${'$'}0; sleep 1000`, 'touched'] },
    well: { type: 'exec', command: ['true'] },
    fresh: { type: 'exec', command: ['echo', 'not taken up yet'] },
  });
  const told = [
    { part: 'input:cable', state: 'down', reason: 'the cable is out', for_s: 7 },
    { part: 'input:well', state: 'ok', for_s: 60 },
  ];
  const never = async () => {
    throw new Error('nobody asks for this');
  };
  const server = createHttpServer(httpOptions.parse({ enabled: false }), {
    socketPath: join(runDir, 'shoal.sock'),
    log: createLog({ level: 'error', format: 'text' }),
    state: { set: () => {}, progress: () => {} },
    health: { report: () => ({ live: true, ready: true, reasons: [] }) },
    config: { config_hash: 'x', config_files: 'y' },
    variants: () => ({}),
    metrics: new PromMetrics(),
    store: { results: never, explain: never, quarantined: never },
    status: () => ({ inputs: told }),
    intakes: { find: () => null, names: [] },
    ...keepsOne,
  });
  await server.start();
  t.teardown(() => server.stop());
  const { code, of } = await doctor(config, '--wait', '2');
  t.equal(code, 1);
  t.match(of('cable'), { state: 'fail', found: 'exec, the daemon has it: down for 7 s', advice: 'the cable is out' });
  t.match(of('well'), { state: 'ok', found: 'exec, the daemon has it: ok for 60 s' });
  t.match(of('fresh'), { state: 'ok', found: /not taken up yet/ });
  t.notOk(readdirSync(folder).includes('touched'));
});

test('a bad configuration is explained, a bad time refused', async (t) => {
  const { config } = configured({ x: { type: 'exec', command: ['true'], formt: 'csv' } });
  t.match(await doctor(config), { code: 78, err: /inputs\.x\.formt +unknown option +did you mean/ });
  t.match(await doctor(config, '--wait', '0'), { code: 2, err: /1 \.\. 3600/ });
});
