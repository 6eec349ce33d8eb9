import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { engineCount, readCapacity } from '../../src/engine/capacity.js';
import { bytesContent, openContent, readContent } from '../../src/engine/content.js';
import { engineOptions } from '../../src/engine/options.js';
import { faultOf, readReply } from '../../src/engine/protocol.js';
import { runJob } from '../../src/engine/run-job.js';
import { KeptEngine, probeModels, probeRuntime } from '../../src/engine/run-once.js';
import { Sessions } from '../../src/engine/sessions.js';
import { bareSpawn } from '../support/bare-spawn.js';
import { additionModel, entryOf, job, model, pipeline, pixelPng, run, setup, stage, tools } from '../support/engine-lab.js';
import { testSurroundings } from '../support/surroundings.js';
import { wavOf } from '../support/wav.js';

bareSpawn();

const find = (count: number, score = 0.5) => stage('find', { count, score }, { as: 'found' });
const block = (as: string, ms: number) => stage('block', { ms }, { as });
const over = (as: string, each: string) => stage('count', {}, { as, each });

test('a stage runs its model and the trace says how often, on what and how long', async (t) => {
  const answer = await run([pipeline('p', [stage('add', { calls: 3 })])]);
  t.match(answer.pipelines, [
    {
      pipeline: 'p',
      state: 'done',
      observations: { add: [{ label: '11, 22' }, { label: '11, 22' }, { label: '11, 22' }] },
      stages: [{ stage: 'add', task: 'add', model: 'addition@1', variant: 'fp32', state: 'ran', inputs: 1, runs: 3, found: 3 }],
    },
  ]);
  const trace = answer.pipelines[0]?.stages[0];
  t.ok((trace?.run_ms ?? 0) > 0 && (trace?.preprocess_ms ?? 0) >= 0 && trace?.postprocess_ms === 0);
  t.ok(answer.decodeMs > 0 && answer.totalMs > answer.decodeMs);
});

test('a stage over an earlier one sees each of its observations, and does not run when there are none', async (t) => {
  const [some, none] = (await run([pipeline('some', [find(3), over('each', 'found')]), pipeline('none', [find(0), over('each', 'found')])]))
    .pipelines;
  t.match(some, { state: 'done', observations: { each: [{ of: 0 }, { of: 1 }, { of: 2 }] } });
  t.match(some?.stages[1], { inputs: 3, found: 3 });
  t.match(none, { state: 'done', observations: { found: [], each: [] } });
  t.match(none?.stages[1], { state: 'skipped: nothing found by found', inputs: 0 });
});

test('a failure in one pipeline leaves the others alone', async (t) => {
  const message = 'the shelf is empty';
  const [bad, good, missing] = (
    await runJob(
      job(['bad', 'good', 'unknown']),
      tools([pipeline('bad', [find(1), stage('throw', { message }), block('rest', 0)]), pipeline('good', [find(1)])]),
    )
  ).pipelines;
  t.match(bad, { state: 'failed', error: { message }, observations: { found: [{ score: 0.5 }] } });
  t.match(bad?.stages, [{ state: 'ran' }, { state: 'failed' }, { state: 'skipped: an earlier stage failed' }]);
  t.match(good, { state: 'done' });
  t.match(missing, { pipeline: 'unknown', state: 'failed', error: { code: 'SHOAL_INTERNAL' } });
});

test('a stage that two pipelines share runs once', async (t) => {
  const stages = (as: string) => [block(as, 1), over('each', as)];
  const pipelines = [pipeline('a', stages('x')), pipeline('b', stages('y')), pipeline('c', [block('x', 2)])];
  const counting = tools(pipelines);
  const ran: unknown[] = [];
  for (const [name, task] of counting.tasks) {
    const run = (input: Parameters<typeof task.run>[0]) => {
      ran.push([name, input.options]);
      return task.run(input);
    };
    counting.tasks.set(name, { ...task, run });
  }
  const answer = await runJob(job(['a', 'b', 'c']), counting);
  t.same(ran, [
    ['block', { ms: 1 }],
    ['count', {}],
    ['block', { ms: 2 }],
  ]);
  t.match(answer.pipelines[1], {
    state: 'done',
    observations: { y: [{ score: 1 }], each: [{ of: 0 }] },
    stages: [
      { stage: 'y', state: 'skipped: shared with a', run_ms: 0, found: 1 },
      { stage: 'each', state: 'skipped: shared with a', found: 1 },
    ],
  });
});

