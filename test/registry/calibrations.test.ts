/** Calibrations of a board: they count for the very file they were fitted on, before those of the card; what does not fit is said. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import { stringify } from 'yaml';
import type { StatedCalibration } from '../../src/core/calibration.js';
import type { Model } from '../../src/core/model.js';
import {
  calibrationProblems,
  calibrationsFileIn,
  calibrationsText,
  noCalibrations,
  readCalibrations,
  tellCalibrations,
  withCalibrations,
} from '../../src/registry/calibrations.js';
import { readCard } from '../../src/registry/card.js';
import { testSurroundings } from '../support/surroundings.js';

const calibration = (temperature: number): StatedCalibration => ({
  method: 'temperature',
  temperature,
  samples: 200,
  calibrated_on: 'a test',
  ece_before: 0.2,
  ece_after: 0.1,
});
const sha = (letter: string) => letter.repeat(64);
const model: Model = {
  name: 'things',
  version: '1.0.0',
  task: 'find-things',
  title: 'things',
  licence: 'MIT',
  source: 'a test',
  directory: '/models/things/1.0.0',
  inputs: [],
  outputs: [],
  params: {},
  labels: [],
  variants: [
    { name: 'fp32', path: '/a', sha256: sha('a'), bytes: 1, calibration: calibration(9) },
    { name: 'int8', path: '/b', sha256: sha('b'), bytes: 1 },
  ],
};
const fitted = (letter: string, temperature: number) => ({ sha256: sha(letter), calibration: calibration(temperature) });
const temperatures = (given: Model) =>
  given.variants.map((each) => (each.calibration as { temperature?: number } | undefined)?.temperature);

test("a board's calibration goes before the card's, for the very file it was fitted on", async (t) => {
  t.equal(withCalibrations(model, noCalibrations), model);
  const both = { models: { 'things@1.0.0': { fp32: fitted('a', 2), int8: fitted('b', 3) } } };
  t.same(temperatures(withCalibrations(model, both)), [2, 3]);
  t.same(calibrationProblems(both, [model]), []);
  const stale = { models: { 'things@1.0.0': { fp32: fitted('c', 2), int4: fitted('b', 3) }, 'gone@1.0.0': { fp32: fitted('a', 2) } } };
  t.same(temperatures(withCalibrations(model, stale)), [9, undefined]);
  t.same(calibrationProblems(stale, [model]), [
    'things@1.0.0, variant fp32, is another file than the one that was calibrated',
    'the variant int4 of things@1.0.0 is calibrated, and there is none',
    'gone@1.0.0 is calibrated, and not installed',
  ]);
  t.same(temperatures(withCalibrations({ ...model, name: '__proto__' }, stale)), [9, undefined]);
});

test('a file of calibrations is read whole or not at all', async (t) => {
  const state = t.testdir();
  t.strictSame(await readCalibrations(state), noCalibrations);
  const models = { 'things@1.0.0': { int8: fitted('b', 3) } };
  const read = (content: string) => {
    writeFileSync(calibrationsFileIn(state), content);
    return readCalibrations(state);
  };
  t.strictSame(await read(calibrationsText(models)), { models });
  for (const [content, reason] of [
    ['{', /is not used, so scores are as the models give them/],
    [JSON.stringify({ schema: 'shoal/calibrations/2', models }), /schema/],
    [calibrationsText({ a: { fp32: { ...fitted('b', 3), sha256: 'b' } } }), /models\.a\.fp32\.sha256/],
    [calibrationsText({ a: { fp32: fitted('b', 0) } }), /models\.a\.fp32\.calibration\.temperature/],
    [' '.repeat(5_000_000), /no file of calibrations/],
  ] as const) {
    const { models: none, problem } = await read(content);
    t.strictSame(none, {});
    t.match(problem, reason);
  }
  mkdirSync(path.join(state, 'other', 'calibrations.json'), { recursive: true });
  t.match((await readCalibrations(path.join(state, 'other'))).problem, /no file of calibrations/);
});

test('one that is not used shows in readiness', async (t) => {
  const { log, lines } = testSurroundings();
  const said: unknown[] = [];
  const health = { set: (...all: unknown[]) => void said.push(all) };
  tellCalibrations([], log, health);
  tellCalibrations(['it is another file'], log, health);
  t.same(said, [
    ['calibrations', 'ok'],
    ['calibrations', 'degraded', 'it is another file'],
  ]);
  t.match(lines, [{ level: 'warn', message: 'a calibration is not used: it is another file' }]);
});

/** Reads a card with `change` in it and `ofVariant` in its only variant. */
function readWith(t: Test, change: object, ofVariant: object = {}) {
  const folder = path.join(t.testdir(), 'things', '1.0.0');
  mkdirSync(folder, { recursive: true });
  const tensor = { dtype: 'float32', shape: [1] };
  const card = {
    name: 'things',
    version: '1.0.0',
    task: 'find-things',
    title: 'Things',
    licence: 'MIT',
    source: { upstream: 'https://example.com/things' },
    variants: {
      fp32: { file: 'a.onnx', sha256: sha('a'), bytes: 1 },
      int8: { file: 'b.onnx', sha256: sha('b'), bytes: 1, ...ofVariant },
    },
    inputs: [{ name: 'x', ...tensor }],
    outputs: [{ name: 'y', ...tensor }],
    ...change,
  };
  writeFileSync(path.join(folder, 'card.yaml'), stringify(card));
  return readCard(folder);
}

test('a card states how the scores of a model are calibrated, and otherwise for a variant of its own', async (t) => {
  const { temperature: _, ...evidence } = { temperature: 0, ...calibration(2) };
  const points = [
    [0.2, 0.1],
    [0.9, 0.8],
  ];
  const own = { ...evidence, method: 'isotonic', points };
  const { model: read } = await readWith(t, { calibration: calibration(2) }, { calibration: own });
  t.match(read.variants[0]?.calibration, calibration(2));
  t.match(read.variants[1]?.calibration, { method: 'isotonic', points });
  t.notOk((await readWith(t, {})).model.variants[0]?.calibration);
  const turning = [
    [0.2, 0.5],
    [0.6, 0.4],
  ];
  const bad: [object, RegExp][] = [
    [{ ...calibration(2), ece_after: 0.2 }, /calibration\.ece_after: ece_after must be below ece_before: .* no better is none/],
    [{ ...calibration(2), method: 'platt' }, /calibration\.method/],
    [calibration(0), /calibration\.temperature/],
    [{ ...own, points: turning }, /calibration\.points: must ascend in both numbers/],
    [{ ...own, points: [[0.2, 1.5]] }, /calibration\.points\.0\.1/],
    [{ ...own, points: [] }, /calibration\.points/],
    [{ ...calibration(2), calibrated_on: '' }, /calibration\.calibrated_on/],
    [{ ...calibration(2), samples: undefined }, /calibration\.samples/],
    [{ ...calibration(2), points }, /calibration: .*points/],
  ];
  for (const [given, reason] of bad) {
    await t.rejects(readWith(t, { calibration: given }), { code: 'MODEL_INVALID', message: reason });
    await t.rejects(readWith(t, {}, { calibration: given }), { code: 'MODEL_INVALID', message: /variants\.int8\.calibration/ });
  }
});
