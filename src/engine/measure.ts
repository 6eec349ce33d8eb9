/**
 * Measures models in processes of their own, seen from the core: several at once begin together.
 *
 * Guarantees: whatever the native code does (abort, SIGILL, hang), the caller lives and gets a reason; no process outlives the call.
 */

import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Log } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { StderrTail } from '../core/stderr-tail.js';
import { type FromMeasure, fromMeasure, type Measurement, type MeasureRequest, type ToMeasure } from './measure-protocol.js';
import { spawnEngine } from './spawn.js';

const entry = fileURLToPath(new URL('./measure-main.js', import.meta.url));

/** One process a request. Rejects with ENGINE_UNAVAILABLE, naming the reason, when one of them fails; the others are ended then. */
export async function measureTogether(requests: readonly MeasureRequest[], log: Log): Promise<readonly Measurement[]> {
  const processes = requests.map((request) => new MeasureProcess(request, log));
  try {
    await Promise.all(processes.map((each) => each.opened()));
    return await Promise.all(processes.map((each) => each.measured()));
  } finally {
    for (const each of processes) each.end();
  }
}

class MeasureProcess {
  readonly #request: MeasureRequest;
  readonly #log: Log;
  readonly #stderr: StderrTail;
  #child: ChildProcess | undefined;
  #ended = false;

  constructor(request: MeasureRequest, log: Log) {
    this.#request = request;
    this.#log = log;
    this.#stderr = new StderrTail(log);
  }

  async opened(): Promise<void> {
    const child = await spawnEngine(entry, this.#log);
    this.#child = child;
    if (this.#ended) child.kill('SIGKILL');
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#stderr.push(chunk));
    const reply = await this.#ask({ type: 'measure', request: this.#request });
    if (reply.type !== 'opened') throw this.#failure(reply.type === 'failed' ? reply.reason : `it said ${reply.type} before it was asked`);
  }

  async measured(): Promise<Measurement> {
    const reply = await this.#ask({ type: 'go' });
    if (reply.type === 'measured') return reply.measurement;
    throw this.#failure(reply.type === 'failed' ? reply.reason : `it said ${reply.type} twice`);
  }

  end(): void {
    this.#ended = true;
    this.#child?.kill('SIGKILL');
  }

  /** Its next word. */
  #ask(message: ToMeasure): Promise<FromMeasure> {
    const child = this.#child;
    if (child === undefined) return Promise.reject(this.#failure('it was not started'));
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        child.removeAllListeners('message').removeAllListeners('exit').removeAllListeners('error');
        child.on('error', () => {});
        act();
      };
      const fail = (why: string): void => settle(() => reject(this.#failure(why)));
      const timer = setTimeout(() => fail(`it did not answer within ${limits.tuneMeasureMs / 1000} s`), limits.tuneMeasureMs);
      child.on('exit', (code, signal) => fail(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`));
      child.on('error', (error) => fail(`it cannot be started: ${reasonOf(error)}`));
      child.on('message', (said) => {
        const reply = fromMeasure.safeParse(said);
        if (reply.success) settle(() => resolve(reply.data));
        else fail(`its answer is not of the agreed form: ${reply.error.issues[0]?.message ?? 'unknown'}`);
      });
      child.send(message, (error) => {
        if (error !== null) fail(`nothing can be sent to it: ${reasonOf(error)}`);
      });
    });
  }

  #failure(why: string): ShoalError {
    const said = this.#stderr.text();
    const { model, variants } = this.#request;
    return new ShoalError(
      'ENGINE_UNAVAILABLE',
      `${model.name} (${variants.join(', ')}) cannot be measured: ${why}${said === '' ? '' : `; it said: ${said}`}`,
    );
  }
}
