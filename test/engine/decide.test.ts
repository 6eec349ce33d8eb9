/** Pipelines that decide: gates, second looks, early ends and abstaining, in an engine's own loop. */
import { test } from 'tap';
import { z } from 'zod';
import { compileAcceptance, compileCondition } from '../../src/core/condition.js';
import { decide } from '../../src/core/decision.js';
import { limits } from '../../src/core/limits.js';
import { modelRef } from '../../src/core/model.js';
import type { PipelineSpec, StageSpec } from '../../src/core/pipeline.js';
import type { Observation } from '../../src/core/result.js';
import type { Task } from '../../src/core/task.js';
import { Costs } from '../../src/engine/costs.js';
import { judge, replaced } from '../../src/engine/decide.js';
import { readReply } from '../../src/engine/protocol.js';
import { runJob } from '../../src/engine/run-job.js';
import { Sessions } from '../../src/engine/sessions.js';
import { additionModel, job, pipeline, stage } from '../support/engine-lab.js';
import { testTasks } from '../support/engine-tasks.js';

const weak = additionModel('weak');
const strong = additionModel('strong');
const toStrong = { model: modelRef(strong), variant: 'fp32' };
const [plain] = additionModel('unsure').variants;
const points = [
  [0.5, 0.2],
  [0.9, 0.6],
] as const;
const stated = { method: 'isotonic', points, samples: 100, calibrated_on: 'a test', ece_before: 0.3, ece_after: 0.1 } as const;
/** Surer than it is right, and calibrated. */
const unsure = additionModel('unsure', { variants: plain === undefined ? [] : [{ ...plain, calibration: stated }] });
const ran: string[] = [];

/** Answers each thing it is given with a score from its options, `weak` or `strong` as the model is called; null is no answer. */
const guess: Task = {
  ...(testTasks.find(({ name }) => name === 'count') as Task),
  name: 'guess',
  options: z.object({}),
  async run({ each, model, options }) {
    const scores = (options as Record<string, (number | null)[]>)[model.name] ?? [];
    ran.push(`${model.name} on ${each === null ? 'the capture' : each.map(({ label }) => label).join(' ')}`);
    if (each === null) return scores.flatMap((score) => (score === null ? [] : [{ score, label: model.name }]));
    return each.flatMap(({ label }, of) => {
      const score = scores[Number(label)] ?? null;
      return score === null ? [] : [{ score, label: `${label} by ${model.name}`, of }];
    });
  },
};

const find = (as: string, count: number, score = 0.5): StageSpec => stage('find', { count, score }, { as });
const guessing = (options: Record<string, unknown>, more: Partial<StageSpec> = {}): StageSpec =>
  stage('guess', options, { as: 'guesses', model: modelRef(weak), ...more });

function run(...pipelines: readonly PipelineSpec[]) {
  ran.length = 0;
  const tools = {
    tasks: new Map([...testTasks, guess].map((task) => [task.name, task])),
    sessions: new Sessions({ models: [weak, strong, unsure, additionModel()], threads: 1, arena: false, maxMemoryBytes: 2 ** 30 }),
    costs: new Costs(),
    pipelines: new Map(pipelines.map((each) => [each.name, each])),
  };
  return runJob(job(pipelines.map(({ name }) => name)), tools);
}

test('a stage runs only where its condition holds, and the trace has the text and what it saw', async (t) => {
  const gated = (count: number) =>
    pipeline(`of-${count}`, [
      find('faces', count, 0.625),
      { ...find('text', 2), when: 'faces.exists(f, f.score > 0.6)' },
      stage('count', {}, { as: 'lines', each: 'text' }),
    ]);
  const answer = await run(gated(1), gated(0));
  const [open, shut] = answer.pipelines;
  t.match(open?.stages, [{ state: 'ran' }, { state: 'ran', when: { holds: true } }, { state: 'ran', found: 2 }]);
  t.match(shut?.stages[1], {
    state: 'skipped: when is false',
    when: { text: 'faces.exists(f, f.score > 0.6)', holds: false, saw: [{ stage: 'faces', found: 0 }] },
  });
  t.same(open?.stages[1]?.when?.saw, [{ stage: 'faces', found: 1, best: { score: 0.625, label: '0' } }]);
  t.match(shut?.stages[2], { state: 'skipped: text did not run' });
  t.match(shut, { state: 'done', observations: { faces: [] } });
  t.same(Object.keys(shut?.observations ?? {}), ['faces'], 'what was not looked for is not said to be absent');
  const [, wouldHave] = shut?.stages ?? [];
  t.match(wouldHave?.alternative, { model: 'addition@1', variant: 'fp32', usual_ms: Number });
  t.doesNotThrow(() => readReply({ type: 'answer', seq: 1, answers: [answer], rssBytes: 1 }), 'the core takes such a trace');
});

