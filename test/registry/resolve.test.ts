import { type Test, test } from 'tap';
import { z } from 'zod';
import { ShoalError } from '../../src/core/errors.js';
import type { PipelineConfig, StageConfig } from '../../src/core/pipeline.js';
import type { Task } from '../../src/core/task.js';
import { openRegistry, type Registry } from '../../src/registry/registry.js';
import { resolvePipelines } from '../../src/registry/resolve.js';

import { accuracy, policy, put, weightsFile } from '../support/cards.js';

const folderOf = (t: Test) => t.testdir();

const task = (name: string, change: Partial<Task> = {}): Task => ({
  name,
  summary: '',
  reads: 'image',
  takesEach: false,
  options: z.strictObject({}),
  metric: { name: 'none', budget: 0, score: () => ({ errors: 0, total: 0 }) },
  fit: () => undefined,
  run: async () => [],
  ...change,
});

const tasks = [
  task('find-things'),
  task('read-things', { takesEach: true, cutsOut: 'straightens each' }),
  task('hear-things', { reads: 'audio' }),
  task('name-things', { reads: 'file' }),
  task('pick-things', {
    fit: () => {
      throw new ShoalError('MODEL_INVALID', 'the card lacks params');
    },
  }),
  task('lack-things'),
  task('learn-things', { learnedBy: { command: 'shoal learn things', from: '--from FILE' } }),
  task('sort-things', {
    fitOptions: (model, options) => {
      throw new ShoalError('CONFIG_INVALID', `labels: ${JSON.stringify(options)} is nothing ${model.name} knows`);
    },
  }),
];

const stage = (name: string, as: string, change: Partial<StageConfig> = {}): StageConfig => ({ task: name, as, options: {}, ...change });
const pipeline = (...stages: StageConfig[]): PipelineConfig => ({ from: ['inbox'], stages, report: { trace: 'summary' }, priority: 5 });

async function things(t: Test): Promise<Registry> {
  const root = folderOf(t);
  for (const name of ['find', 'read', 'hear', 'name', 'pick', 'sort']) await put(root, name, '1.0.0', { task: `${name}-things` });
  await put(root, 'broken', '1.0.0', { task: 7 });
  return openRegistry([root]);
}

test('a pipeline is resolved with models, variants, kinds of capture and defaults', async (t) => {
  const registry = await things(t);
  const config: PipelineConfig = {
    ...pipeline(stage('find-things', 'regions'), stage('read-things', 'lines', { each: 'regions', model: 'read@1', options: { a: 1 } })),
    budget_ms: 800,
    report: { trace: 'full', when: 'true' },
  };
  const resolved = resolvePipelines({ signs: config, sound: pipeline(stage('hear-things', 'speech')) }, registry, tasks, {
    sinks: ['lan'],
    hangMs: 30_000,
    policy,
  });
  t.strictSame(resolved.problems, []);
  t.strictSame(resolved.pipelines[0], {
    name: 'signs',
    from: ['inbox'],
    reads: ['image'],
    stages: [
      { as: 'regions', task: 'find-things', model: 'find@1.0.0', variant: 'fp32', options: {} },
      { as: 'lines', task: 'read-things', model: 'read@1.0.0', variant: 'fp32', options: { a: 1 }, each: 'regions' },
    ],
    budgetMs: 800,
    hangMs: 30_000,
    priority: 5,
    report: { trace: 'full', when: 'true' },
    sinks: ['lan'],
  });
  t.match(resolved.pipelines[1], { reads: ['audio'], budgetMs: null });
});

test('a crop is resolved with its defaults', async (t) => {
  const again = (as: string, crop: StageConfig['crop']) => stage('find-things', as, { each: 'a', crop });
  const config = pipeline(stage('find-things', 'a'), again('b', true), again('c', { margin: 0.5, square: true, min_px: 32 }));
  const { pipelines } = resolvePipelines({ p: config }, await things(t), tasks, { sinks: [], hangMs: 1, policy });
  const crops = pipelines[0]?.stages.map(({ crop }) => crop);
  t.strictSame(crops, [undefined, { margin: 0, square: false, minPx: 8 }, { margin: 0.5, square: true, minPx: 32 }]);
});

