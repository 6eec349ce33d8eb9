import { createHash } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Test, test } from 'tap';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Task } from '../../src/core/contracts.js';
import { ShoalError } from '../../src/core/errors.js';
import { asVariant, type ModelFacts } from '../../src/core/model.js';
import type { PipelineConfig, StageConfig } from '../../src/core/pipeline.js';
import { readCard } from '../../src/registry/card.js';
import { compareVersions, openRegistry, type Registry } from '../../src/registry/registry.js';
import { resolvePipelines } from '../../src/registry/resolve.js';
import { verifyModel } from '../../src/registry/verify.js';

const weights = Buffer.from('these are weights');

function card(name: string, version: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    version,
    task: 'find-things',
    title: 'Things',
    licence: 'MIT',
    source: { upstream: 'https://example.com/things' },
    variants: { fp32: weightsFile },
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 'length'] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
    ...change,
  };
}

const weightsFile = { file: 'model.onnx', sha256: createHash('sha256').update(weights).digest('hex'), bytes: weights.length };

const accuracy = {
  metric: 'things missed',
  loss: 0.01,
  bound: 0.02,
  budget: 0.03,
  data: 'held-out things',
  samples: 40,
  machine: 'a test',
  measured_by: 'test/registry/registry.test.ts',
};
const cost = { cpu_ratio: 0.5, cpu_ms: 12, run: 'one thing, one thread', machine: 'a test', measured_by: 'test/registry/registry.test.ts' };
const variantWith = (change: object) => ({ variants: { fp32: { ...(card('a', '1.0.0').variants as { fp32: object }).fp32, ...change } } });

async function put(root: string, name: string, version: string, change: Record<string, unknown> | string = {}): Promise<string> {
  const folder = path.join(root, name, version);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'card.yaml'), typeof change === 'string' ? change : stringify(card(name, version, change)));
  await writeFile(path.join(folder, 'model.onnx'), weights);
  await writeFile(path.join(folder, 'LICENSE'), 'MIT License');
  return folder;
}

const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: 'a test' } } as const;
const folderOf = (t: Test) => t.testdir();
const names = (registry: Registry) => registry.list().map((model) => `${model.name}@${model.version}`);

test('a card becomes a model with absolute paths, labels and its first variant first', async (t) => {
  const root = folderOf(t);
  const variant = (card('a', '1.0.0').variants as { fp32: object }).fp32;
  const folder = await put(root, 'a', '1.0.0', { labels: 'labels.txt', variants: { int8: variant, fp32: variant } });
  await writeFile(path.join(folder, 'labels.txt'), 'one\n \n\ntwo\n');
  const { model } = await readCard(folder);
  t.strictSame(model.labels, ['one', ' ', '', 'two'], 'a space is a label, an empty line has its place, the last line end is none');
  t.strictSame(
    model.variants.map(({ name }) => name),
    ['int8', 'fp32'],
  );
  t.equal(model.variants[0]?.path, path.join(folder, 'model.onnx'));
  t.equal(model.source, 'https://example.com/things');
});

test('a variant may have tensors of its own and states what it loses; the others keep those of the model', async (t) => {
  const root = folderOf(t);
  const { fp32 } = card('a', '1.0.0').variants as { fp32: object };
  const own = [{ name: 'x', dtype: 'uint8', shape: [1, 'length'] }];
  const variants = { fp32: { ...fp32, recipe: 'fp32.recipe.json' }, int8: { ...fp32, inputs: own, accuracy, cost: [cost] } };
  const folder = await put(root, 'a', '1.0.0', { variants, pinned: { arm64: 'int8', default: 'fp32' } });
  const { model } = await readCard(folder);
  const [first, second] = model.variants;
  t.ok(first && second);
  if (!first || !second) return;
  t.strictSame(second.accuracy, { metric: 'things missed', loss: 0.01, bound: 0.02, budget: 0.03 });
  t.equal(asVariant(model, first).inputs, model.inputs);
  t.strictSame(asVariant(model, second).inputs, own);
  t.equal(asVariant(model, second).outputs, model.outputs);
  t.strictSame(model.pinned, { arm64: 'int8', default: 'fp32' });
  const seen: string[] = [];
  const fit = (facts: ModelFacts) => void seen.push(facts.inputs[0]?.dtype ?? 'none');
  await verifyModel(model, { fit });
  t.strictSame(seen, ['float32', 'uint8'], 'the task is asked about both kinds of tensors');
});

