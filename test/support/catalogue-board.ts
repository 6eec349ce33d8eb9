/** A board for `shoal models`: a catalogue, a mirror on loopback, a configuration that names it, a state folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { bareSpawn } from './bare-spawn.js';
import { type Answer, bySha256, type HttpsFiles, startHttpsFiles } from './https-files.js';
import { runModels } from './models-run.js';
import { type EntryChange, putEntry, served } from './tiny-catalogue.js';

const child = fileURLToPath(new URL('./models-child.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Of stderr so far. */
  readonly said: () => string;
}

export interface Board {
  readonly dir: string;
  readonly mirror: HttpsFiles;
  readonly state: string;
  readonly config: string;
  readonly catalogue: string;
  /** Writes the configuration anew; `change` goes over it. */
  readonly configure: (change?: Record<string, unknown>) => void;
  /** `shoal models ARGUMENT... --config FILE` in a process of its own. */
  readonly start: (...argv: string[]) => Running;
  /** The same, in this one. */
  readonly models: (...argv: string[]) => Promise<Ended>;
  /** Everything in the folder that gets new models, hidden or not. */
  readonly installed: () => string[];
}

/** With a folder for `entry`, that is the catalogue; else one with that entry is made. */
export async function catalogueBoard(t: Test, entry: EntryChange | string = {}, answer: Answer = bySha256(served)): Promise<Board> {
  bareSpawn();
  const dir = mkdtempSync(path.join(tmpdir(), 'shoal-board-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const catalogue = typeof entry === 'string' ? entry : path.join(dir, 'catalogue');
  if (typeof entry !== 'string') putEntry(catalogue, entry);
  const mirror = await startHttpsFiles(t, answer);
  const state = path.join(dir, 'state');
  const config = path.join(dir, 'shoal.yaml');
  const configure = (change: Record<string, unknown> = {}): void => {
    const source = { url: `https://127.0.0.1:${mirror.port}/models`, allow_private: true, ca_file: mirror.caFile };
    const settings = {
      version: 1,
      paths: { state_dir: state, run_dir: path.join(dir, 'run') },
      models: { sources: [source], public: false },
      inputs: { inbox: { type: 'folder', path: path.join(dir, 'inbox') } },
      sinks: { out: { type: 'file', path: path.join(dir, 'out.ndjson') } },
      pipelines: { faces: { from: ['inbox'], stages: [{ task: 'detect-faces' }] } },
      ...change,
    };
    writeFileSync(config, JSON.stringify(settings), { mode: 0o644 });
  };
  configure();
  const start = (...argv: string[]): Running => {
    const started = spawn(process.execPath, [child, catalogue, ...argv, '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { out: '', err: '' };
    started.stdout.setEncoding('utf8').on('data', (piece: string) => (text.out += piece));
    started.stderr.setEncoding('utf8').on('data', (piece: string) => (text.err += piece));
    const ended = new Promise<Ended>((resolve) => started.once('close', (code, signal) => resolve({ code, signal, ...text })));
    t.teardown(() => started.kill('SIGKILL'));
    return { process: started, ended, said: () => text.err };
  };
  const models = async (...argv: string[]): Promise<Ended> => {
    const text = { out: '', err: '' };
    const out = { write: (piece: string) => (text.out += piece) };
    const err = { write: (piece: string) => (text.err += piece) };
    return { code: await runModels(catalogue, [...argv, '--config', config], out, err), signal: null, ...text };
  };
  const target = path.join(state, 'models');
  const installed = (): string[] => (existsSync(target) ? readdirSync(target, { recursive: true, encoding: 'utf8' }).sort() : []);
  return { dir, mirror, state, config, catalogue, configure, start, models, installed };
}
