/**
 * Three ways from readings on MQTT to "the mean of these 20 is above 50" on MQTT, each in processes of its own on the same broker.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/support/brokers.js';
import { startDaemon } from './bench-daemon.js';
import { windowSamples } from './sensor-traffic.js';

export interface Flow {
  readonly name: 'shoal' | 'node-red' | 'mqtt.js';
  /** Of the process whose CPU counts: the core, for shoal. */
  readonly pid: number;
  /** Of its engines. */
  engines(): readonly number[];
  /** The topics of its answers, and where in one the time of the last reading stands. */
  readonly answers: string;
  timeOf(payload: Buffer): number;
  stop(): Promise<void>;
}

const timeInside = (payload: Buffer): number => (JSON.parse(payload.toString()) as { t: number }).t;

export async function bareFlow(url: string): Promise<Flow> {
  const child = fork(fileURLToPath(new URL('./sensors-bare-child.js', import.meta.url)), [url]);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the plain loop ended with exit code ${code}`)));
  });
  return {
    name: 'mqtt.js',
    pid: child.pid ?? 0,
    engines: () => [],
    answers: 'out/#',
    timeOf: timeInside,
    stop: () => ended(child, () => child.disconnect()),
  };
}

/** `modules` is the folder that Node-RED is installed in, `folder` one of its own. */
export async function nodeRedFlow(url: string, modules: string, folder: string): Promise<Flow> {
  const { hostname, port } = new URL(url);
  const home = join(folder, 'node-red');
  mkdirSync(home, { recursive: true });
  const quiet = {
    telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: 'warn', metrics: false, audit: false } },
  };
  const settings = { flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: await freePort(), credentialSecret: false, ...quiet };
  writeFileSync(join(home, 'settings.js'), `module.exports = ${JSON.stringify(settings)};`);
  writeFileSync(join(home, 'package.json'), '{"name":"flows","version":"0.0.1","private":true}');
  const decide = `
    const windows = context.get('windows') || {};
    const { sensor, value, t } = msg.payload;
    const window = windows[sensor] || (windows[sensor] = []);
    window.push(value);
    context.set('windows', windows);
    if (window.length < ${windowSamples}) return null;
    const mean = window.reduce((sum, each) => sum + each, 0) / window.length;
    window.length = 0;
    if (mean <= 50) return null;
    return { topic: 'out/' + sensor, payload: { sensor, mean, t } };`;
  const broker = {
    id: 'broker',
    type: 'mqtt-broker',
    broker: hostname,
    port,
    clientid: '',
    autoConnect: true,
    usetls: false,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: true,
  };
  const nodes = [
    { id: 'flow', type: 'tab', label: 'flow' },
    broker,
    {
      z: 'flow',
      x: 200,
      y: 100,
      id: 'n1',
      type: 'mqtt in',
      topic: 'in/#',
      qos: '0',
      datatype: 'utf8',
      broker: 'broker',
      inputs: 0,
      wires: [['n2']],
    },
    { z: 'flow', x: 400, y: 100, id: 'n2', type: 'json', property: 'payload', action: 'obj', wires: [['n3']] },
    { z: 'flow', x: 600, y: 100, id: 'n3', type: 'function', outputs: 1, func: decide, wires: [['n4']] },
    { z: 'flow', x: 800, y: 100, id: 'n4', type: 'mqtt out', topic: '', qos: '0', retain: 'false', broker: 'broker', wires: [] },
  ];
  writeFileSync(join(home, 'flows.json'), JSON.stringify(nodes));
  const script = join(modules, 'node_modules/node-red/red.js');
  const env = { ...process.env, NODE_ENV: 'production' };
  const child = spawn(process.execPath, [script, '-u', home, '-s', join(home, 'settings.js')], { stdio: 'ignore', env });
  return {
    name: 'node-red',
    pid: child.pid ?? 0,
    engines: () => [],
    answers: 'out/#',
    timeOf: timeInside,
    stop: () => ended(child, () => child.kill('SIGTERM')),
  };
}

/** The built daemon; what it says goes to the same broker. */
export async function shoalFlow(url: string, folder: string): Promise<Flow> {
  const daemon = await startDaemon(folder, {
    connections: { broker: { type: 'mqtt', url } },
    inputs: {
      sensors: {
        type: 'mqtt',
        connection: 'broker',
        topics: ['in/#'],
        payload: 'json',
        fields: { value: 'value' },
        time: 't',
        window: { samples: windowSamples },
        when_full: 'block',
      },
    },
    pipelines: {
      level: {
        from: ['sensors'],
        stages: [{ task: 'measure-series', as: 'level' }],
        report: { when: 'level.exists(c, c.values.mean > 50.0)' },
      },
    },
    sinks: { out: { type: 'mqtt', connection: 'broker' } },
    engine: { count: 1 },
    store: {},
  });
  const timeOf = (payload: Buffer): number => Date.parse((JSON.parse(payload.toString()) as { captured_at: string }).captured_at);
  const { pid, engines, stop } = daemon;
  return { name: 'shoal', pid, engines, answers: 'shoal/bench/result/#', timeOf, stop };
}

async function ended(child: ChildProcess, end: () => void): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  end();
  await gone;
}
