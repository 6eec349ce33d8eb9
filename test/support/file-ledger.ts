/**
 * A ledger in one append-only file, each line synced: what a test's corridor has committed survives SIGKILL, and the
 * whole history can be judged afterwards.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Ledger } from '../../src/core/contracts.js';
import type { SettledOutcome } from '../../src/core/receipt.js';

export class FileLedger implements Ledger {
  readonly #file: number;
  readonly #known = new Map<string, readonly SettledOutcome[]>();
  /** Every commit ever made, in order: id and name. */
  readonly commits: { id: string; name: string }[] = [];
  readonly closed: string[] = [];

  constructor(path: string) {
    for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) this.#take(line);
    this.#file = openSync(path, 'a');
  }

  #take(line: string): void {
    const [verb, id = '', ...name] = line.split(' ');
    if (verb === 'commit') {
      this.commits.push({ id, name: name.join(' ') });
      this.#known.set(id, [{ pipeline: 'p', outcome: 'published' }]);
    }
    if (verb === 'outcomes') this.#known.set(id, JSON.parse(name.join(' ')));
    if (verb === 'close') {
      this.closed.push(id);
      this.#known.delete(id);
    }
  }

  #write(lines: readonly string[]): void {
    writeSync(this.#file, lines.map((line) => `${line}\n`).join(''));
    fsyncSync(this.#file);
    for (const line of lines) this.#take(line);
  }

  commit(id: string, name: string, outcomes?: readonly SettledOutcome[]): void {
    this.#write([`commit ${id} ${name}`, ...(outcomes === undefined ? [] : [`outcomes ${id} ${JSON.stringify(outcomes)}`])]);
  }

  async settled(ids: readonly string[]): Promise<ReadonlyMap<string, readonly SettledOutcome[]>> {
    return new Map([...this.#known].filter(([id]) => ids.includes(id)));
  }

  async close(ids: readonly string[]): Promise<void> {
    this.#write(ids.map((id) => `close ${id}`));
  }

  /** Committed and not closed. */
  get open(): ReadonlySet<string> {
    return new Set(this.#known.keys());
  }

  release(): void {
    closeSync(this.#file);
  }
}