test('what a task finds is bounded, and nonsense fails its stage', async (t) => {
  const count = limits.observationsMax + 10;
  const [many, wrong] = (await run([pipeline('many', [find(count)]), pipeline('wrong', [find(1, Number.NaN)])])).pipelines;
  t.equal(many?.observations.found?.length, limits.observationsMax);
  t.match(many, { state: 'done', stages: [{ found: count }] });
  t.match(wrong, { state: 'failed', error: { code: 'INFERENCE', message: /score/ }, stages: [{ state: 'failed' }] });
});

test('a capture that cannot be decoded fails every pipeline with the reason', async (t) => {
  const pipelines = [pipeline('a', [find(1)]), pipeline('b', [find(1)])];
  const broken = await run(pipelines, {}, Buffer.from('not an image'));
  t.match(broken.pipelines, [
    { pipeline: 'a', state: 'failed', error: { code: 'CAPTURE_DECODE' } },
    { pipeline: 'b', state: 'failed', error: { code: 'CAPTURE_DECODE' } },
  ]);
  const header = { ...job([]).header, kind: 'document', mediaType: 'application/pdf' } as const;
  t.match((await run(pipelines, { header })).pipelines, [{ error: { code: 'CAPTURE_UNSUPPORTED', message: /application\/pdf/ } }, {}]);
});

const fileEnds = pipeline('ends', [stage('ends', { length: 3 })], { reads: ['file'] });

test('a task that reads the file gets any capture, decoded or not, and a broken one too', async (t) => {
  const document = { ...job([]).header, kind: 'document', mediaType: 'application/pdf' } as const;
  t.match((await run([fileEnds], { header: document }, Buffer.from('%PDF-1.7 ...'))).pipelines, [
    { state: 'done', observations: { ends: [{ label: '%PD.....', values: { bytes: 12 } }] } },
  ]);
  const broken = await run([pipeline('a', [find(1)]), fileEnds], {}, Buffer.from('not an image'));
  t.match(broken.pipelines, [
    { pipeline: 'a', state: 'failed', error: { code: 'CAPTURE_DECODE' } },
    { pipeline: 'ends', state: 'done', observations: { ends: [{ label: 'not...ge' }] } },
  ]);
  const [greedy] = (await run([pipeline('p', [stage('ends', { length: limits.fileRangeBytesMax + 1 })], { reads: ['file'] })])).pipelines;
  t.match(greedy, { state: 'failed', error: { code: 'CAPTURE_TOO_LARGE', message: /at once/ } });
  const budget = pipeline('budget', [stage('ends', { length: 1 })], { reads: ['file'], budgetMs: 1000 });
  const alone = await run([budget], {}, Buffer.from('not an image'));
  t.match(alone, { decodeMs: 0, pipelines: [{ state: 'done' }] }, 'nothing is decoded for it');
});

test('a first stage that reads the file gates those that need it decoded, and only what they look at is decoded', async (t) => {
  const gate = (name: string, when?: string) => {
    const then = [stage('find', { count: 2, score: 1 }, { as: 'found', ...(when === undefined ? {} : { when }) }), over('each', 'found')];
    return pipeline(name, [stage('ends', { length: 3 }, { as: 'kind' }), ...then], { reads: ['file', 'image'], budgetMs: 5000 });
  };
  const open = gate('open');
  const shut = gate('shut', "kind.exists(k, k.label == 'nothing')");
  const states = (answer: { readonly stages: readonly { readonly state: string }[] } | undefined) =>
    answer?.stages.map(({ state }) => state);

  const image = await run([shut, open]);
  t.same(states(image.pipelines[0]), ['ran', 'skipped: when is false', 'skipped: found did not run']);
  t.same(states(image.pipelines[1]), ['skipped: shared with shut', 'ran', 'ran']);
  t.ok(image.decodeMs > 0);

  for (const [kind, mediaType, why] of [
    ['document', 'application/pdf', 'the capture is no image'],
    ['audio', 'audio/wav', 'the capture is no image'],
    ['image', 'image/svg+xml', 'no engine decodes image/svg+xml'],
  ] as const) {
    const answer = await run([open], { header: { ...job([]).header, kind, mediaType } }, Buffer.from('something else'));
    t.match(answer, { decodeMs: 0, pipelines: [{ state: 'done', observations: { kind: [{ score: 1 }] } }] });
    t.same(states(answer.pipelines[0]), ['ran', `skipped: ${why}`, `skipped: ${why}`]);
    t.notOk(Object.hasOwn(answer.pipelines[0]?.observations ?? {}, 'found'), 'nothing was looked for');
  }

  // It says that it is one, and is none: what is wrong is told where a stage needed it.
  const broken = await run([shut, open], {}, Buffer.from('not an image'));
  t.match(broken.pipelines, [{ state: 'done' }, { state: 'failed', error: { code: 'CAPTURE_DECODE' }, observations: { kind: [{}] } }]);
  t.same(states(broken.pipelines[1]), ['skipped: shared with shut', 'failed', 'skipped: an earlier stage failed']);
});