test('every problem of every pipeline is said at once, with its path and what exists', async (t) => {
  const registry = await things(t);
  const problemsOf = (...stages: StageConfig[]) =>
    resolvePipelines({ p: pipeline(...stages) }, registry, tasks, { sinks: [], hangMs: 1, policy }).problems.map(
      ({ path: at, found, expected }) => `${at} | ${found} | ${expected}`,
    );
  t.match(problemsOf(stage('fnd-things', 'a')), [
    /^pipelines\.p\.stages\[0\]\.task \| "fnd-things" is no task \| find-things, read-things/,
  ]);
  t.match(problemsOf(stage('find-things', 'a', { model: 'other@2' })), [
    /stages\[0\]\.model \| "other@2" is not installed \| find@1\.0\.0/,
  ]);
  t.match(problemsOf(stage('find-things', 'a', { model: 'read' })), [
    /stages\[0\]\.model \| read@1\.0\.0 is for read-things \| .*find@1\.0\.0/,
  ]);
  t.match(problemsOf(stage('find-things', 'a', { variant: 'int8' })), [
    /stages\[0\]\.variant \| find@1\.0\.0 has no variant "int8" \| fp32/,
  ]);
  t.match(problemsOf(stage('lack-things', 'a')), [
    /stages\[0\]\.model \| no model for lack-things is installed \| "shoal models catalogue" shows those to be had; .*broken/,
  ]);
  t.match(problemsOf(stage('lack-things', 'a', { model: 'read' })), [
    /no model for lack-things is installed; read@1\.0\.0 is for read-things \| "shoal models/,
  ]);
  t.match(problemsOf(stage('learn-things', 'a', { model: 'pump' })), [
    /no model for learn-things is installed, nor "pump" \| learn one: "shoal learn things --name NAME --from FILE"; .*broken/,
  ]);
  t.match(problemsOf(stage('pick-things', 'a')), [/stages\[0\]\.model \| the card lacks params/]);
  t.match(problemsOf(stage('sort-things', 'a', { options: { labels: ['x'] } })), [
    /stages\[0\] \| labels: \{"labels":\["x"\]\} is nothing sort knows \| options that suit sort@1\.0\.0/,
  ]);
  t.match(problemsOf(stage('find-things', 'a'), stage('read-things', 'b', { each: 'c' })), [
    /stages\[1\]\.each \| "c" is no earlier stage \| a$/,
  ]);
  t.match(problemsOf(stage('read-things', 'a', { each: 'a' })), [
    /stages\[0\]\.each \| "a" is no earlier stage \| nothing: it is the first stage/,
  ]);
  t.match(problemsOf(stage('find-things', 'a'), stage('find-things', 'b', { each: 'a' })), [
    /stages\[1\]\.each .* works on the whole capture/,
  ]);
  const crop = true;
  t.match(problemsOf(stage('find-things', 'a', { crop })), [/stages\[0\]\.crop \| a crop \| a stage named by each/]);
  t.match(problemsOf(stage('find-things', 'a'), stage('read-things', 'b', { each: 'a', crop })), [
    /stages\[1\]\.crop \| a crop \| nothing: read-things straightens each/,
  ]);
  t.match(problemsOf(stage('hear-things', 'a'), stage('hear-things', 'b', { each: 'a', crop })), [
    /stages\[1\]\.each .* works on the whole capture/,
    /stages\[1\]\.crop \| a crop \| nothing: hear-things reads audio/,
  ]);
  t.match(problemsOf(stage('find-things', 'a'), stage('find-things', 'a')), [/stages\[1\]\.as \| "a" names an earlier stage too/]);
  t.match(problemsOf(stage('find-things', 'a'), stage('hear-things', 'b')), [/stages\[1\]\.task \| hear-things reads audio/]);
  t.match(problemsOf(), [/pipelines\.p\.stages \| no stages/]);
  t.equal(problemsOf(stage('fnd-things', 'a'), stage('find-things', 'a', { model: 'x' })).length, 3);
});