test('a condition that cannot be answered keeps a stage from running and says why', async (t) => {
  const when = 'faces.exists(f, f.text == "x")';
  const [answer] = (await run(pipeline('p', [find('faces', 1), { ...find('text', 1), when }]))).pipelines;
  t.match(answer?.stages[1], { state: 'skipped: when is false', when: { holds: false, trouble: /text/ } });
});

test('only the things that are not accepted are looked at again, and their answers are replaced in place', async (t) => {
  const options = { weak: [0.9, 0.3, 0.85, 0.4, null], strong: [0, 0.95, 0, null, 0.7] };
  const escalating = guessing(options, { each: 'found', accept: 'score >= 0.8', escalate: toStrong });
  const [answer] = (await run(pipeline('p', [find('found', 5), escalating]))).pipelines;
  t.same(ran, ['weak on 0 1 2 3 4', 'strong on 1 3 4'], 'a thing without an answer is not accepted');
  t.same(
    answer?.observations.guesses?.map(({ label, of }) => [label, of]),
    [
      ['0 by weak', 0],
      ['1 by strong', 1],
      ['2 by weak', 2],
      ['4 by strong', 4],
    ],
    'the second look has the last word: nothing found there is nothing',
  );
  t.match(answer?.stages[1], {
    state: 'ran',
    model: 'weak@1',
    inputs: 5,
    found: 4,
    accept: { text: 'score >= 0.8', of: 5, accepted: 2, unanswered: 1, worst: { score: 0.3, label: '1 by weak' } },
    escalated: { model: 'strong@1', variant: 'fp32', state: 'ran', inputs: 3, found: 2 },
  });
});

test('conditions see calibrated scores, each answer by the variant it is from', async (t) => {
  const options = { unsure: [0.95, 0.7, 0.5], strong: [0.5, 0.5, 0.5] };
  const escalating = { model: modelRef(unsure), each: 'found', accept: 'score >= 0.6', escalate: toStrong };
  const gate = { ...find('more', 1), when: 'guesses.exists(g, g.score >= 0.9)' };
  const answer = await run(pipeline('p', [find('found', 3), guessing(options, escalating), gate]));
  const [found] = answer.pipelines;
  t.same(ran, ['unsure on 0 1 2', 'strong on 1 2'], '0.7 is 0.4 calibrated');
  t.same(
    found?.observations.guesses?.map(({ score }) => score),
    [0.6, 0.5, 0.5],
    'level after the last point; the second look is of another model, and as that gives it',
  );
  t.match(found?.stages[1], { calibrated: true, accept: { accepted: 1, worst: { score: 0.2 } }, escalated: { model: 'strong@1' } });
  t.notOk(found?.stages[1]?.escalated?.calibrated);
  t.match(found?.stages[2], { state: 'skipped: when is false', when: { saw: [{ best: { score: 0.6 } }] } });
  t.notOk(found?.stages[0]?.calibrated);
  t.doesNotThrow(() => readReply({ type: 'answer', seq: 1, answers: [answer], rssBytes: 1 }), 'the core takes such a trace');

  const toUnsure = { model: modelRef(unsure), variant: 'fp32' };
  const second = guessing({ weak: [0.5], unsure: [0.9] }, { accept: 'score >= 0.8', escalate: toUnsure });
  const [other] = (await run(pipeline('p', [second]))).pipelines;
  t.match(other, { observations: { guesses: [{ score: 0.6 }] }, stages: [{ escalated: { calibrated: true } }] });
  t.notOk(other?.stages[0]?.calibrated);
});

