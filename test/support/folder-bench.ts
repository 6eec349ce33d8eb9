/**
 * An inbox on a real disk with a ledger and a corridor that the test holds; all of it goes with the test.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Input } from '../../src/core/contracts.js';
import { type FolderOptions, folderOptions } from '../../src/inputs/folder/options.js';
import { folderInput } from '../../src/inputs/folder.js';
import { HeldCorridor } from '../contracts/input-contract.js';
import { FileLedger } from './file-ledger.js';
import { noConnection, type TestSurroundings, testSurroundings } from './surroundings.js';

export const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

export interface Bench {
  readonly dir: string;
  readonly inbox: string;
  readonly ledger: FileLedger;
  readonly corridor: HeldCorridor;
  readonly around: TestSurroundings;
  put(name: string | Buffer, content?: Buffer | string): void;
  start(options?: Partial<FolderOptions>, boot?: number): Promise<Input>;
  list(place?: string): string[];
  reason(start: string): string;
}

let seq = 0;

/** Rises over all inputs of a test, as the daemon's does. */
export const nextSeq = (): number => ++seq;

export function bench(t: Test): Bench {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-folder-'));
  const inbox = join(dir, 'inbox');
  const ledger = new FileLedger(join(dir, 'ledger'));
  const corridor = new HeldCorridor(ledger);
  const around = testSurroundings();
  const inputs: Input[] = [];
  mkdirSync(inbox);
  t.teardown(async () => {
    for (const input of inputs) await input.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const list = (place = '') => (existsSync(join(inbox, place)) ? readdirSync(join(inbox, place)).sort() : []);
  return {
    dir,
    inbox,
    ledger,
    corridor,
    around,
    list,
    put: (name, content = png) => writeFileSync(Buffer.concat([Buffer.from(`${inbox}/`), Buffer.from(name)]), content),
    reason: (start) => {
      const file = list('failed').find((name) => name.startsWith(start) && name.endsWith('.reason.txt'));
      return file === undefined ? '' : readFileSync(join(inbox, 'failed', file), 'utf8');
    },
    start: async (options = {}, boot = 1) => {
      const parsed = folderOptions.parse({ path: inbox, settle_ms: 20, rescan_ms: 200, ...options });
      const input = folderInput.create('inbox', parsed, { ...around, boot, ledger, nextSeq, connection: noConnection });
      inputs.push(input);
      await input.start(corridor.offer);
      return input;
    },
  };
}

export const remaining = (inbox: string) =>
  readdirSync(inbox, { withFileTypes: true }).filter((entry) => !['done', 'failed', 'work'].includes(entry.name));
export const workOf = (inbox: string) => (existsSync(join(inbox, 'work')) ? readdirSync(join(inbox, 'work')) : []);

/** Why no filesystem can be mounted here; false when one can. */
export function cannotMount(): string | false {
  const probe = mkdtempSync(join(tmpdir(), 'shoal-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe]);
    return false;
  } catch {
    return '1 skipped: needs to mount a filesystem';
  } finally {
    rmSync(probe, { recursive: true });
  }
}