test('parts of a file are read where they are, and not from a file that changed meanwhile', async (t) => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'shoal-content-')), 'long');
  // Longer than any capture that is read whole; sparse.
  writeFileSync(file, 'begin');
  truncateSync(file, limits.captureBytesMax + 10);
  const bytes = limits.captureBytesMax + 10;
  const content = await openContent({ path: file }, { bytes });
  t.equal(Buffer.from(await content.read(1, 3)).toString(), 'egi');
  t.same([...(await content.read(bytes - 2, 100))], [0, 0], 'fewer where the file ends');
  t.equal((await content.read(bytes + 5, 10)).length, 0);
  await t.rejects(content.whole(), { code: 'CAPTURE_TOO_LARGE' });
  await t.rejects(content.read(0, limits.fileRangeBytesMax + 1), { code: 'CAPTURE_TOO_LARGE' });
  appendFileSync(file, 'x');
  await t.rejects(content.read(0, 4), { code: 'CAPTURE_CHANGED' });
  await content.close();
  t.equal(Buffer.from(await bytesContent(Buffer.from('abcdef')).read(4, 100)).toString(), 'ef');
});

test('a stage may give later stages of its pipeline another recording, and only those', async (t) => {
  const audio = { reads: ['audio'] } as const;
  const louder = (as: string, by: number) => stage('louder', { by }, { as });
  const listen = (as: string) => stage('listen', {}, { as });
  const header = { ...job([]).header, kind: 'audio', mediaType: 'audio/wav' } as const;
  const pipelines = [
    pipeline('plain', [listen('before')], audio),
    pipeline('louder', [listen('before'), louder('once', 0.25), listen('after'), louder('twice', 0.25), listen('end')], audio),
    pipeline('other', [louder('once', 0.125), listen('after')], audio),
    pipeline('again', [louder('first', 0.25), listen('after')], audio),
  ];
  const answer = await run(pipelines, { header }, wavOf(new Float32Array(8000).fill(0.125), 8000));
  const heard = answer.pipelines.map(({ observations }) =>
    Object.values(observations).map(([found]) => Math.round((found?.values?.heard ?? 0) * 1000) / 1000),
  );
  t.same(heard, [[0.125], [0.125, 0.125, 0.375, 0.375, 0.625], [0.125, 0.25], [0.125, 0.375]]);
  t.match(answer.pipelines[1]?.stages[0], { state: 'skipped: shared with plain' }, 'the recording itself is heard once');
  t.match(answer.pipelines[2]?.stages[1], { state: 'ran' }, 'what another stage made is another recording');
  t.match(answer.pipelines[3]?.stages, [{ state: 'skipped: shared with louder' }, { state: 'skipped: shared with louder' }]);
  t.equal(answer.pipelines[1]?.observations.end?.[0]?.values?.seconds, 1);
});

test('a file is read whole or not at all', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-content-'));
  const at = (name: string) => path.join(folder, name);
  const read = (name: string, bytes = pixelPng.length) => readContent({ path: at(name) }, { bytes });
  writeFileSync(at('good'), pixelPng);
  t.same(Buffer.from(await read('good')), pixelPng);
  symlinkSync(at('good'), at('link'));
  execFileSync('mkfifo', [at('pipe')]);
  mkdirSync(at('folder'));
  await t.rejects(read('link'), { code: 'CAPTURE_UNSUPPORTED', message: /symbolic link/ });
  await t.rejects(read('pipe'), { code: 'CAPTURE_UNSUPPORTED', message: /not a regular file/ });
  await t.rejects(read('folder'), { code: 'CAPTURE_UNSUPPORTED' });
  await t.rejects(read('missing'), { code: 'CAPTURE_CHANGED', message: /gone/ });
  await t.rejects(read('good', 10), { code: 'CAPTURE_CHANGED', message: /10 bytes when claimed/ });
  writeFileSync(at('grows'), Buffer.alloc(64 * 1024 * 1024));
  const growing = read('grows', 64 * 1024 * 1024);
  const timer = setInterval(() => {
    appendFileSync(at('grows'), 'x');
    utimesSync(at('grows'), 1, Math.random() * 1e9);
  }, 1);
  await t.rejects(growing, { code: 'CAPTURE_CHANGED' });
  clearInterval(timer);
});

