/** Fits and verdicts on made-up classes whose truth is known, and the ONNX model against the fit. */
import { test } from 'tap';
import { readModel } from '../../src/compile/onnx/read.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import type { ModelFacts } from '../../src/core/model.js';
import { floats, type Tensors } from '../../src/core/tensor.js';
import { Session } from '../../src/engine/session.js';
import { type ClassModel, classesOnBuckets, classesOnEmbedding, classesOnFeatures } from '../../src/learn/classes/class-model.js';
import { bucketRows, denseRows, standardised, standardOf } from '../../src/learn/classes/features.js';
import { dividedInFolds, type Examples, fitClasses } from '../../src/learn/classes/fit-classes.js';
import { judgeClasses } from '../../src/learn/classes/judge-classes.js';
import { learnClasses } from '../../src/learn/classes/learn-classes.js';
import { fitLogistic, type Linear, scoreRow, softmax } from '../../src/learn/classes/logistic.js';
import { distinctSamples, type Sample } from '../../src/learn/classes/samples.js';
import { seriesParams, seriesRows } from '../../src/learn/classes/series-subject.js';
import { Chance } from '../support/chance.js';
import { graphOf, typedValue } from '../support/tiny-onnx.js';

/** Points around a corner for each class, `spread` wide. */
function clouds(counts: readonly number[], spread: number, seed = 3): Examples {
  const chance = new Chance(seed);
  const bell = () => chance.between(-1, 1) + chance.between(-1, 1) + chance.between(-1, 1);
  const classOf = Int32Array.from(counts.flatMap((count, k) => Array.from({ length: count }, () => k)));
  const points = [...classOf].map((k) => Array.from({ length: 6 }, (_, i) => (i === k ? 3 : 0) + spread * bell()));
  const alone = classOf.map((_, i) => i);
  return { rows: denseRows(points, 6), dense: true, sampleOf: alone, classOf, groupOf: alone, classes: counts.length };
}

const named = ({ classOf }: Examples): Sample[] =>
  [...classOf].map((label, i) => ({ name: `sample ${i}`, label, group: null, sha256: `${i}` }));

function shares(rows: Examples['rows'], row: number, linear: Linear): Float64Array {
  const scores = new Float64Array(linear.classes);
  scoreRow(rows, row, linear, scores);
  softmax(scores);
  return scores;
}

test('the regression ends where its slope is nothing: weights are the errors over the strength, and the errors of each class add up to nothing', async (t) => {
  const { rows, classOf } = clouds([12, 8, 10], 1.5);
  const chosen = [...classOf.keys()].filter((row) => row % 5 !== 0);
  const weightOf = Float64Array.from(classOf, (_, i) => 1 + (i % 2));
  const strength = 0.5;
  const linear = fitLogistic({ rows, chosen, classOf, weightOf, classes: 3 }, strength);
  const slope = new Float64Array(linear.weights.length);
  const sums = new Float64Array(3);
  for (const row of chosen) {
    for (const [k, share] of shares(rows, row, linear).entries()) {
      const error = (weightOf[row] ?? 0) * ((classOf[row] === k ? 1 : 0) - share);
      sums[k] = (sums[k] ?? 0) + error;
      for (let i = 0; i < 6; i++) slope[i * 3 + k] = (slope[i * 3 + k] ?? 0) + (error * (rows.values[row * 6 + i] ?? 0)) / strength;
    }
  }
  t.ok(Math.max(...linear.weights.map(Math.abs)) > 0.3, 'something was learned');
  t.ok(Math.max(...slope.map((value, i) => Math.abs(value - (linear.weights[i] ?? 0)))) < 0.02);
  t.ok(Math.max(...sums.map(Math.abs)) < 0.02);
  const again = fitLogistic(
    { rows, chosen, classOf, weightOf, classes: 3 },
    strength,
    fitLogistic({ rows, chosen, classOf, weightOf, classes: 3 }, 5),
  );
  t.ok(Math.max(...again.weights.map((value, i) => Math.abs(value - (linear.weights[i] ?? 0)))) < 0.02, 'wherever it began');
});