test('behind a stage that reads the file others read what they can, and nothing looks at places in what has none', async (t) => {
  const registry = await things(t);
  const resolve = (...stages: StageConfig[]) =>
    resolvePipelines({ p: pipeline(...stages) }, registry, tasks, { sinks: [], hangMs: 1, policy });
  const first = stage('name-things', 'type');
  t.same(resolve(first, stage('find-things', 'a'), stage('hear-things', 'b')).pipelines[0]?.reads, ['file', 'image', 'audio']);
  const problems = (...stages: StageConfig[]) => resolve(...stages).problems.map(({ path: at, found }) => `${at} | ${found}`);
  t.match(problems(stage('find-things', 'a'), first), [/stages\[1\]\.task \| name-things reads file/]);
  t.match(problems(first, stage('read-things', 'a', { each: 'type' })), [/stages\[1\]\.each \| "type" is what name-things says of a file/]);
});

test('a pipeline with a problem is left out, the others stay', async (t) => {
  const registry = await things(t);
  const resolved = resolvePipelines(
    { bad: pipeline(stage('nothing', 'a')), good: { ...pipeline(stage('find-things', 'a')), hang_ms: 99, sinks: [] } },
    registry,
    tasks,
    { sinks: ['lan'], hangMs: 1, policy },
  );
  t.match(resolved.pipelines, [{ name: 'good', hangMs: 99, sinks: [] }]);
  t.equal(resolved.pipelines.length, 1);
});

test('a second look is resolved with its own model and variant, and what cannot be one is said', async (t) => {
  const root = folderOf(t);
  const variants = { fp32: weightsFile, int8: { ...weightsFile, accuracy: [accuracy] } };
  await put(root, 'find', '1.0.0', { task: 'find-things', variants });
  await put(root, 'sort', '2.0.0', { task: 'find-things' });
  await put(root, 'hear', '1.0.0', { task: 'hear-things' });
  const registry = await openRegistry([root]);
  const resolve = (change: Partial<StageConfig>) =>
    resolvePipelines({ p: pipeline(stage('find-things', 'a', { accept: 'score > 0.5', ...change })) }, registry, tasks, {
      sinks: [],
      hangMs: 1,
      policy,
    });
  const better = resolve({ model: 'find', variant: 'int8', escalate: { variant: 'fp32' } });
  t.strictSame(better.problems, []);
  t.match(better.pipelines[0]?.stages[0], { model: 'find@1.0.0', variant: 'int8', escalate: { model: 'find@1.0.0', variant: 'fp32' } });
  t.strictSame(
    better.runs.map(({ variant }) => variant.name),
    ['int8', 'fp32'],
    'both run here',
  );
  t.match(resolve({ model: 'find', escalate: { model: 'sort' } }).pipelines[0]?.stages[0]?.escalate, {
    model: 'sort@2.0.0',
    variant: 'fp32',
  });
  const already = resolve({ model: 'find', escalate: { variant: 'fp32' } });
  t.strictSame(already.problems, [], 'the board runs it at once');
  t.notOk(already.pipelines[0]?.stages[0]?.escalate);
  t.equal(already.pipelines[0]?.stages[0]?.accept, 'score > 0.5');
  const problem = (change: Partial<StageConfig>) =>
    resolve(change).problems.map(({ path: at, found, expected }) => `${at} | ${found} | ${expected}`);
  t.match(problem({ model: 'find@1.0.0', variant: 'fp32', escalate: { model: 'find', variant: 'fp32' } }), [
    /stages\[0\]\.escalate \| find@1\.0\.0, variant fp32, is what the stage runs already \| another variant or model/,
  ]);
  t.match(problem({ model: 'find', escalate: { variant: 'fp23' } }), [
    /escalate\.variant .* no variant "fp23" \| fp32, int8 \(did you mean fp32\?\)/,
  ]);
  t.match(problem({ escalate: { model: 'fnd' } }), [/escalate\.model \| "fnd" is not installed \| .*\(did you mean find\?\)/]);
  t.match(problem({ escalate: { model: 'hear' } }), [/escalate\.model \| hear@1\.0\.0 is for hear-things/]);
  t.match(problem({ accept: undefined, escalate: { variant: 'int8' } }), [/escalate \| escalate without accept/]);
});

