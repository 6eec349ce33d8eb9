/**
 * The built daemon as an operator runs it, in a scratch folder of its own: started, asked over its socket, killed, started again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bareSpawn } from './bare-spawn.js';
import { childrenOf, commandOf, isAlive, kill, withHome } from './processes.js';

/** A configuration but for its version and paths. */
export type ConfigBody = Readonly<Record<string, unknown>>;

export class Scratch {
  /** Short: a unix socket's path has room for a hundred bytes. */
  readonly dir = mkdtempSync(join(tmpdir(), 'shoal-'));
  readonly inbox = join(this.dir, 'inbox');
  readonly config = join(this.dir, 'shoal.yaml');
  readonly socket = join(this.dir, 'run', 'shoal.sock');
  readonly log = join(this.dir, 'daemon.log');
  /** Where files are made that are then renamed into the inbox. */
  readonly outside = join(this.dir, 'outside');

  constructor() {
    for (const folder of [this.inbox, this.outside]) mkdirSync(folder, { recursive: true });
  }

  configure(body: ConfigBody): void {
    const paths = { state_dir: join(this.dir, 'state'), run_dir: join(this.dir, 'run') };
    // JSON is YAML.
    writeFileSync(
      this.config,
      JSON.stringify({ version: 1, paths, http: { enabled: false }, log: { level: 'info', format: 'json' }, ...body }),
    );
  }

  /** Names of the files in the inbox, or in one of its folders; none where it does not exist. */
  files(place: '.' | 'work' | 'failed' = '.'): string[] {
    try {
      return readdirSync(join(this.inbox, place), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
    } catch {
      return [];
    }
  }

  get hasLastGood(): boolean {
    return existsSync(join(this.dir, 'state', 'last-good', 'current'));
  }

  lastWords(): string {
    try {
      return readFileSync(this.log, 'utf8').split('\n').slice(-40).join('\n');
    } catch {
      return '(no log)';
    }
  }

  /** Ends whatever was started in it, and removes it. */
  async remove(): Promise<void> {
    for (let left = withHome(this.dir); left.length > 0; left = withHome(this.dir)) {
      for (const pid of left) kill(pid);
      await sleep(20);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export class DaemonProcess {
  readonly startedAtMs = performance.now();
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #scratch: Scratch;
  readonly #child: ChildProcess;

  /** `entry`: a compiled module that runs a daemon of its own making; otherwise the product is started by its launcher. */
  constructor(scratch: Scratch, entry?: string) {
    bareSpawn();
    this.#scratch = scratch;
    const [command, ...rest] = entry === undefined ? [resolve('bin/shoal'), 'run'] : [process.execPath, entry];
    const log = openSync(scratch.log, 'a');
    this.#child = spawn(command ?? '', [...rest, '--config', scratch.config], {
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH, HOME: scratch.dir, LANG: 'C.UTF-8' },
    });
    closeSync(log);
    this.exited = new Promise((done) => this.#child.once('exit', (code, signal) => done({ code, signal })));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get alive(): boolean {
    return isAlive(this.pid);
  }

  /** Process ids of its engines, from the process tree. */
  engines(): number[] {
    return childrenOf(this.pid).filter((pid) => isAlive(pid) && /engine\/main\.js/.test(commandOf(pid)));
  }

  /** True when it hit a living process. */
  async kill(): Promise<boolean> {
    const hit = this.alive && this.#child.kill('SIGKILL');
    const { signal } = await this.exited;
    return hit && signal === 'SIGKILL';
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  ask(path: string, method: 'GET' | 'POST' = 'GET'): Promise<Answer> {
    return new Promise((done, reject) => {
      const asked = request({ socketPath: this.#scratch.socket, path, method, agent: false, timeout: 5000 }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => (text += piece));
        response.on('end', () => done({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      });
      asked.on('timeout', () => asked.destroy(new Error(`no answer to ${path}`)));
      asked.on('error', reject);
      asked.end();
    });
  }

  async json<Body>(path: string): Promise<Body> {
    return JSON.parse((await this.ask(path)).text) as Body;
  }

  /** Milliseconds from its start until /readyz said 200; throws with the end of its log when it never does, or null when it died. */
  async ready(withinMs = 30_000): Promise<number | null> {
    while (this.alive) {
      const answer = await this.ask('/readyz').catch(() => null);
      const passedMs = performance.now() - this.startedAtMs;
      if (answer?.status === 200) return passedMs;
      if (passedMs > withinMs)
        throw new Error(`not ready within ${withinMs} ms: ${answer?.text ?? 'no answer'}\n${this.#scratch.lastWords()}`);
      await sleep(20);
    }
    return null;
  }

  /** The value of a metric, summed over the series that have these labels; 0 where there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const lines = (await this.ask('/metrics')).text.split('\n');
    return lines
      .filter((line) => line.split(/[ {]/, 1)[0] === name && wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
