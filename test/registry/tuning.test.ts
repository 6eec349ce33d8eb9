/**
 * Choosing among installed variants: which figures count, who wins, what runs, and that a change is told once.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import type { Model, VariantAccuracy } from '../../src/core/model.js';
import { chooseVariant, type VariantPolicy } from '../../src/registry/choose-variant.js';
import { decide, ratioOf, referenceOf, upperRank } from '../../src/registry/decide.js';
import { type BoardFingerprint, differences, fingerprintOf } from '../../src/registry/fingerprint.js';
import { modelsMessage } from '../../src/registry/models-message.js';
import type { VariantRun } from '../../src/registry/resolve.js';
import { RunningVariants } from '../../src/registry/running-variants.js';
import { readTuning, type TuneFile, type Tuning, tuningOf, type VariantTuning } from '../../src/registry/tuning.js';
import { compareVariants, readVariantMemory } from '../../src/registry/variant-memory.js';
import { testSurroundings } from '../support/surroundings.js';

const hash = (digit: string) => digit.repeat(64);
const accuracy: VariantAccuracy = { metric: 'faces missed', loss: 0.001, bound: 0.002, budget: 0.0025 };

function modelOf(change: Partial<Model> = {}): Model {
  return {
    name: 'faces',
    version: '1.0.0',
    task: 'detect-faces',
    title: 'Faces',
    licence: 'MIT',
    source: 'https://example.com',
    directory: '/models/faces/1.0.0',
    inputs: [],
    outputs: [],
    params: {},
    labels: [],
    variants: [
      { name: 'fp32', path: '/f', sha256: hash('a'), bytes: 10 },
      { name: 'int8', path: '/i', sha256: hash('b'), bytes: 4, accuracy },
    ],
    ...change,
  };
}

const board: BoardFingerprint = {
  class: 'arm64-dot',
  board: 'Raspberry Pi 5 Model B',
  cpu: '0x41:0xd0b',
  features: ['asimddp'],
  cores: 4,
  memory_bytes: 8e9,
  runtime: '1.30.0',
};

function measured(digit: string, change: Partial<VariantTuning> = {}): VariantTuning {
  const spread = { median: 20, min: 19, max: 30 };
  return {
    sha256: hash(digit),
    bytes: 10,
    load_ms: 12,
    memory_bytes: 1e7,
    found: 1,
    threads: [{ threads: 1, runs: 9, cpu_ms: spread, wall_ms: spread }],
    engines: [],
    ...change,
  };
}

function tuneFileOf(change: Partial<TuneFile> = {}): TuneFile {
  const variants = { fp32: measured('a'), int8: measured('b', { cpu_ratio: { median: 0.5, bound: 0.6 } }) };
  const faces = { measured_at: '2026-11-24T05:00:00.000Z', reference: 'fp32', winner: 'int8', reason: 'int8 is faster', variants };
  return { schema: 'shoal/tune/1', shoal: '0.1.0', board, models: { 'faces@1.0.0': faces }, ...change };
}

const usable = (file = tuneFileOf()): Tuning => ({ state: 'usable', file });
const policyOf = (change: Partial<VariantPolicy> = {}): VariantPolicy => ({
  mode: 'auto',
  board: board.class,
  tuning: usable(),
  ...change,
});

test('a board is told from another by what decides speed, not by what a kernel update changes', (t) => {
  const nature = {
    model: 'Pi',
    arch: 'arm64',
    cpu: '0x41:0xd0b',
    cpu_features: ['fp', 'asimddp', 'crc32'],
    processors: 4,
    memory_bytes: 8e9,
  };
  const here = fingerprintOf(nature, '1.30.0');
  t.strictSame(here.features, ['asimddp'], 'features that choose no kernel are left out');
  t.equal(here.class, 'arm64-dot');
  t.strictSame(differences(here, { ...here, memory_bytes: 7.9e9 }), []);
  const changes: [Partial<BoardFingerprint>, RegExp][] = [
    [{ cpu: '0x41:0xd08' }, /^CPU 0x41:0xd0b, here 0x41:0xd08$/],
    [{ cores: 2 }, /^cores 4, here 2$/],
    [{ runtime: '1.31.0' }, /ONNX Runtime 1\.30\.0, here 1\.31\.0/],
    [{ memory_bytes: 4e9 }, /memory 8000 MB, here 4000 MB/],
    [{ features: [] }, /CPU features asimddp, here $/],
    [{ board: null }, /board Pi, here unnamed/],
    [{ class: 'arm64' }, /class arm64-dot, here arm64/],
  ];
  for (const [change, said] of changes) {
    const found = differences(here, { ...here, ...change });
    t.equal(found.length, 1);
    t.match(found[0], said);
  }
  t.end();
});

test('a tuning counts on its own board only, and a damaged one is said to be one', async (t) => {
  const dir = t.testdir();
  const file = join(dir, 'tune.json');
  const write = (content: string) => writeFileSync(file, content);
  t.match(await readTuning(file, board), { state: 'none', reason: /not tuned: run "shoal models tune"/ });
  write(JSON.stringify(tuneFileOf()));
  t.match(await readTuning(file, board), { state: 'usable', file: { models: { 'faces@1.0.0': { winner: 'int8' } } } });
  const elsewhere = await readTuning(file, { ...board, cpu: 'another' });
  t.match(elsewhere, { state: 'unusable', reason: /of another board \(CPU 0x41:0xd0b, here another\)/ });
  const damaged: [string, RegExp][] = [
    [JSON.stringify(tuneFileOf()).slice(0, 200), /cannot be read/],
    ['', /cannot be read/],
    ['{"schema":"shoal/tune/2"}', /is no tuning: schema/],
    [JSON.stringify(tuneFileOf()).replace('"winner":"int8"', '"winner":"int4"'), /winner and reference must be among the variants/],
    [JSON.stringify(tuneFileOf()).replace('"median":20', '"median":"20"'), /is no tuning: models/],
    [' '.repeat(limits.tuneBytesMax + 1), /the limit is/],
  ];
  for (const [content, said] of damaged) {
    write(content);
    t.match(await readTuning(file, board), { state: 'unusable', reason: said });
  }
  const folder = join(dir, 'folder');
  mkdirSync(folder);
  t.match(await readTuning(folder, board), { state: 'unusable', reason: /is no file/ });
});

test('figures count for exactly the files they were measured of', (t) => {
  t.match(tuningOf(modelOf(), usable()), { winner: 'int8' });
  const [fp32, int8] = modelOf().variants;
  if (!fp32 || !int8) throw new Error('the model has two variants');
  t.match(tuningOf(modelOf({ variants: [fp32, { ...int8, sha256: hash('c') }] }), usable()), /not those that were tuned \(int8\)/);
  t.match(tuningOf(modelOf({ variants: [fp32] }), usable()), /a variant is gone/);
  t.match(tuningOf(modelOf({ variants: [fp32, int8, { ...int8, name: 'int7' }] }), usable()), /not those that were tuned \(int7\)/);
  t.match(tuningOf(modelOf({ version: '2.0.0' }), usable()), /not tuned on this board/);
  t.match(tuningOf(modelOf(), { state: 'none', reason: 'never' }), 'never');
  t.end();
});

test('the bound of a ratio is above the median with 95 % certainty, and needs enough runs', (t) => {
  t.equal(upperRank(9), 8, 'P(Binomial(9, 1/2) <= 7) = 0.98, and 0.91 for 6');
  t.equal(upperRank(3), 3, 'three runs cannot tell: the largest');
  t.ok(upperRank(limits.tuneRunsMax) < limits.tuneRunsMax * 0.55, 'many runs close in on the median');
  const reference = [10, 20, 10, 20, 10, 20, 10, 20, 10];
  t.strictSame(
    ratioOf(
      reference.map((value) => value / 2),
      reference,
    ),
    { median: 0.5, bound: 0.5 },
    'what slows both cancels out',
  );
  t.match(ratioOf([5, 5, 5, 5, 5, 9, 9, 11, 12], Array(9).fill(10) as number[]), { median: 0.5, bound: 1.1 });
  t.end();
});

test('a variant wins only if it is faster beyond noise and accurate enough; otherwise the reference stays, with the reason', (t) => {
  const verdict = (change: Partial<VariantTuning>, own: Partial<VariantAccuracy> | null = {}) => {
    const [fp32, int8] = modelOf().variants;
    if (!fp32 || !int8) throw new Error('the model has two variants');
    const { accuracy: _, ...bare } = int8;
    const second = own === null ? bare : { ...int8, accuracy: { ...accuracy, ...own } };
    return decide(modelOf({ variants: [fp32, second] }), { fp32: measured('a'), int8: measured('b', change) });
  };
  t.match(verdict({ cpu_ratio: { median: 0.5, bound: 0.6 } }), {
    winner: 'int8',
    reason: /int8 takes 50 % of the CPU time \(at most 60 %\).*faces missed at most 0\.2 points worse, 0\.25 points allowed/,
  });
  const stays: [Partial<VariantTuning>, Partial<VariantAccuracy> | null, RegExp][] = [
    [{ cpu_ratio: { median: 0.5, bound: 1.1 } }, {}, /fp32 stays: int8 is not faster here beyond noise: it takes 50 %/],
    [{ cpu_ratio: { median: 0.97, bound: 0.98 } }, {}, /not faster here/],
    [{ cpu_ratio: { median: 1.4, bound: 1.5 } }, {}, /not faster here/],
    [{ cpu_ratio: { median: 0.5, bound: 0.6 } }, { bound: 0.0026 }, /not accurate enough/],
    [{ cpu_ratio: { median: 0.5, bound: 0.6 } }, null, /states no accuracy/],
    [{ failure: 'the runtime refuses it' }, {}, /int8 does not run here \(the runtime refuses it\)/],
    [{}, {}, /was not compared/],
  ];
  for (const [change, own, why] of stays) t.match(verdict(change, own), { winner: 'fp32', reason: why });
  const alone = modelOf({ variants: modelOf().variants.slice(0, 1) });
  t.match(decide(alone, { fp32: measured('a') }), { winner: 'fp32', reason: 'it is the only variant' });
  const broken = { fp32: measured('a', { failure: 'SIGILL' }), int8: measured('b') };
  t.equal(decide(modelOf(), broken).winner, 'int8', 'what runs is better than what does not');
  const none = decide(modelOf(), { fp32: measured('a', { failure: 'SIGILL' }), int8: measured('b', { failure: 'SIGILL' }) });
  t.match(none, { winner: 'fp32', reason: /no variant runs here: SIGILL/ });
  t.equal(referenceOf([...modelOf().variants].reverse())?.name, 'fp32', 'wherever it stands in the card');
  t.end();
});

test('of several that win the fastest runs', (t) => {
  const [fp32, int8] = modelOf().variants;
  if (!fp32 || !int8) throw new Error('the model has two variants');
  const model = modelOf({ variants: [fp32, int8, { ...int8, name: 'int7' }] });
  const ratio = (median: number) => ({ cpu_ratio: { median, bound: median } });
  const all = { fp32: measured('a'), int8: measured('b', ratio(0.6)), int7: measured('b', ratio(0.4)) };
  t.equal(decide(model, all).winner, 'int7');
  t.end();
});

test('pinned asks the card and the class of the board, auto what was measured here', (t) => {
  const pinned = modelOf({ pinned: { arm64: 'int8', default: 'fp32' } });
  const none: Tuning = { state: 'none', reason: 'this board is not tuned' };
  t.match(chooseVariant(pinned, policyOf({ mode: 'pinned' })), {
    variant: { name: 'int8' },
    by: 'pinned',
    reason: /its card pins it for arm64-dot/,
  });
  t.match(chooseVariant(pinned, policyOf({ mode: 'pinned', board: 'x64' })), { variant: { name: 'fp32' }, by: 'pinned' });
  t.match(chooseVariant(modelOf(), policyOf({ mode: 'pinned' })), { variant: { name: 'fp32' }, reason: 'it is the first of its card' });
  t.match(chooseVariant(modelOf(), policyOf()), { variant: { name: 'int8' }, by: 'auto', reason: 'int8 is faster' });
  t.match(chooseVariant(modelOf(), policyOf({ tuning: none })), {
    variant: { name: 'fp32' },
    by: 'pinned',
    reason: 'it is the first of its card, since this board is not tuned',
  });
  const imported = tuneFileOf();
  const faces = imported.models['faces@1.0.0'];
  if (faces === undefined) throw new Error('the tuning knows the model');
  const foreign = { ...imported, models: { 'faces@1.0.0': { ...faces, measured_on: board } } };
  t.match(chooseVariant(modelOf(), policyOf({ tuning: usable(foreign) })), {
    by: 'auto',
    reason: /as imported from another board of the class/,
  });
  t.equal(chooseVariant(modelOf({ variants: [] }), policyOf()), null);
  t.end();
});

const runOf = (name: 'fp32' | 'int8', change: Partial<VariantRun> = {}): VariantRun => {
  const variant = modelOf().variants.find((each) => each.name === name);
  if (variant === undefined) throw new Error('the model has it');
  return { model: modelOf(), variant, by: 'auto', reason: `${name} is best`, pipelines: ['gate'], ...change };
};
const now = { boot: 7, at: '2026-11-24T05:00:00.000Z' };

test('a change is told once, with both variants and the reason; a first run and the same again are none', (t) => {
  const empty = { schema: 'shoal/variants/1', models: {} } as const;
  const first = compareVariants(empty, [runOf('fp32')], now);
  t.strictSame(first.changes, []);
  t.strictSame(compareVariants(first.next, [runOf('fp32')], { ...now, boot: 8 }), { next: first.next, changes: [] });
  const second = compareVariants(first.next, [runOf('int8')], { ...now, boot: 9 });
  t.strictSame(second.changes, [{ model: 'faces@1.0.0', from: ['fp32'], to: ['int8'], reason: 'int8 is best', ...now, boot: 9 }]);
  t.strictSame(compareVariants(second.next, [runOf('int8')], { ...now, boot: 10 }).changes, [], 'not a second time');
  const away = compareVariants(second.next, [], { ...now, boot: 11 });
  t.equal(compareVariants(away.next, [runOf('fp32')], { ...now, boot: 12 }).changes.length, 1, 'a model that was away is remembered');
  const both = compareVariants(second.next, [runOf('fp32', { by: 'stage', reason: 'the stage names it' }), runOf('int8')], now);
  t.match(both.changes, [{ from: ['int8'], to: ['fp32', 'int8'], reason: 'the stage names it; int8 is best' }]);
  t.end();
});

test('changes are said before they are remembered, and a damaged memory says so', async (t) => {
  const file = join(t.testdir(), 'variants.json');
  const { log, lines } = testSurroundings();
  const order: string[] = [];
  const write = (path: string, text: string) => {
    order.push(`${lines.length} lines said`);
    return Promise.resolve(writeFileSync(path, text));
  };
  const start = async (name: 'fp32' | 'int8', writer = write) => {
    const running = new RunningVariants(policyOf(), [runOf(name)]);
    await running.tellChanges({ file, write: writer, ...now, log });
    return running;
  };
  await start('fp32');
  t.ok(existsSync(file));
  t.strictSame(lines, []);
  const changed = await start('int8');
  t.match(lines, [
    { level: 'warn', message: 'faces@1.0.0 runs as int8 from now on, no longer as fp32', fields: { reason: 'int8 is best' } },
  ]);
  t.strictSame(order, ['0 lines said', '1 lines said']);
  t.match(changed.changes, [{ from: ['fp32'], to: ['int8'] }]);
  t.strictSame((await start('int8')).changes, []);
  t.equal(lines.length, 1, 'once');
  await start('fp32', () => Promise.reject(new Error('the disk is full')));
  t.match(
    lines.slice(1).map(({ message }) => message),
    [/from now on/, /cannot be written/],
  );
  writeFileSync(file, '{"schema"');
  t.match((await readVariantMemory(file)).problem, /cannot be used/);
  writeFileSync(file, '{"schema":"shoal/variants/9"}');
  t.match((await readVariantMemory(file)).problem, /not of the agreed form/);
});

test('where auto was asked for and pinned runs, health and the log say why', (t) => {
  const tell = (policy: Partial<VariantPolicy>, by: 'auto' | 'pinned' = 'pinned') => {
    const { log, lines, health, states } = testSurroundings();
    new RunningVariants(policyOf(policy), [runOf('fp32', { by })]).tellPolicy(log, health);
    return { said: lines.map(({ message }) => message), state: states.get('variants') };
  };
  const foreign: Tuning = { state: 'unusable', reason: 'tune.json is of another board' };
  t.match(tell({ tuning: foreign }), {
    said: [/the tuning is not used: tune\.json is of another board/],
    state: { state: 'degraded', reason: /another board/ },
  });
  t.match(tell({ tuning: { state: 'none', reason: 'not tuned' } }), { said: [/pinned ones run: not tuned/], state: { state: 'degraded' } });
  t.strictSame(tell({}, 'auto'), { said: [], state: { state: 'ok', reason: undefined } });
  t.strictSame(tell({ mode: 'pinned', tuning: { state: 'none', reason: 'not tuned' } }), { said: [], state: undefined }, 'nobody asked');
  t.match(tell({ mode: 'pinned', tuning: foreign }), { said: [/not used/], state: undefined });
  t.end();
});

test('the models message is what its schema says, names cost and accuracy where they are known, and is bounded', async (t) => {
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  addFormats.default(ajv);
  const valid = ajv.compile(JSON.parse(readFileSync('docs/schema/models-1.json', 'utf8')) as object);
  const { next } = compareVariants({ schema: 'shoal/variants/1', models: { 'faces@1.0.0': { variants: ['fp32'] } } }, [runOf('int8')], now);
  const facts = { device: 'dock-7', configHash: '0123456789abcdef', boot: 7, policy: policyOf(), runs: [runOf('int8')], memory: next };
  const message = modelsMessage(facts);
  t.ok(valid(message), ajv.errorsText(valid.errors));
  const golden = 'test/registry/golden/models-1.json';
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, `${JSON.stringify(message, null, 1)}\n`);
  t.strictSame(message, JSON.parse(readFileSync(golden, 'utf8')));
  const calibration = {
    method: 'temperature',
    temperature: 2,
    samples: 200,
    calibrated_on: 'a test',
    ece_before: 0.2,
    ece_after: 0.1,
  } as const;
  const run = runOf('int8');
  const calibrated = modelsMessage({ ...facts, runs: [{ ...run, variant: { ...run.variant, calibration } }] });
  t.ok(valid(calibrated), ajv.errorsText(valid.errors));
  const { temperature: _, ...told } = calibration;
  t.strictSame((calibrated.models as { calibration?: object }[])[0]?.calibration, told);
  const bare = modelsMessage({ ...facts, policy: policyOf({ tuning: { state: 'none', reason: 'never' } }), runs: [runOf('fp32')] });
  t.ok(valid(bare), ajv.errorsText(valid.errors));
  t.match(bare, { tuned: 'none' });
  t.notOk('cost' in ((bare.models as object[])[0] ?? {}), 'no figure nobody measured');
  const many = modelsMessage({ ...facts, runs: Array.from({ length: 800 }, () => runOf('int8')) });
  t.ok(valid(many), ajv.errorsText(valid.errors));
  t.ok(Buffer.byteLength(JSON.stringify(many)) <= limits.payloadBytesMax);
  t.equal((many.models as object[]).length + (many.models_cut as number), 800);
});