test('the steps of degrade become cheaper ways, each on top of those before, with what they run', async (t) => {
  const root = folderOf(t);
  const variants = { fp32: weightsFile, int8: { ...weightsFile, accuracy: [accuracy] } };
  await put(root, 'find', '1.0.0', { task: 'find-things', variants });
  await put(root, 'other', '1.0.0', { task: 'find-things' });
  await put(root, 'read', '1.0.0', { task: 'read-things' });
  await put(root, 'hear', '1.0.0', { task: 'hear-things' });
  const registry = await openRegistry([root]);
  const first = stage('find-things', 'a', { model: 'find', variant: 'fp32', accept: 'score > 0.5', escalate: { model: 'other' } });
  const whole = pipeline(first, stage('read-things', 'b', { each: 'a' }));
  const resolve = (degrade: PipelineConfig['degrade'], more: Record<string, PipelineConfig> = {}) =>
    resolvePipelines({ p: { ...whole, degrade, max_rate_hz: 2 }, ...more }, registry, tasks, { sinks: [], hangMs: 1, policy });
  const { pipelines, problems, runs } = resolve(
    [{ stage: 'a', variant: 'int8', options: { sharp: false } }, { stage: 'a', escalate: 'off' }, { skip: 'b' }, { pipeline: 'small' }],
    { small: pipeline(stage('find-things', 'a')) },
  );
  t.strictSame(problems, []);
  t.match(pipelines[0], { maxRateHz: 2, stages: [{ variant: 'fp32', escalate: { model: 'other@1.0.0' } }, { as: 'b' }] });
  t.match(pipelines[0]?.cheaper, [
    {
      steps: ['a: variant int8, sharp false'],
      stages: [{ model: 'find@1.0.0', variant: 'int8', escalate: {}, options: { sharp: false } }, {}],
    },
    { steps: [/int8/, 'a: no second look'], stages: [{ variant: 'int8' }, { as: 'b' }] },
    { steps: [/int8/, /no second/, 'b left out'], stages: [{}, { as: 'b', leftOut: true }] },
    { steps: [/int8/, /no second/, /left out/, 'small instead'], stages: [], instead: 'small' },
  ]);
  t.notOk(pipelines[0]?.cheaper?.[1]?.stages[0]?.escalate);
  t.notOk(pipelines[0]?.cheaper?.[0]?.stages[1]?.leftOut, 'an earlier way knows nothing of a later step');
  t.ok(
    runs.some(({ model, variant }) => model.name === 'find' && variant.name === 'int8'),
    'what a cheaper way runs is among what runs',
  );
  t.match(resolve([{ stage: 'a', variant: 'int9' }]).problems, [{ path: 'pipelines.p.degrade[0].variant', found: /no variant "int9"/ }]);
  const deaf = resolve([{ skip: 'b' }, { pipeline: 'small' }], { small: pipeline(stage('hear-things', 'a')) });
  t.equal(deaf.pipelines[0]?.cheaper?.length, 1, 'one that reads something else stands in for none');
});

test('events take the patience that the models of the stages advise, where the configuration says nothing', async (t) => {
  const root = folderOf(t);
  await put(root, 'find', '1.0.0', { task: 'find-things', events: { on_after_ms: 2000, cooldown_ms: 60_000 } });
  await put(root, 'read', '1.0.0', { task: 'read-things', events: { on_after_ms: 500, off_after_ms: 0 } });
  const registry = await openRegistry([root]);
  const stages = [stage('find-things', 'regions'), stage('read-things', 'lines', { each: 'regions' })];
  const eventsOf = (report: object) => {
    const config = { ...pipeline(...stages), report: { trace: 'summary' as const, when: 'true', ...report } };
    return resolvePipelines({ signs: config }, registry, tasks, { sinks: [], hangMs: 1, policy }).pipelines[0]?.report.events;
  };
  t.match(eventsOf({ mode: 'events' }), { onAfterMs: 2000, offAfterMs: 0, cooldownMs: 60_000 });
  t.match(eventsOf({ mode: 'events', on_after_ms: 0, off_after_ms: 7 }), { onAfterMs: 0, offAfterMs: 7, cooldownMs: 60_000 });
  t.equal(eventsOf({ mode: 'every' }), undefined);
});