test('sessions beyond the memory are closed, the least recently used first', async (t) => {
  const models = ['a', 'b', 'c'].map((name) => additionModel(name));
  const large = models.map((each) => ({ ...each, variants: each.variants.map((variant) => ({ ...variant, bytes: 50_000_000 })) }));
  const sessions = new Sessions({ models: large, threads: 1, arena: false, maxMemoryBytes: 210_000_000 });
  const { session: a } = await sessions.get('a@1', 'fp32');
  const { session: b } = await sessions.get('b@1', 'fp32');
  t.equal((await sessions.get('a@1', 'fp32')).session, a, 'kept open');
  await sessions.get('c@1', 'fp32');
  t.equal(sessions.count, 2);
  t.equal((await sessions.get('a@1', 'fp32')).session, a, 'a was used later than b');
  t.not((await sessions.get('b@1', 'fp32')).session, b, 'b was closed and is opened anew');
  await sessions.settle('b@1', 'fp32', 200_000_000);
  t.equal(sessions.count, 1, 'one whose working memory is large leaves no room for others');
  await t.rejects(sessions.get('d@1', 'fp32'), { code: 'MODEL_MISSING' });
});

test('a reply is checked in every field', async (t) => {
  const answer = (observations: unknown, more: object = {}) => ({
    type: 'answer',
    seq: 0,
    rssBytes: 1,
    answers: [
      {
        pipelines: [{ pipeline: 'p', state: 'done', observations: { x: observations }, stages: [], ...more }],
        decodeMs: 0,
        waitedMs: 0,
        totalMs: 0,
      },
    ],
  });
  const full = {
    score: 1,
    label: 'a',
    text: 'b',
    box: { x_min: 0, y_min: 0, x_max: 1, y_max: 1 },
    segment: { start_s: 0, end_s: 1 },
    of: 0,
  };
  const good = answer([
    {
      ...full,
      quad: [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
      ],
      points: { eye: [0.5, 0.5] },
      values: { yaw_deg: -12.5 },
      embedding: [0.6, -0.8],
    },
  ]);
  t.same(readReply(good), good);
  const bad: readonly [unknown, RegExp][] = [
    [undefined, /agreed form/],
    [{ type: 'shout' }, /type/],
    [{ type: 'started', seq: -1 }, /seq/],
    [answer([{ score: 1.01 }]), /score/],
    [answer([{ score: 0.5, box: { ...full.box, x_min: Number.POSITIVE_INFINITY } }]), /x_min/],
    [answer([{ score: 0.5, text: 'x'.repeat(limits.textCharsMax + 1) }]), /text/],
    [answer([{ score: 0.5, extra: 1 }]), /extra/],
    [answer([{ score: 0.5, values: { 'yaw deg': 1 } }]), /values/],
    [answer([{ score: 0.5, values: { yaw_deg: Number.NaN } }]), /yaw_deg/],
    [
      answer([{ score: 0.5, values: Object.fromEntries(Array.from({ length: limits.valuesMax + 1 }, (_, i) => [`v${i}`, i])) }]),
      /more than 64 values/,
    ],
    [answer([{ score: 0.5, embedding: new Array(limits.embeddingMax + 1).fill(0) }]), /embedding/],
    [answer(Array.from({ length: limits.observationsMax + 1 }, () => ({ score: 1 }))), /observations/],
    [answer([], { state: 'great' }), /state/],
    [answer(Array.from({ length: 1500 }, () => ({ score: 1, text: 'x'.repeat(4000) }))), /bytes/],
    [answer(new Uint8Array(limits.answerBytesMax + 1)), /bytes/],
  ];
  for (const [message, words] of bad) t.throws(() => readReply(message), { code: 'ENGINE_PROTOCOL', message: words });
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  t.throws(() => readReply(deep), { code: 'ENGINE_PROTOCOL' });
  t.equal(faultOf([full]), null);
});