test('folds keep groups whole and give every class its share', async (t) => {
  const classOf = Int32Array.from({ length: 60 }, (_, i) => i % 3);
  const groupOf = Int32Array.from({ length: 60 }, (_, i) => Math.floor(i / 6));
  const foldOf = dividedInFolds({ classOf, groupOf, classes: 3 }, 1);
  for (const group of new Set(groupOf)) {
    t.equal(new Set([...foldOf].filter((_, i) => groupOf[i] === group)).size, 1, `group ${group}`);
  }
  for (let fold = 0; fold < 5; fold++) {
    const counts = [0, 1, 2].map((k) => [...foldOf].filter((each, i) => each === fold && classOf[i] === k).length);
    t.strictSame(counts, [4, 4, 4]);
  }
  t.strictSame(dividedInFolds({ classOf, groupOf, classes: 3 }, 1), foldOf, 'the same every time');
  t.notSame(dividedInFolds({ classOf, groupOf, classes: 3 }, 2), foldOf);
});

test('what is held out has no say in how it is standardised', async (t) => {
  const { rows, classOf } = clouds([5, 5], 1);
  const chosen = [...classOf.keys()].slice(1);
  const { values } = standardised(rows, standardOf(rows, chosen));
  const column = (of: ArrayLike<number>) => chosen.map((row) => of[row * 6] ?? 0);
  const mean = column(values).reduce((sum, value) => sum + value, 0) / chosen.length;
  const square = column(values).reduce((sum, value) => sum + value * value, 0) / chosen.length;
  t.ok(Math.abs(mean) < 1e-6 && Math.abs(square - 1 / 6) < 1e-3, `${mean} ${square}`);
  const still = denseRows(
    [
      [1, 2],
      [1, 3],
    ],
    2,
  );
  t.equal(standardOf(still, [0, 1]).scales[0], 0, 'a column that never changes says nothing');
});

test('classes that differ are told apart, their scores are about as often right as they say, and one under the wrong label is suspicious', async (t) => {
  const examples = clouds([40, 40, 40], 0.9);
  examples.classOf[7] = 2;
  const { judgement } = learnClasses(examples, named(examples), ['a', 'b', 'c'], 0.95);
  t.ok(judgement.right > 0.85, `${judgement.right}`);
  t.ok(judgement.rightBetween[0] < judgement.right && judgement.right < judgement.rightBetween[1]);
  t.ok(judgement.calibrationError < 0.1, `${judgement.calibrationError}`);
  t.ok(judgement.rightOfTold >= 0.92 && judgement.told > 0.5 && judgement.minScore >= 0.5);
  t.match(judgement.suspicious[0], { sample: 7, looksLike: 0 });
  t.strictSame(judgement.doubtful, []);
  t.equal(
    judgement.confusion.flat().reduce((sum, count) => sum + count, 0),
    120,
  );
});

test('scores that are too sure are cooled', async (t) => {
  const { temperature, heldOut } = fitClasses(clouds([6, 6, 6], 2.5), 1);
  t.ok(temperature > 0.25 && temperature < 8);
  for (const found of heldOut) t.ok(Math.abs(found.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
});

test('classes that are the same are refused by name, and so is what is told apart no better than by chance', async (t) => {
  const two = clouds([30, 30, 30], 0.5, 2);
  for (const i of two.classOf.keys()) if (i >= 30) two.classOf[i] = 1 + (i % 2);
  t.throws(() => learnClasses(two, named(two), ['knock', 'drill', 'saw'], 0.95), {
    code: 'LEARN_REFUSED',
    message: /^these cannot be told apart: drill and saw \(\d+ of 60 held-out samples right, a coin has 30\); give more samples/,
  });
  const shares = Array.from({ length: 60 }, (_, i) => Float64Array.from([0, 1, 2], (k) => (k === i % 3 ? 0.5 : 0.25)));
  t.throws(
    () =>
      judgeClasses(
        { heldOut: shares },
        Int32Array.from({ length: 60 }, (_, i) => Math.floor(i / 20)),
        ['a', 'b', 'c'],
        0.9,
      ),
    {
      message: /cannot be told apart/,
    },
  );
});

test('samples that are too few, or under two labels, are refused by name, and copies count once', async (t) => {
  const sample = (label: number, i: number, sha256 = `${label} ${i}`, group: string | null = null): Sample => ({
    name: `${label}/${i}.wav`,
    label,
    group,
    sha256,
  });
  const five = (label: number) => [0, 1, 2, 3, 4].map((i) => sample(label, i));
  const refuse = (samples: Sample[], message: RegExp) =>
    t.throws(() => distinctSamples(samples, ['knock', 'drill']), { code: 'LEARN_REFUSED', message });
  t.equal(distinctSamples([...five(0), ...five(1), sample(1, 9, '1 0')], ['knock', 'drill']).length, 10);
  refuse([...five(0), ...five(1).slice(1)], /drill has 4 different samples and needs 5/);
  refuse([...five(0), ...five(1).slice(1), sample(1, 9, '1 1')], /drill has 4 .*\(1 copies of others do not count\)/);
  refuse([...five(0), ...five(1), sample(1, 9, '0 3')], /the same is under two labels: 0\/3.wav \(knock\) and 1\/9.wav \(drill\)/);
  refuse([...five(0), ...[0, 1, 2, 3, 4].map((i) => sample(1, i, undefined, 'lucas'))], /samples of drill are all of one group/);
});

/** What the runtime answers, and its card's word for it. */
async function answers({ onnx, inputs, outputs }: ClassModel, feeds: Tensors): Promise<Float32Array> {
  const facts: ModelFacts = { name: 'made', version: '1.0.0', task: 'x', inputs, outputs, params: {}, labels: [] };
  const session = await Session.fromBytes(facts, onnx, 'made', { threads: 1, arena: false });
  const found = floats(await session.run(feeds), 'scores');
  await session.release();
  return found;
}

const apart = (a: Float32Array, b: Float64Array) => Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? 0))));

