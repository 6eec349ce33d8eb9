/** Budgets in the engine: what counts, what is not begun any more, and the cheaper ways. */
import { test } from 'tap';
import { runJob } from '../../src/engine/run-job.js';
import { job, pipeline, run, stage, tools } from '../support/engine-lab.js';

const find = (count: number, score = 0.5) => stage('find', { count, score }, { as: 'found' });
const block = (as: string, ms: number) => stage('block', { ms }, { as });
const over = (as: string, each: string) => stage('count', {}, { as, each });

test('a pipeline over its budget ends between stages with what it has found', async (t) => {
  const stages = [block('slow', 120), block('never', 0)];
  // The first decoding loads the decoder, which on a busy machine takes a budget of its own.
  await run([pipeline('first', [find(1)])]);
  const [late, within, after] = (
    await run([
      pipeline('late', stages, { budgetMs: 100 }),
      pipeline('within', [block('other', 1)], { budgetMs: 100 }),
      pipeline('after', [block('long', 110)], { budgetMs: 100 }),
    ])
  ).pipelines;
  t.match(late, {
    state: 'late',
    error: { message: /budget_ms is 100; stopped before stage "never"/ },
    observations: { slow: [{ score: 1 }] },
  });
  t.match(late?.stages, [{ state: 'ran' }, { state: 'skipped: budget' }]);
  t.notOk(late?.observations.never);
  t.match(within, { state: 'done' }, 'the time of another pipeline is not its own');
  t.match(after, { state: 'late', observations: { long: [{ score: 1 }] }, stages: [{ state: 'ran' }] });
});

test('what is spent before an engine has it counts against the budget', async (t) => {
  const spec = pipeline('p', [block('short', 1), block('next', 1)], { budgetMs: 100 });
  const [fresh] = (await run([spec], { spentMs: 20 })).pipelines;
  t.equal(fresh?.state, 'done');
  const [old] = (await run([spec], { spentMs: 120 })).pipelines;
  t.match(old, { state: 'late', error: { message: /took 1\d\d ms, its budget_ms is 100; stopped before stage "short"/ } });
});

test('a pipeline runs in the cheaper way it is asked for, and what is left out says so', async (t) => {
  const stages = [find(2), block('slow', 1), over('each', 'slow')];
  const less = [find(1), { ...block('slow', 1), leftOut: true as const }, over('each', 'slow')];
  const spec = pipeline('p', stages, { cheaper: [{ steps: ['less'], stages: less }] });
  const [whole] = (await run([spec])).pipelines;
  t.match(whole?.stages, [{ found: 2 }, { state: 'ran' }, { state: 'ran' }]);
  const [cheap] = (await run([spec], { levels: { p: 1 } })).pipelines;
  t.match(cheap?.stages, [
    { found: 1 },
    { state: 'skipped: the pipeline runs in a cheaper way', alternative: { model: 'addition@1' } },
    { state: 'skipped: slow did not run' },
  ]);
  t.equal(cheap?.state, 'done');
  const [unknown] = (await run([spec], { levels: { p: 7 } })).pipelines;
  t.match(unknown?.stages, [{ found: 2 }], 'there is no such way');
});

test('a second look that the budget would not last for is not begun, and the first answer stays', async (t) => {
  const better = { model: 'addition@1', variant: 'better' };
  const looking = { ...find(2, 0.3), accept: 'score > 0.5', escalate: better };
  const spec = pipeline('p', [looking], { budgetMs: 500 });
  const lab = tools([spec]);
  lab.costs.ran(better, 1000, 1);
  const [answer] = (await runJob(job(['p']), lab)).pipelines;
  t.match(answer, { state: 'done', observations: { found: [{ score: 0.3 }, { score: 0.3 }] } });
  t.match(answer?.stages[0]?.escalated, {
    state: /^skipped: it usually takes 2000 ms, more than is left of budget_ms$/,
    inputs: 2,
    runs: 0,
  });
  const roomy = { ...spec, budgetMs: null };
  const [tried] = (await runJob(job(['p']), { ...lab, pipelines: new Map([['p', roomy]]) })).pipelines;
  t.equal(tried?.state, 'failed', 'with time enough it is begun: this model has no such variant');
});