test('a stage over the whole capture is run again when any answer is not accepted, and not when nothing was found', async (t) => {
  const look = (weakScores: number[]) =>
    pipeline(weakScores.join('-') || 'none', [
      guessing({ weak: weakScores, strong: [0.99] }, { accept: 'score >= 0.8', escalate: toStrong }),
    ]);
  const answers = (await run(look([0.9, 0.2]), look([0.9, 0.8]), look([]))).pipelines;
  t.same(ran, ['weak on the capture', 'strong on the capture', 'weak on the capture', 'weak on the capture']);
  t.match(answers[0], { observations: { guesses: [{ label: 'strong' }] } });
  t.equal(answers[0]?.observations.guesses?.length, 1, 'all of its answers are replaced');
  t.match(answers[0]?.stages[0], { accept: { of: 2, accepted: 1 }, escalated: { inputs: 1 }, found: 1 });
  t.match(answers[1]?.stages[0], { accept: { of: 2, accepted: 2 }, alternative: { model: 'strong@1', usual_ms: Number } });
  t.match(answers[2]?.stages[0], { accept: { of: 0, accepted: 0 } });
  t.notOk(answers[1]?.stages[0]?.escalated ?? answers[2]?.stages[0]?.escalated);
});

test('a second look that fails fails the stage, and the trace says which model it was', async (t) => {
  const gone = { model: 'gone@1', variant: 'fp32' };
  const [answer] = (await run(pipeline('p', [guessing({ weak: [0.1] }, { accept: 'score > 0.5', escalate: gone })]))).pipelines;
  t.match(answer, { state: 'failed', error: { code: 'MODEL_MISSING' }, stages: [{ state: 'failed', escalated: { state: 'failed' } }] });
});

test('a pipeline ends early with its reason, and what was found until then stays', async (t) => {
  const stop = { when: 'faces.size() == 0', reason: 'nobody there' };
  const ends = (count: number) => pipeline(`of-${count}`, [{ ...find('faces', count), stop }, find('text', 1), find('more', 3)]);
  const [empty, full] = (await run(ends(0), ends(2))).pipelines;
  t.match(empty, { state: 'done', observations: { faces: [] } });
  t.same(
    empty?.stages.map(({ state }) => state),
    ['ran', 'skipped: stopped: nobody there', 'skipped: stopped: nobody there'],
  );
  t.match(empty?.stages[0]?.stop, { text: stop.when, holds: true, reason: 'nobody there', saw: [{ stage: 'faces', found: 0 }] });
  t.match(full?.stages[0]?.stop, { holds: false, saw: [{ found: 2 }] });
  t.same(
    full?.stages.map(({ state }) => state),
    ['ran', 'ran', 'ran'],
  );
});

test('a pipeline abstains over what there is; when late it is late', async (t) => {
  const unsure = pipeline('unsure', [find('faces', 1, 0.4)], { abstain: 'faces.exists(f, f.score < 0.5)' });
  const sure = pipeline('sure', [find('faces', 1, 0.9)], { abstain: 'faces.exists(f, f.score < 0.5)' });
  const late = pipeline('late', [stage('block', { ms: 30 }, { as: 'faces' })], { abstain: 'faces.size() == 1', budgetMs: 1 });
  const [a, b, c] = (await run(unsure, sure, late)).pipelines;
  t.match(a, { state: 'abstained', abstain: { holds: true, saw: [{ best: { score: 0.4 } }] }, observations: { faces: [{}] } });
  t.match(b, { state: 'done', abstain: { holds: false } });
  t.match(c, { state: 'late' });
  t.notOk(c?.abstain);
});

test('several stages can be looked at together; of counts through them in order', async (t) => {
  const joined = stage('count', {}, { as: 'all', each: ['a', 'b'] });
  const [answer, none] = (
    await run(pipeline('p', [find('a', 2), find('b', 1), joined]), pipeline('q', [find('a', 0), find('b', 0), joined]))
  ).pipelines;
  t.same(
    answer?.observations.all?.map(({ of }) => of),
    [0, 1, 2],
  );
  t.match(answer?.stages[2], { inputs: 3, found: 3 });
  t.match(none?.stages[2], { state: 'skipped: nothing found by a and b' });
});

test('what pipelines share runs once, first look and second, whatever their conditions and names', async (t) => {
  const options = { weak: [0.9, 0.3], strong: [0.9, 0.9] };
  const plain = (as: string, more: Partial<StageSpec> = {}) => guessing(options, { as, each: 'found', ...more });
  const escalating = { accept: 'score >= 0.8', escalate: toStrong };
  const answer = await run(
    pipeline('a', [find('found', 2), plain('x')]),
    pipeline('b', [find('found', 2), plain('y', { ...escalating, when: 'found.size() > 1' })]),
    pipeline('c', [find('found', 2), plain('z', escalating)]),
    pipeline('d', [find('found', 2), plain('w', { ...escalating, accept: 'score >= 0.95' })]),
  );
  const [a, b, c, d] = answer.pipelines;
  t.same(ran, ['weak on 0 1', 'strong on 1', 'strong on 0 1'], 'another condition is another second look');
  t.match(a?.observations.x, [{ label: '0 by weak' }, { label: '1 by weak' }], 'who does not escalate keeps the first answer');
  t.match(b?.stages[1], { state: 'skipped: shared with a', escalated: { state: 'ran', runs: 0 } });
  t.match(c?.stages[1], { state: 'skipped: shared with a', escalated: { state: 'skipped: shared with b' } });
  t.same(c?.observations.z, b?.observations.y);
  t.match(d?.stages[1], { escalated: { state: 'ran', inputs: 2 } });
});

