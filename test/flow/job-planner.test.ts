import { test } from 'tap';
import type { EngineAnswer } from '../../src/core/job.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { type JobPlan, JobPlanner } from '../../src/flow/job-planner.js';
import { pipeline, stage } from '../support/engine-lab.js';
import { testSurroundings } from '../support/surroundings.js';

const calm = () => ({ steps: 0, reason: null });

function planner(pipelines: readonly PipelineSpec[], pressure: () => { steps: number; reason: string | null } = calm) {
  const around = testSurroundings();
  return { around, planner: new JobPlanner(pipelines, pressure, around) };
}

/** An answer in which each pipeline took so long. */
function answerOf(ms: number, ...names: string[]): EngineAnswer {
  const trace = {
    stage: 's',
    task: 'add',
    state: 'ran',
    preprocess_ms: 0,
    run_ms: ms,
    postprocess_ms: 0,
    inputs: 1,
    runs: 1,
    found: 0,
  } as const;
  const pipelines = names.map((name) => ({ pipeline: name, state: 'done', observations: {}, stages: [trace] }) as const);
  return { pipelines, decodeMs: 0, waitedMs: 0, totalMs: ms };
}

const asked = ({ asked: all }: JobPlan) => all.map(({ spec, level }) => `${spec.name} ${level}`);

test('urgent pipelines come first, and one whose budget is spent by waiting is late without an engine', async (t) => {
  const specs = [pipeline('calm', [stage('add')], { priority: 5 }), pipeline('quick', [stage('add')], { priority: 1, budgetMs: 100 })];
  const { planner: plans } = planner(specs);
  t.same(asked(plans.plan(specs, 0)), ['quick 0', 'calm 0']);
  const late = plans.plan(specs, 150);
  t.same(asked(late), ['calm 0']);
  t.match(late.notAsked, [
    { spec: { name: 'quick' }, outcome: 'late', reason: /waited 150 ms for an engine, its budget_ms is 100; nothing was run/ },
  ]);
});

test('a pipeline that is too dear runs in its cheaper way, which its results, the log and a gauge say', async (t) => {
  const cheap = [stage('add', { calls: 1 })];
  const spec = pipeline('signs', [stage('add', { calls: 9 })], { budgetMs: 100, cheaper: [{ steps: ['fewer calls'], stages: cheap }] });
  const { planner: plans, around } = planner([spec]);
  const first = plans.plan([spec], 0);
  t.same(asked(first), ['signs 0']);
  plans.answered(first.asked, answerOf(400, 'signs'));
  const [second] = plans.plan([spec], 0).asked;
  t.match(second, {
    level: 1,
    spec: { stages: cheap },
    degraded: { steps: ['fewer calls'], of: 1, why: /as configured it takes up to 500 ms/ },
  });
  t.match(around.lines.at(-1), { level: 'warn', message: /cheaper way/, fields: { pipeline: 'signs', steps: ['fewer calls'] } });
  plans.answered(first.asked, {
    pipelines: [{ pipeline: 'signs', state: 'failed', observations: {}, stages: [] }],
    decodeMs: 1,
    waitedMs: 0,
    totalMs: 1,
  });
  t.match(plans.plan([spec], 0).asked, [{ level: 1 }], 'one that failed says nothing of the cost');
});

test('another pipeline looks instead where the last step says so, once, and its cost is what counts', async (t) => {
  const small = pipeline('small', [stage('add')]);
  const big = (name: string) => pipeline(name, [stage('add')], { cheaper: [{ steps: ['small instead'], stages: [], instead: 'small' }] });
  const [a, b] = [big('a'), big('b')];
  let pressure = { steps: 1, reason: 'it is hot' as string | null };
  const { planner: plans } = planner([small, a, b], () => pressure);
  const plan = plans.plan([a, b], 0);
  t.match(plan.asked, [{ spec: { name: 'small' }, measuredFor: 'a', level: 1, degraded: { why: 'it is hot', instead_of: 'a' } }]);
  t.equal(plan.asked.length, 1);
  t.match(plan.notAsked, [
    { spec: { name: 'a' }, outcome: 'dropped', reason: 'small looks at it instead: it is hot' },
    { spec: { name: 'b' }, outcome: 'dropped' },
  ]);
  pressure = { steps: 0, reason: null };
  const at = plans.plan([a], 0);
  t.same(asked(at), ['small 1'], 'it does not go back at once');
});