test('of the accuracies on several machines the one nearest to its budget speaks for the variant', async (t) => {
  const { fp32 } = card('a', '1.0.0').variants as { fp32: object };
  const read = async (entries: object) => {
    const folder = await put(folderOf(t), 'a', '1.0.0', { variants: { fp32, int8: { ...fp32, accuracy: entries } } });
    return (await readCard(folder)).model.variants[1]?.accuracy?.bound;
  };
  const other = (bound: number) => ({ ...accuracy, bound, machine: 'another' });
  t.equal(await read([accuracy, other(0.015)]), 0.02);
  t.equal(await read([accuracy, other(0.025), other(0.011)]), 0.025);
  t.equal(await read([accuracy, { ...other(0.015), budget: 0.01 }]), 0.015, 'what exceeds its own budget is the worst');
});

test('broken cards are reported with path and reason and hide no other', async (t) => {
  const root = folderOf(t);
  await put(root, 'good', '1.0.0');
  const broken: [string, string | Record<string, unknown>, RegExp][] = [
    ['bad-yaml', 'name: [unclosed', /YAML/],
    ['empty', '', /card: /],
    ['bombed', `a: &a [x]\nb: [${'*a,'.repeat(200)}]`, /YAML|alias/i],
    ['unknown-key', { colour: 'red' }, /colour/],
    ['no-licence', { licence: '' }, /licence/],
    ['no-source', { source: {} }, /source\.upstream/],
    ['half-source', { source: { upstream: 'https://example.com', package: 'x@1.0.0' } }, /belong together/],
    ['climbs', { variants: { fp32: { file: '../other/model.onnx', sha256: 'a'.repeat(64), bytes: 1 } } }, /inside the folder/],
    ['absolute', { labels: '/etc/passwd' }, /inside the folder/],
    ['other-name', { name: 'another' }, /its folder says other-name@1\.0\.0/],
    ['other-version', { version: '2.0.0' }, /must agree/],
    ['no-variants', { variants: {} }, /at least one variant/],
    ['pinned-nowhere', { pinned: { 'x64-vnni': 'int4' } }, /pinned\.x64-vnni: there is no variant "int4", only fp32/],
    ['pinned-strange', { pinned: { riscv: 'fp32' } }, /pinned/],
    ['bound-below', variantWith({ accuracy: { ...accuracy, bound: 0.001 } }), /bound is the upper bound of loss/],
    ['none-told', variantWith({ accuracy: [] }), /accuracy/],
    ['hearsay', variantWith({ accuracy: { ...accuracy, measured_by: undefined } }), /accuracy\.0\.measured_by/],
    ['no-machine', variantWith({ cost: [{ ...cost, machine: '' }] }), /cost\.0\.machine/],
    ['recipe-climbs', variantWith({ recipe: '../r.json' }), /inside the folder/],
    ['no-labels', { labels: 'labels.txt' }, /cannot read .*labels\.txt/],
    ['two-wrong', { title: 7, inputs: [] }, /title.*inputs/],
  ];
  for (const [name, change] of broken) await put(root, name, '1.0.0', change);
  await mkdir(path.join(root, 'cardless', '1.0.0'), { recursive: true });
  await mkdir(path.join(root, 'is-a-folder', '1.0.0', 'card.yaml'), { recursive: true });
  await put(root, 'huge', '1.0.0', `# ${'x'.repeat(70_000)}`);
  await symlink('/nowhere', path.join(root, 'dangling'));
  await writeFile(path.join(root, 'README.md'), 'a file is no model');
  await mkdir(path.join(root, '.hidden'));
  const registry = await openRegistry([root, path.join(root, 'absent')]);
  t.strictSame(names(registry), ['good@1.0.0']);
  const reasonFor = (name: string) =>
    registry.problems.find((problem) => problem.path.startsWith(path.join(root, name)))?.reason ?? 'no problem';
  for (const [name, , reason] of broken) t.match(reasonFor(name), reason, name);
  t.match(reasonFor('cardless'), /cannot read .*card\.yaml/);
  t.match(reasonFor('is-a-folder'), /not a file/);
  t.match(reasonFor('huge'), /the limit is/);
  t.match(reasonFor('dangling'), /cannot be read/);
  t.match(reasonFor('absent'), /cannot be read/);
  t.equal(registry.problems.length, broken.length + 5);
});