test('a stage that a gate kept from running lends its place to nobody', async (t) => {
  const last = stage('count', {}, { as: 'all', each: 'found' });
  const [shut, open, whole] = (
    await run(
      pipeline('shut', [find('first', 0), { ...find('found', 3), when: 'first.size() > 0' }, last]),
      pipeline('open', [find('first', 0), find('found', 3), last]),
      pipeline('whole', [stage('count', {}, { as: 'all' })]),
    )
  ).pipelines;
  t.match(shut?.stages[2], { state: 'skipped: found did not run' });
  t.match(open?.stages[2], { state: 'ran', inputs: 3 });
  t.match(whole?.stages[0], { state: 'ran', inputs: 1 });
});

test('what is kept of a decision is bounded', async (t) => {
  const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
  const text = `${names.map((name) => `${name}.exists(o, o.values.x > 0.5)`).join(' || ')} || ${'s0.size() > 9 || '.repeat(8)}false`;
  const condition = await compileCondition(text, Object.fromEntries(names.map((name) => [name, 'list'])));
  const values = Object.fromEntries([...'xtvols'].map((name, i) => [name, i]));
  const observation: Observation = { score: 0.5, text: 'y'.repeat(4000), label: 'z'.repeat(4000), values };
  const decision = decide(condition, Object.fromEntries(names.map((name) => [name, [observation, observation]])));
  t.equal(decision.saw.length, limits.traceWitnessesMax);
  t.equal(decision.text.length, limits.traceTextCharsMax);
  t.ok(JSON.stringify(decision).length < 4000, `${JSON.stringify(decision).length} bytes`);
  t.ok(Object.keys(decision.saw[0]?.best?.values ?? {}).length <= limits.traceValuesMax);
});

test('judging and replacing keep to the things they are about', async (t) => {
  const acceptance = await compileAcceptance('label == "cat" || values.sure > 0.5');
  const cat = { score: 0.1, label: 'cat', of: 0 };
  const two = { score: 0.9, label: 'dog', values: { sure: 0.9 }, of: 1 };
  const dog = { score: 0.8, label: 'dog', of: 1 };
  t.same(judge(acceptance, [cat, two], 2).refused, []);
  const judged = judge(acceptance, [cat, two, dog], 3);
  t.same(judged.refused, [1, 2], 'all answers about a thing must be accepted');
  t.match(judged.decision, { of: 3, accepted: 1, worst: { score: 0.8, label: 'dog' }, trouble: /values/ });
  t.same(replaced([cat, two, dog], [1, 2], [{ score: 1, of: 1 }]), [cat, { score: 1, of: 2 }]);
});

test('asking is cheap: measured here and printed', async (t) => {
  const observations = Array.from({ length: 100 }, (_, i) => ({ score: i / 100, label: 'face', of: i }));
  const condition = await compileCondition('faces.exists(f, f.score >= 0.995) || faces.size() > 100', { faces: 'list' });
  const acceptance = await compileAcceptance('score >= 0.80');
  const cost = (work: () => unknown) => {
    for (let i = 0; i < 200; i++) work();
    const began = performance.now();
    for (let i = 0; i < 500; i++) work();
    return (performance.now() - began) / 500;
  };
  const one = cost(() => decide(condition, { faces: observations.slice(0, 1) }));
  const hundred = cost(() => decide(condition, { faces: observations }));
  const judging = cost(() => judge(acceptance, observations, 100));
  t.comment(`a condition over 1 observation ${(one * 1000).toFixed(0)} us, over 100 ${(hundred * 1000).toFixed(0)} us`);
  t.comment(`accept over 100 observations ${(judging * 1000).toFixed(0)} us`);
  t.ok(hundred < 20 && judging < 20, 'far below what any stage costs');
});
