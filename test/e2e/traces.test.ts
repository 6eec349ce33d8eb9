/** What real captures leave behind follows the published schemas, and has no key that they do not describe. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Test, test } from 'tap';
import { openBoardModels } from '../../src/board-models.js';
import { planOf } from '../../src/cli/infer-plan.js';
import { PlanRunner, quietSurroundings, type Run } from '../../src/cli/plan-runner.js';
import { sniffFile } from '../../src/cli/sniff-file.js';
import { loadConfig } from '../../src/config/load-config.js';
import { captureId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { StageTrace, Trace } from '../../src/core/result.js';
import { Reporter } from '../../src/flow/report.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { parts } from '../../src/parts.js';
import { resolvePipelines } from '../../src/registry/resolve.js';

const header = { input: 'inbox', capturedAt: '2026-11-23T14:00:00.000Z', clockSynced: true, boot: 1, seq: 1 };
const from = ['inbox'];
const report = { trace: 'full', when: 'faces.size() > 0' };
const faces = { task: 'detect-faces', as: 'faces', variant: 'fp32' };
const pipelines = {
  cascade: {
    from,
    report: { trace: 'full', when: 'lines.size() > 0' },
    stages: [
      { task: 'detect-text', as: 'regions', variant: 'fp32' },
      { task: 'read-text', each: 'regions', as: 'lines', variant: 'int8', accept: 'score >= 0.995', escalate: { variant: 'fp32' } },
    ],
  },
  easy: {
    from,
    report: { trace: 'full' },
    stages: [
      { task: 'detect-text', as: 'regions', variant: 'fp32' },
      { task: 'read-text', each: 'regions', as: 'lines', variant: 'int8', accept: 'score >= 0.0', escalate: { variant: 'fp32' } },
    ],
  },
  gated: {
    from,
    report,
    stages: [
      { ...faces, stop: { when: 'faces.size() == 0', reason: 'nobody' } },
      { task: 'detect-text', as: 'regions', when: 'faces.exists(f, f.score > 0.99)' },
      { task: 'read-text', each: 'regions', as: 'lines' },
    ],
  },
  unsure: { from, report, stages: [faces], abstain: 'faces.exists(f, f.score < 0.95)' },
  event: { from, report: { ...report, mode: 'events' }, stages: [faces] },
  parts: {
    from,
    report,
    stages: [faces, { task: 'detect-text', each: 'faces', as: 'words', crop: { min_px: 5000 } }],
  },
  late: { from, report, budget_ms: 1, stages: [{ ...faces, tiles: 'off' }] },
};

/** As published, but that no object may have a key that is not described. */
async function closed(name: string) {
  const schema = JSON.parse(await readFile(`docs/schema/${name}.json`, 'utf8')) as { $defs: Record<string, Record<string, unknown>> };
  // What is referred to is closed where it is referred to: another may add keys of its own there.
  const definitions = Object.entries(schema.$defs).map(([key, definition]) => {
    const { unevaluatedProperties: _, ...open } = shut(definition);
    return [key, open];
  });
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  addFormats.default(ajv);
  return ajv.compile({ ...shut(schema), $defs: Object.fromEntries(definitions) });
}

function shut(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const inner = Object.entries(schema).map(([key, value]) => {
    const isSchema = typeof value === 'object' && value !== null && !Array.isArray(value) && key !== '$defs';
    return [key, isSchema ? shut(value as Record<string, unknown>) : value];
  });
  const isClosable = ['properties', '$ref', 'allOf'].some((key) => key in schema) && !('additionalProperties' in schema);
  return { ...Object.fromEntries(inner), ...(isClosable ? { unevaluatedProperties: false } : {}) };
}

