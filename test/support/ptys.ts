/**
 * A serial line for tests: two pseudo-terminals back to back, by socat. What is written to `far` comes out of `near`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { until } from './until.js';

export class SerialCable {
  readonly near: string;
  readonly #far: string;
  #socat: ChildProcess | null = null;
  #fd: number | null = null;

  constructor(folder: string) {
    this.near = `${folder}/near`;
    this.#far = `${folder}/far`;
  }

  async plug(): Promise<void> {
    const end = (link: string) => `pty,rawer,link=${link}`;
    this.#socat = spawn('socat', [end(this.near), end(this.#far)], { stdio: 'ignore' });
    await until('the cable is plugged in', () => existsSync(this.near) && existsSync(this.#far));
    // Not as our terminal, whose end would be ours.
    this.#fd = openSync(this.#far, constants.O_RDWR | constants.O_NOCTTY);
  }

  /** What the device says. */
  say(bytes: string | Uint8Array): void {
    if (this.#fd === null) throw new Error('the cable is not plugged in');
    writeSync(this.#fd, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
  }

  async unplug(): Promise<void> {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    const socat = this.#socat;
    if (socat === null) return;
    this.#socat = null;
    const gone = new Promise((resolve) => socat.once('exit', resolve));
    socat.kill();
    await gone;
    await until('the cable is out', () => !existsSync(this.near));
  }
}
