/**
 * `shoal demo`: the main job on bundled models and samples, in a folder of its own that is removed at the end.
 *
 * Starts the daemon as its own process with the embedded broker, drops the samples into its inbox, and prints, as an ordinary
 * MQTT subscriber, each result as it arrives. With `--once` it ends when all are delivered: 0, or 1 when that did not happen.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { subscribe } from '../mqtt/subscribe.js';
import type { CommandContext, Output } from './command-context.js';
import { Exit, exitCodes } from './exit.js';
import { resultText, type ShownResult } from './result-text.js';

const samplesFolder = fileURLToPath(new URL('../../../samples', import.meta.url));
const launcher = fileURLToPath(new URL('../../../bin/shoal', import.meta.url));

/** Models load and run on boards much slower than a desk machine. */
const patienceMs = 180_000;

/** Which pipelines answer for a sample, by the end of its name. */
const pipelinesFor = (name: string) => (name.endsWith('.wav') ? ['speech'] : ['signs', 'faces']);

export function demoCommand(context: CommandContext): Command {
  return new Command('demo')
    .description('show the daemon at work on bundled models and samples, with an embedded broker')
    .option('--once', 'end when every sample is delivered (exit code 0), instead of staying until Ctrl-C')
    .action(async ({ once }: { once?: true }) => {
      const folder = await mkdtemp(join(tmpdir(), 'shoal-demo-'));
      const demo = new Demo(folder, context.stdout);
      try {
        const delivered = await demo.run();
        if (!once && delivered) await demo.stay();
        if (!delivered) throw new Exit(exitCodes.failed);
      } finally {
        await demo.stop();
        await rm(folder, { recursive: true, force: true });
      }
    });
}

class Demo {
  readonly #folder: string;
  readonly #out: Output;
  readonly #interrupted: Promise<'interrupted'>;
  #daemon: ChildProcess | undefined;
  #unsubscribe: (() => Promise<void>) | undefined;
  #url = '';

  constructor(folder: string, out: Output) {
    this.#folder = folder;
    this.#out = out;
    this.#interrupted = new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'));
    });
  }

  /** Whether every sample was delivered. */
  async run(): Promise<boolean> {
    const [broker, http] = [await freePort(), await freePort()];
    this.#url = `http://127.0.0.1:${http}/healthz`;
    const config = join(this.#folder, 'shoal.yaml');
    await mkdir(join(this.#folder, 'inbox'));
    await writeFile(config, configuration(this.#folder, broker, http));
    this.#say('Starting the daemon with bundled models and an embedded MQTT broker ...');
    this.#daemon = spawn(launcher, ['run', '--config', config], { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const samples = (await readdir(samplesFolder)).filter((name) => /\.(png|jpe?g|wav)$/.test(name)).sort();
    const missing = new Set(samples.flatMap((name) => pipelinesFor(name).map((pipeline) => `${name} ${pipeline}`)));
    const all = new Promise<'delivered'>((resolve) => {
      const watch = subscribeWhenUp(`mqtt://127.0.0.1:${broker}`, (result) => {
        this.#say(`${resultText(result)}\n`);
        missing.delete(`${result.capture.name} ${result.pipeline}`);
        if (missing.size === 0) resolve('delivered');
      });
      watch.then(
        async (stop) => {
          this.#unsubscribe = stop;
          this.#say(`Subscribed to shoal/demo/result/# and dropping ${samples.length} samples into ${this.#folder}/inbox\n`);
          for (const name of samples) await drop(join(samplesFolder, name), join(this.#folder, 'inbox'), name);
        },
        (error: unknown) => this.#say(`The broker did not answer: ${String(error)}`),
      );
    });
    const gone = new Promise<'gone'>((resolve) => this.#daemon?.once('exit', () => resolve('gone')));
    const tooLate = sleep(patienceMs, 'too late' as const, { ref: false });
    const ending = await Promise.race([all, gone, tooLate, this.#interrupted]);
    if (ending === 'delivered') this.#say(`All ${samples.length} samples were delivered.`);
    else this.#say(`${ending}: not delivered: ${[...missing].join(', ')}`);
    return ending === 'delivered';
  }

  async stay(): Promise<void> {
    this.#say(`The daemon stays up: drop files into ${this.#folder}/inbox, look at ${this.#url}\nCtrl-C ends it.`);
    await this.#interrupted;
  }

  async stop(): Promise<void> {
    await this.#unsubscribe?.().catch(() => {});
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await gone;
  }

  #say(text: string): void {
    this.#out.write(`${text}\n`);
  }
}

async function subscribeWhenUp(url: string, onResult: (result: ShownResult) => void): Promise<() => Promise<void>> {
  const began = performance.now();
  for (;;) {
    try {
      const subscription = await subscribe(url, 'shoal/demo/result/#', 2000, (_topic, payload) => {
        onResult(JSON.parse(Buffer.from(payload).toString()) as ShownResult);
      });
      return () => subscription.stop();
    } catch (error) {
      if (performance.now() - began > patienceMs) throw error;
      await sleep(200);
    }
  }
}

/** A file appears in an inbox whole: written beside it, then renamed into place. */
async function drop(from: string, inbox: string, name: string): Promise<void> {
  const beside = join(inbox, `.${name}.part`);
  await copyFile(from, beside);
  await rename(beside, join(inbox, name));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}

function configuration(folder: string, broker: number, http: number): string {
  return `version: 1
device: { id: demo, name: Demonstration }
paths: { state_dir: ${folder}/state, run_dir: ${folder}/run }
log: { level: warn, format: text }
http: { port: ${http} }
connections:
  local: { type: mqtt, url: "embedded:${broker}" }
sinks:
  local: { type: mqtt, connection: local }
inputs:
  inbox: { type: folder, path: ${folder}/inbox }
pipelines:
  signs:
    from: [inbox]
    stages:
      - { task: detect-text, as: regions }
      - { each: regions, task: classify-orientation, as: upright }
      - { each: upright, task: read-text, as: lines }
  faces:
    from: [inbox]
    stages: [{ task: detect-faces, as: faces }]
  speech:
    from: [inbox]
    stages: [{ task: detect-speech, as: speech }]
`;
}