test('of two models with one name and version the earlier directory counts, and the other is reported', async (t) => {
  const root = folderOf(t);
  const first = await put(path.join(root, 'one'), 'a', '1.0.0');
  const second = await put(path.join(root, 'two'), 'a', '1.0.0');
  await put(path.join(root, 'two'), 'a', '1.1.0');
  const registry = await openRegistry([path.join(root, 'one'), path.join(root, 'two')]);
  t.equal(registry.find('a@1.0.0')?.directory, first);
  t.match(registry.problems, [{ path: second, reason: /already in/ }]);
  t.equal(registry.find('a')?.version, '1.1.0');
});

test('a reference finds the newest version, an exact one, or the newest that begins so', async (t) => {
  const root = folderOf(t);
  for (const version of ['1.2.0', '1.10.0', '2.0.0-beta.1', '1.9.9']) await put(root, 'a', version);
  await put(root, 'b', '0.1.0', { task: 'count-things' });
  const registry = await openRegistry([root]);
  const found = (ref: string) => registry.find(ref)?.version ?? null;
  t.equal(found('a'), '2.0.0-beta.1');
  t.equal(found('a@1'), '1.10.0');
  t.equal(found('a@1.2'), '1.2.0');
  t.equal(found('a@1.9.9'), '1.9.9');
  for (const ref of ['a@3', 'a@1.1', 'a@', 'c', '', '@1', 'a@1.2.0.0']) t.equal(found(ref), null, `"${ref}"`);
  t.equal(registry.defaultFor('count-things')?.name, 'b');
  t.equal(registry.defaultFor('find-things')?.version, '2.0.0-beta.1');
  t.equal(registry.defaultFor('nothing'), null);
});

test('versions are ordered by number, a pre-release before its release', async (t) => {
  const ordered = ['0.9.9', '1.0.0-alpha', '1.0.0-beta', '1.0.0', '1.2.0', '1.10.0'];
  t.strictSame([...ordered].reverse().sort(compareVersions), ordered);
  t.equal(compareVersions('1.0.0', '1.0.0'), 0);
});

test('verification names each file that is not what the card promises', async (t) => {
  const root = folderOf(t);
  const folder = await put(root, 'a', '1.0.0');
  const { model } = await readCard(folder);
  t.strictSame((await verifyModel(model)).problems, []);

  const opened: string[] = [];
  const checks = {
    tensors: async (_: unknown, variant: { name: string }) => {
      opened.push(variant.name);
      throw new ShoalError('MODEL_TENSOR', 'input "x" is int8');
    },
    fit: () => {
      throw new ShoalError('MODEL_INVALID', 'it does not suit');
    },
  };
  t.strictSame((await verifyModel(model, checks)).problems, ['it does not suit', 'input "x" is int8']);
  t.strictSame(opened, ['fp32']);

  await writeFile(path.join(folder, 'model.onnx'), weights.toString().replace('weights', 'weightz'));
  t.match((await verifyModel(model, checks)).problems, ['it does not suit', /has SHA-256 .* its card says/]);
  t.equal(opened.length, 1, 'a file with a wrong hash is never opened');
  await writeFile(path.join(folder, 'model.onnx'), 'short');
  t.match((await verifyModel(model)).problems, [/has 5 bytes, its card says 17/]);
  await rm(path.join(folder, 'model.onnx'));
  await writeFile(path.join(folder, 'LICENSE'), '');
  t.match((await verifyModel(model)).problems, [/LICENSE is missing or empty/, /model\.onnx is missing/]);
});

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
  task('pick-things', {
    fit: () => {
      throw new ShoalError('MODEL_INVALID', 'the card lacks params');
    },
  }),
  task('lack-things'),
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
  for (const name of ['find', 'read', 'hear', 'pick', 'sort']) await put(root, name, '1.0.0', { task: `${name}-things` });
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
    /stages\[0\]\.model \| no model named \| no model for lack-things is installed; "shoal models catalogue" shows those to be had; .*broken/,
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
