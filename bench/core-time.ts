/**
 * What the core spends on one capture besides the store: routing, turn, budget, the engine's answer made into results with their traces.
 *
 * The schedule and the reporter are the daemon's; the engine's answer is a recording of a real one (two pipelines over a sample, conditions and a
 * second look), given back at once, and the store commits nothing: neither process nor disk is in the figure. One capture at a time; CPU time, since a busy machine
 * makes others wait for it.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Capture, CaptureHeader } from '../src/core/capture.js';
import type { Engines, Store } from '../src/core/contracts.js';
import { captureId } from '../src/core/id.js';
import type { EngineAnswer } from '../src/core/job.js';
import type { PipelineConfig } from '../src/core/pipeline.js';
import { Receipt } from '../src/core/receipt.js';
import { waitingRules } from '../src/core/waiting.js';
import { engineOptions } from '../src/engine/options.js';
import { KeptEngine } from '../src/engine/run-once.js';
import { Reporter } from '../src/flow/report.js';
import { Schedule } from '../src/flow/schedule.js';
import { compileWorthTelling } from '../src/flow/worth-telling.js';
import { bundledModels } from '../src/parts.js';
import { openRegistry } from '../src/registry/registry.js';
import { resolvePipelines } from '../src/registry/resolve.js';
import { tasks } from '../src/tasks/index.js';
import { testSurroundings } from '../test/support/surroundings.js';
import { type Figure, figure, percentile } from './figure.js';

const captures = 8000;
/** So many are measured together: the kernel counts a process' time in steps. */
const batchSize = 20;

const report = { when: 'lines.exists(l, l.score >= 0.5)', trace: 'full' } as const;
const stages = [
  { task: 'detect-text', as: 'regions' },
  { task: 'read-text', as: 'lines', each: 'regions', variant: 'int8', accept: 'score >= 0.98', escalate: { variant: 'fp32' } },
].map((stage) => ({ ...stage, options: tasks.find(({ name }) => name === stage.task)?.options.parse({}) as Record<string, unknown> }));

const configs: Record<string, PipelineConfig> = {
  signs: { from: ['inbox'], stages, report, priority: 5, budget_ms: 60_000, degrade: [{ stage: 'lines', escalate: 'off' }] },
  labels: { from: ['inbox'], stages, report: { ...report, when: 'lines.size() > 100' }, priority: 3, max_rate_hz: 1000 },
};

export async function coreTime(): Promise<readonly Figure[]> {
  const around = testSurroundings();
  const registry = await openRegistry([bundledModels]);
  const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: '' } } as const;
  const { pipelines, problems } = resolvePipelines(configs, registry, tasks, { sinks: ['lan'], hangMs: 60_000, policy });
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const path = resolve('samples/label.png');
  const header = { ...headerOf(0), bytes: statSync(path).size };
  const job = { header, content: { path }, pipelines: pipelines.map(({ name }) => name), solo: true, hangMs: 60_000 };
  const engine = new KeptEngine({ options: engineOptions.parse({}), pipelines, models: registry.list(), surroundings: around });
  const recorded = await engine.run(job);
  await engine.stop();
  const worthTelling = await compileWorthTelling(pipelines, () => {});
  const schedule = new Schedule({
    ...around,
    pipelines,
    engines: answering(recorded),
    store: { commit: () => Promise.resolve([]) } as unknown as Store,
    reporter: new Reporter({ device: 'bench', configHash: '0123456789abcdef', worthTelling }),
    waiting: () => waitingRules('block', {}),
    pressure: () => ({ steps: 0, reason: null }),
  });
  schedule.start();
  const cpuMs: number[] = [];
  for (let batch = 0; batch < captures / batchSize; batch++) {
    const before = process.cpuUsage();
    for (let i = 0; i < batchSize; i++) {
      const capture: Capture = { header: headerOf(batch * batchSize + i), content: { path } };
      await new Promise<void>((done) => {
        void schedule.offer(capture, new Receipt(() => done()));
      });
    }
    const { user, system } = process.cpuUsage(before);
    cpuMs.push((user + system) / 1000 / batchSize);
  }
  schedule.stop();
  const warm = cpuMs.slice(cpuMs.length / 4);
  return [
    figure('CPU of the core a capture of two pipelines, median', percentile(warm, 0.5), 'ms', 'lower', 0.3),
    figure('... smallest', Math.min(...warm), 'ms', 'lower'),
    figure('... 99th percentile', percentile(warm, 0.99), 'ms', 'lower'),
  ];
}

function headerOf(seq: number): CaptureHeader {
  return {
    id: captureId(1_767_225_600_000 + seq),
    input: 'inbox',
    name: `${seq}.png`,
    kind: 'image',
    mediaType: 'image/png',
    bytes: 1,
    capturedAt: '2026-01-01T00:00:00.000Z',
    clockSynced: true,
    boot: 1,
    seq,
  };
}

function answering(answer: EngineAnswer): Engines {
  return {
    start: async () => {},
    stop: async () => {},
    free: () => true,
    watch: () => () => {},
    run: async () => answer,
    runBatch: async (jobs) => jobs.map(() => answer),
  };
}