test('the number of engines follows cores, memory and the group the process lives in', async (t) => {
  const options = engineOptions.parse({});
  const gib = 2 ** 30;
  t.equal(engineCount(options, { cores: 4, memoryBytes: 8 * gib }), 3);
  t.equal(engineCount(options, { cores: 1, memoryBytes: 8 * gib }), 1);
  t.equal(engineCount(options, { cores: 4, memoryBytes: gib }), 2);
  t.equal(engineCount(options, { cores: 4, memoryBytes: gib / 4 }), 1);
  t.equal(engineCount({ ...options, count: 5 }, { cores: 1, memoryBytes: gib }), 5);
  const root = mkdtempSync(path.join(tmpdir(), 'shoal-board-'));
  const put = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  t.same(readCapacity(root, 4), { cores: 4, memoryBytes: Number.POSITIVE_INFINITY }, 'unknown is no limit');
  put('proc/meminfo', 'MemTotal:        8000000 kB\nMemAvailable:    4000000 kB\n');
  put('proc/self/cgroup', '1:name=systemd:/\n0::/system.slice/shoal.service\n');
  t.same(readCapacity(root, 4), { cores: 4, memoryBytes: 4_096_000_000 });
  put('sys/fs/cgroup/system.slice/cpu.max', '250000 100000\n');
  put('sys/fs/cgroup/system.slice/shoal.service/cpu.max', 'max 100000\n');
  put('sys/fs/cgroup/system.slice/shoal.service/memory.max', `${gib}\n`);
  put('sys/fs/cgroup/system.slice/shoal.service/memory.current', `${gib / 4}\n`);
  put('sys/fs/cgroup/system.slice/memory.max', 'max\n');
  t.same(readCapacity(root, 4), { cores: 2, memoryBytes: 0.75 * gib });
  t.ok(readCapacity().memoryBytes > 0 && readCapacity().cores >= 1, 'this machine has some of each');
});

test('models and the runtime are probed in processes of their own', async (t) => {
  const { log } = testSurroundings();
  const entry = entryOf('engine-entry');
  const models = [
    model,
    additionModel('garbage', {}, Buffer.from('this is no model')),
    additionModel('other-card', { outputs: [{ name: 'd', dtype: 'float32', shape: [2] }] }),
    additionModel('changed', { variants: model.variants.map((variant) => ({ ...variant, sha256: '0'.repeat(64) })) }),
  ];
  t.match(await probeModels(models, log, entry), [
    { model: 'addition@1', variant: 'fp32', ok: true },
    { model: 'garbage@1', ok: false, reason: /runtime refuses/ },
    { model: 'other-card@1', ok: false, reason: /output "d" is nothing of that name/ },
    { model: 'changed@1', ok: false, reason: /its card says 0000/ },
  ]);
  t.match(await probeRuntime(log, entry), { ok: true });
  t.match(await probeRuntime(log, entryOf('engine-exits')), { ok: false, reason: /exit code 3; it said: cannot work here/ });
  t.match(await probeRuntime(log, entryOf('engine-sigill')), { ok: false, reason: /SIGILL/ });
});

test('captures can be run one after the other in an engine of their own, which is replaced when it dies of one', async (t) => {
  const kept = new KeptEngine(
    setup(testSurroundings(), [
      pipeline('process', [stage('process')]),
      pipeline('crash', [stage('crash', { options: { says: 'dying' } })]),
    ]),
  );
  t.teardown(() => kept.stop());
  const pid = async () => (await kept.run(job(['process']))).pipelines[0]?.observations.process?.[0]?.label;
  const first = await pid();
  t.match(first, /^\d+$/);
  t.equal(await pid(), first, 'it is kept');
  await t.rejects(kept.run(job(['crash'])), { code: 'ENGINE_CRASHED', alone: true });
  const second = await pid();
  t.match(second, /^\d+$/);
  t.not(second, first);
});

test('an engine that does not start says why', async (t) => {
  const once = { ...setup(testSurroundings(), []), entry: entryOf('engine-exits') };
  await t.rejects(new KeptEngine(once).run(job(['size'])), { code: 'ENGINE_UNAVAILABLE', message: /cannot work here/ });
});
