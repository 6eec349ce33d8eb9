/**
 * What tests of engines need: a real model file, a real image, pipelines of one line, a pool.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from '../../src/core/contracts.js';
import type { EngineAnswer, EngineJob } from '../../src/core/job.js';
import { type Model, modelRef } from '../../src/core/model.js';
import type { PipelineSpec, StageSpec } from '../../src/core/pipeline.js';
import { addModel } from '../../src/engine/add-model.js';
import { Costs } from '../../src/engine/costs.js';
import { type EngineOptions, engineOptions } from '../../src/engine/options.js';
import { EnginePool, type PoolSetup } from '../../src/engine/pool.js';
import { runJob } from '../../src/engine/run-job.js';
import { Sessions } from '../../src/engine/sessions.js';
import { testTasks } from './engine-tasks.js';

/** A white pixel, PNG. */
export const pixelPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII=',
  'base64',
);

export const entryOf = (file: string): string => fileURLToPath(new URL(`./${file}.js`, import.meta.url));

/** The addition model of the engine's self-test as an installed one; `name` lets a test have several. */
export function additionModel(name = 'addition', change: Partial<Model> = {}, bytes: Uint8Array = addModel): Model {
  const directory = mkdtempSync(path.join(tmpdir(), 'shoal-model-'));
  const file = path.join(directory, 'model.onnx');
  writeFileSync(file, bytes);
  const spec = (tensor: string) => ({ name: tensor, dtype: 'float32', shape: [2] }) as const;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    name,
    version: '1',
    task: 'add',
    title: name,
    licence: 'Apache-2.0',
    source: 'test',
    directory,
    inputs: [spec('a'), spec('b')],
    outputs: [spec('c')],
    params: {},
    labels: [],
    variants: [{ name: 'fp32', path: file, sha256, bytes: bytes.length }],
    ...change,
  };
}

export const model = additionModel();

export function stage(task: string, options: Record<string, unknown> = {}, more: Partial<StageSpec> = {}): StageSpec {
  return { as: task, task, model: modelRef(model), variant: 'fp32', options, ...more };
}

export function pipeline(name: string, stages: readonly StageSpec[], more: Partial<PipelineSpec> = {}): PipelineSpec {
  return {
    name,
    from: [],
    reads: ['image'],
    stages,
    budgetMs: null,
    hangMs: 30_000,
    priority: 5,
    report: { trace: 'full' },
    sinks: [],
    ...more,
  };
}

let captures = 0;

export function job(pipelines: readonly string[], more: Partial<EngineJob> = {}, bytes: Uint8Array = pixelPng): EngineJob {
  const id = `capture-${captures++}`;
  const header = {
    id,
    input: 'test',
    name: `${id}.png`,
    kind: 'image',
    mediaType: 'image/png',
    bytes: bytes.length,
    capturedAt: '2026-01-01T00:00:00.000Z',
    clockSynced: true,
    boot: 1,
    seq: captures,
  } as const;
  return { header, content: { bytes }, pipelines, solo: false, hangMs: 30_000, ...more };
}

/** What a job needs to run in this process. */
export function tools(pipelines: readonly PipelineSpec[]) {
  const sessions = new Sessions({ models: [model], threads: 1, arena: false, maxMemoryBytes: 2 ** 30 });
  return {
    tasks: new Map(testTasks.map((task) => [task.name, task])),
    sessions,
    costs: new Costs(),
    pipelines: new Map(pipelines.map((each) => [each.name, each])),
  };
}

/** The pipelines on one capture, in this process. */
export const run = (pipelines: readonly PipelineSpec[], more: Partial<EngineJob> = {}, bytes?: Uint8Array) =>
  runJob(
    job(
      pipelines.map((each) => each.name),
      more,
      bytes,
    ),
    tools(pipelines),
  );

export function setup(
  surroundings: Surroundings,
  pipelines: readonly PipelineSpec[],
  options: Partial<EngineOptions> = {},
  more: Partial<PoolSetup> = {},
): PoolSetup {
  return {
    options: { ...engineOptions.parse({ count: 1 }), ...options },
    pipelines,
    models: [model],
    surroundings,
    entry: entryOf('engine-entry'),
    ...more,
  };
}

export async function until(condition: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; ) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`gave up waiting: ${what}`);
}

export class Lab extends EnginePool {
  async freeFor(solo = false): Promise<void> {
    await until(() => this.free(solo), 'an engine is free');
  }

  /** Runs when an engine is free; settles as `run` does. */
  async submit(each: EngineJob): Promise<EngineAnswer> {
    await this.freeFor(each.solo);
    return this.run(each);
  }
}

/** Whether a process is there and no zombie. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