test('the model as ONNX answers what the fit does: on features, on an embedding, on buckets', async (t) => {
  const examples = clouds([9, 9, 9], 2);
  const { linear } = fitClasses(examples, 1);
  const data = examples.rows.values.slice(30, 36);
  const expected = shares(examples.rows, 5, linear);
  t.ok(Math.max(...expected) < 0.9999, 'it is not all or nothing');
  t.ok(apart(await answers(classesOnFeatures(linear), { features: { dtype: 'float32', shape: [1, 6], data } }), expected) < 1e-5);

  // An embedding that is twice its input: divided by its length it is a direction, as embed-audio answers.
  const graph = graphOf({
    nodes: [nodeOf('Add', ['in', 'in'], ['out'])],
    inputs: [typedValue('in', [1, 6])],
    outputs: [typedValue('out', [1, 6])],
  });
  const embedding = writeModel({ irVersion: 8, opsets: new Map([['', 13]]), graph, functions: 0, rest: [] });
  const made = classesOnEmbedding(embedding, 'out', [{ name: 'in', dtype: 'float32', shape: [1, 6] }], linear);
  const length = Math.hypot(...data);
  const unit = denseRows([data.map((value) => value / length)], 6);
  t.ok(apart(await answers(made, { in: { dtype: 'float32', shape: [1, 6], data } }), shares(unit, 0, linear)) < 1e-5);
  t.strictSame(
    readModel(made.onnx).graph.outputs.map(({ name, shape }) => [name, shape]),
    [['scores', [1, 3]]],
  );

  const buckets = bucketRows([Int32Array.of(1, 4, 5)], 6);
  const feeds: Tensors = {
    buckets: { dtype: 'int32', shape: [3], data: Int32Array.of(1, 4, 5) },
    weights: { dtype: 'float32', shape: [1, 3], data: new Float32Array(3).fill(1 / Math.sqrt(3)) },
  };
  t.ok(apart(await answers(classesOnBuckets(linear), feeds), shares(buckets, 0, linear)) < 1e-5);
});

test('of series the bands follow from the window, a row is a window, and what does not suit the others is named', async (t) => {
  const wave = (length: number, change = {}) => ({
    channels: ['x'],
    rateHz: 100,
    length,
    data: Float32Array.from({ length }, (_, i) => Math.sin(i)),
    startMs: null,
    filled: 0,
    ...change,
  });
  const all = [
    { name: 'a.csv', series: wave(64) },
    { name: 'b.csv', series: wave(128) },
  ];
  const params = seriesParams(all, { level: false });
  t.match(params, { rate_hz: 100, samples: 64, hop_samples: 32, channels: [{ name: 'x' }], level: false, correlations: false });
  const edges = params.bands_hz.flat();
  t.ok(edges.every((edge, i) => i === 0 || edge >= (edges[i - 1] ?? 0)) && edges.at(-1) === 50 && params.bands_hz.length > 4, `${edges}`);
  t.strictSame([...seriesRows(all, params).sampleOf], [0, 1, 1, 1]);
  t.throws(() => seriesParams([...all, { name: 'c.csv', series: wave(64, { rateHz: 50 }) }], { level: false }), { message: /50 Hz/ });
  t.throws(() => seriesParams([...all, { name: 'c.csv', series: wave(8) }], { level: false }), {
    code: 'LEARN_REFUSED',
    message: /c.csv has 8/,
  });
  t.throws(() => seriesParams(all, { level: false, windowS: 1 }), { message: /a.csv has 64 samples, a window 100/ });
});
