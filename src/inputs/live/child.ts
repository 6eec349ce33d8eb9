/**
 * A command that an input lives on: run for as long as the input runs, started again whenever it ends.
 *
 * Guarantees: it dies with the daemon, however the daemon dies (core/bound-child.ts), and on `stop` with its whole process group: asked by SIGTERM,
 * killed after `limits.childEndMs`; restarts back off with jitter from `limits.childRestartFirstMs` to `limits.childRestartMaxMs`, and are quick
 * again after it was well for `limits.childWellMs`; it sees PATH, HOME and LANG of the daemon's environment and what the plan gives, nothing else.
 * What it started in a group of its own is not ended, nor waited for once it is quiet. What it says on stderr is the reason of its end, in the plan's words where it knows them. Deliberately does not look at what it puts out.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../core/backoff.js';
import { boundCommand } from '../../core/bound-child.js';
import type { Clock, Log } from '../../core/contracts.js';
import { reasonOf } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { StderrTail } from '../../core/stderr-tail.js';

export interface ChildPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its stdin, which then ends: the way of a secret, which an argument would show to everybody. Without it there is no stdin. */
  readonly stdin?: string;
  /** Further flags of setpriv, where the system has it. */
  readonly setpriv?: readonly string[];
  readonly cwd?: string;
  /** The Debian package that holds the command, for whoever misses it. */
  readonly package?: string;
}

export interface ChildOptions {
  /** Asked anew before each start; what it rejects with counts as an end. */
  plan(): ChildPlan | Promise<ChildPlan>;
  /** Owns the bytes. Not called after `stop`. */
  onOutput(bytes: Buffer): void;
  onStart?(): void;
  /** It ended by itself, could not be started, or was restarted: why, for a person. */
  onEnd(reason: string): void;
  /** Turns its last words, or that it ended `well` (code 0) whatever it said, into what an operator can do about it; null where they are not known. */
  explain?(lastWords: string, well: boolean): string | null | Promise<string | null>;
  /** Each line of its stderr as it comes, at most `limits.childStderrLineChars` long. Not called after `stop`. */
  onWords?(line: string): void;
  /** What of a line may be told: without the secrets that a command repeats. Before it is logged, kept or given to anybody. */
  clean?(line: string): string;
}

export class Child {
  readonly #options: ChildOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #backoff = new Backoff({ firstMs: limits.childRestartFirstMs, maxMs: limits.childRestartMaxMs });
  #running: ChildProcess | null = null;
  #loop: Promise<void> | null = null;
  readonly #stopping = new AbortController();
  #why: string | null = null;