async function run(t: Test, sample: string): Promise<readonly Run[]> {
  const file = path.join(t.testdirName, 'shoal.yaml');
  t.testdir({
    'shoal.yaml': JSON.stringify({
      version: 1,
      paths: { state_dir: t.testdirName, run_dir: t.testdirName },
      inputs: { inbox: { type: 'folder', path: path.join(t.testdirName, 'in') } },
      sinks: { out: { type: 'file', path: path.join(t.testdirName, 'out') } },
      pipelines,
    }),
  });
  const loaded = await loadConfig(file, parts, { purpose: 'check' });
  const { registry, policy } = await openBoardModels(loaded.settings);
  const resolved = resolvePipelines(loaded.settings.pipelines, registry, parts.tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
  t.same(resolved.problems, []);
  const runner = await PlanRunner.of(planOf(parts, loaded, resolved.pipelines, registry), quietSurroundings(), 'inbox');
  t.teardown(() => runner.stop());
  const source = path.resolve('samples', sample);
  const { kind, mediaType, bytes } = await sniffFile(source);
  return runner.run({ ...header, id: captureId(1), name: sample, kind, mediaType, bytes }, source);
}

test('results and stored traces of real captures follow their schemas, key by key', async (t) => {
  const [isResult, isTrace] = [await closed('result-1'), await closed('trace-1')];
  const traces = new Map<string, Trace>();
  for (const sample of ['label.png', 'astronaut.png']) {
    for (const { record } of await run(t, sample)) {
      const payload = JSON.parse(Buffer.from(record.payload).toString()) as { trace: Trace };
      t.ok(isResult(payload), `${record.pipeline} on ${sample}: ${JSON.stringify(isResult.errors)}`);
      const trace = JSON.parse(record.trace) as Trace;
      t.ok(isTrace(trace), `${record.pipeline} on ${sample}: ${JSON.stringify(isTrace.errors)}`);
      t.match(trace, { schema: 'shoal/trace/1' });
      traces.set(`${record.pipeline} ${record.outcome}`, trace);
    }
  }
  const all = [...traces.values()];
  const some = (key: keyof StageTrace) => all.some(({ stages }) => stages.some((stage) => key in stage));
  for (const key of ['when', 'accept', 'escalated', 'stop', 'alternative', 'left_out'] as const) t.ok(some(key), `some stage has ${key}`);
  t.ok(all.some(({ abstain }) => abstain?.holds));
  t.ok(all.some(({ report: asked }) => asked?.holds) && all.some(({ report: asked }) => asked?.holds === false));
  t.ok([...traces.keys()].some((key) => key === 'late late'));
  const first = all[0] as Trace;
  t.notOk(isTrace({ ...first, more: 1 }), 'a key more is noticed');
  t.notOk(isTrace({ ...first, stages: [{ ...first.stages[0], when: { text: '', holds: true, saw: [], more: 1 } }] }), 'deep down, too');
});

test('what no engine has seen follows them as well', async (t) => {
  const [isResult, isTrace] = [await closed('result-1'), await closed('trace-1')];
  const reporter = new Reporter({ device: 'd', configHash: 'h', worthTelling: await compileWorthTelling([], () => {}) });
  const capture = { ...header, id: captureId(1), name: 'a.txt', kind: 'text', mediaType: 'text/plain', bytes: 5 } as const;
  const spec = {
    name: 'p',
    from,
    reads: ['file'],
    stages: [],
    budgetMs: 1,
    hangMs: 1,
    priority: 5,
    report: { trace: 'full' },
    sinks: [],
  } as const;
  const degraded = { steps: ['lines left out'], of: 2, why: 'it is hot' };
  const answer = { pipelines: [], decodeMs: 0, waitedMs: 0, totalMs: 0 };
  const cheaper = reporter.answered(capture, [{ spec, degraded }], answer, { queueMs: 1.5, attempt: 2 });
  const { results, outcomes } = reporter.unrouted(capture, 'nobody reads text');
  t.match(outcomes, [{ pipeline: '-', outcome: 'dropped', reason: 'nobody reads text', cause: 'unrouted' }]);
  t.equal(results.length, 1);
  t.match(JSON.parse(cheaper.results[0]?.record.trace ?? ''), { degraded });
  for (const { record, sinks } of [...results, ...cheaper.results]) {
    t.same(sinks, [], 'no sink is told');
    t.ok(isResult(JSON.parse(Buffer.from(record.payload).toString())), JSON.stringify(isResult.errors));
    t.ok(isTrace(JSON.parse(record.trace)), JSON.stringify(isTrace.errors));
  }
});