  constructor(options: ChildOptions, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  start(): void {
    if (this.#loop !== null || this.#stopping.signal.aborted) return;
    this.#loop = this.#run();
  }

  /** Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#end();
    await this.#loop;
  }

  /** Ends the one that runs, which is then started again. */
  restart(reason: string): void {
    this.#why = reason;
    this.#end();
  }

  /** Holds its output back, and through the full pipe the child itself. */
  pause(): void {
    this.#running?.stdout?.pause();
  }

  resume(): void {
    this.#running?.stdout?.resume();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const startedMs = this.#clock.monoMs();
      const reason = await this.#once();
      if (signal.aborted) return;
      if (this.#clock.monoMs() - startedMs >= limits.childWellMs) this.#backoff.reset();
      this.#options.onEnd(reason);
      await sleep(this.#backoff.next(), undefined, { signal }).catch(() => {});
    }
  }

  /** From start to end; answers why it ended. */
  async #once(): Promise<string> {
    this.#why = null;
    try {
      const plan = await this.#options.plan();
      await checkFolder(plan);
      const [command, args] = await boundCommand(plan.command, plan.args, plan.setpriv ?? []);
      if (this.#stopping.signal.aborted) return 'stopped';
      return await this.#live(plan, command, args);
    } catch (error) {
      return reasonOf(error);
    }
  }

  #live(plan: ChildPlan, command: string, args: readonly string[]): Promise<string> {
    const child = spawn(command, args, {
      detached: true,
      stdio: [plan.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...inherited(), ...plan.env },
      ...(plan.cwd === undefined ? {} : { cwd: plan.cwd }),
    });
    this.#running = child;
    const tail = new StderrTail(this.#log, {
      clean: (line) => this.#options.clean?.(line) ?? line,
      onLine: (line) => {
        if (!this.#stopping.signal.aborted) this.#options.onWords?.(line);
      },
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => tail.push(text));
    child.stdout?.on('data', (bytes: Buffer) => {
      if (!this.#stopping.signal.aborted) this.#options.onOutput(bytes);
    });
    // It may be gone before it has read what it was told.
    child.stdin?.on('error', () => {});
    child.stdin?.end(plan.stdin);
    return new Promise((resolve) => {
      child.once('spawn', () => this.#options.onStart?.());
      child.once('error', (error: NodeJS.ErrnoException) => {
        this.#running = null;
        resolve(error.code === 'ENOENT' ? missing(plan) : reasonOf(error));
      });
      child.once('exit', () => this.#letGo(child));
      child.once('close', (code, signal) => {
        this.#running = null;
        // A grandchild that outlived it would hold the device.
        killGroup(child, 'SIGKILL');
        resolve(this.#why ?? this.#reason(plan, code, signal, tail.text()));
      });
    });
  }

  async #reason(plan: ChildPlan, code: number | null, signal: string | null, lastWords: string): Promise<string> {
    // What setpriv says of a command that it cannot become; a shell may hold one more setpriv, of another command.
    if (code === 127 && /^setpriv: /.test(lastWords) && lastWords.split(/[\s:]+/).includes(plan.command)) return missing(plan);
    const known = lastWords === '' && code !== 0 ? null : ((await this.#options.explain?.(lastWords, code === 0)) ?? null);
    if (known !== null) return known;
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    return `${plan.command} ${how}${lastWords === '' ? '' : `: ${lastWords}`}`;
  }

  /** Closes the pipes of one that is gone when nothing more comes, though a grandchild in a group of its own holds them open. */
  #letGo(child: ChildProcess): void {
    const { stdout, stderr } = child;
    let quiet = false;
    const noise = (): void => {
      quiet = false;
    };
    stdout?.on('data', noise);
    const timer = setInterval(() => {
      // What is held back is still wanted.
      const wanted = stdout?.isPaused() === true || !quiet;
      quiet = stdout?.isPaused() !== true;
      if (wanted && !this.#stopping.signal.aborted && this.#why === null) return;
      stdout?.destroy();
      stderr?.destroy();
    }, limits.childQuietMs / 2);
    child.once('close', () => clearInterval(timer));
  }

  #end(): void {
    const child = this.#running;
    if (child === null) return;
    killGroup(child, 'SIGTERM');
    const timer = setTimeout(() => killGroup(child, 'SIGKILL'), limits.childEndMs);
    child.once('close', () => clearTimeout(timer));
    // A paused pipe would never close.
    child.stdout?.resume();
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}

/** A spawn in a folder that is not there fails as if the command were missing. */
async function checkFolder({ command, cwd }: ChildPlan): Promise<void> {
  if (cwd === undefined) return;
  const found = await stat(cwd).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === 'ENOENT' ? `there is no folder ${cwd} to run ${command} in: check cwd` : reasonOf(error));
  });
  if (!found.isDirectory()) throw new Error(`${cwd} is no folder to run ${command} in: check cwd`);
}

function missing({ command, package: from }: ChildPlan): string {
  return `there is no command ${command} here${from === undefined ? '' : `: install the package ${from}`}`;
}

function inherited(): NodeJS.ProcessEnv {
  const passed = ['PATH', 'HOME', 'LANG'].flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]]));
  return Object.fromEntries(passed);
}
