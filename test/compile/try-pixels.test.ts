/** When a kept variant is replaced by one from bytes: the figures are made up, the graphs and their recipes are real. */
import { createHash } from 'node:crypto';
import { test } from 'tap';
import type { CompiledVariant } from '../../src/compile/compiled.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { buildVariant, compilerGeneration, type Recipe } from '../../src/compile/recipe.js';
import { tryPixels } from '../../src/compile/try-pixels.js';
import type { Candidate, Evaluation, PixelNormalisation } from '../../src/core/workbench.js';
import { modelOf, weights } from '../support/graph-lab.js';

const conv = nodeOf('Conv', ['x', 'w'], ['y'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
const source = writeModel(modelOf({ nodes: [conv], constants: { w: weights([4, 3, 3, 3]) }, inputs: { x: [1, 3, 8, 8] } }));
const head: Recipe = {
  schema: 'shoal/recipe/1',
  source_sha256: createHash('sha256').update(source).digest('hex'),
  compiler: compilerGeneration,
};
const fused = buildVariant(source, head);
const quantize = { weight_bits: 7 as const, float_nodes: [], ranges: { x: [-2, 2], y: [-9, 9] } as Record<string, [number, number]> };
const pixels: PixelNormalisation = {
  input: { name: 'x', dtype: 'uint8', shape: [1, 8, 8, 3] },
  channelOrder: 'bgr',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

interface Given {
  readonly run: number;
  readonly prepare: number;
  /** Of 20 things in each of 50 samples. */
  readonly errors?: number;
  readonly failure?: string;
}

const spread = (ms: number) => ({ median: ms, min: ms, max: ms });

function evaluationOf({ run, prepare, errors = 0, failure }: Given, name: string): Evaluation {
  const scores = Array.from({ length: failure === undefined ? 50 : 0 }, () => ({ errors, total: 20 }));
  const measured = { name, scores, cpuMs: spread(run), wallMs: spread(run), prepareMs: spread(prepare), memoryBytes: 0 };
  return failure === undefined ? measured : { ...measured, failure };
}

const verdict = { kept: true, reason: 'kept: it is good', loss: 0, bound: 0, cpuRatio: 0.5 };

function variant(name: 'fp32' | 'int8', recipe: Recipe, kept = true): CompiledVariant {
  const evaluation = evaluationOf({ run: 1, prepare: 1 }, name);
  return { name, model: buildVariant(source, recipe), recipe, evaluation, verdict: { ...verdict, kept } };
}

/** `given` by the name of the candidate. */
async function tried(given: Record<string, Given>, variants: readonly CompiledVariant[], from: PixelNormalisation | null = pixels) {
  const asked: Candidate[] = [];
  const evaluate = async (candidates: readonly Candidate[]) => {
    asked.push(...candidates);
    return candidates.map(({ name }) => evaluationOf(given[name] ?? { run: 10, prepare: 2 }, name));
  };
  const calibrator = { run: () => Promise.reject(new Error('nothing is left to calibrate')) };
  const tools = { calibrator, chooser: { evaluate }, evaluator: { evaluate }, budget: 0.01, pixels: from, progress: () => {} };
  return { asked, found: await tryPixels({ source, head, fused, tools }, variants, 0.9) };
}

const both = () => [variant('fp32', head), variant('int8', { ...head, quantize })];

test('a variant is replaced when run and pre-processing together gain, though its run alone does not', async (t) => {
  const given = { fp32: { run: 10, prepare: 2 }, int8: { run: 6, prepare: 2 }, 'int8 from bytes': { run: 6.1, prepare: 1 } };
  const { found, asked } = await tried(given, both());
  const [fp32, int8] = found;
  t.strictSame(
    asked.map(({ name, inputs }) => [name, inputs?.[0]?.dtype]),
    [
      ['original', undefined],
      ['fp32', undefined],
      ['int8', undefined],
      ['fp32 from bytes', 'uint8'],
      ['int8 from bytes', 'uint8'],
    ],
  );
  t.match(int8, { inputs: [pixels.input], recipe: { pixels: { tensor: 'x', channel_order: 'bgr' }, quantize }, verdict: { kept: true } });
  t.match(int8?.verdict.reason, /^kept: .*; pixels go in as bytes, for 88\.8 % of what run and pre-processing took before$/);
  t.match(int8?.evaluation, { name: 'int8 from bytes', cpuMs: { median: 6.1 } }, 'what is told of a run is the run');
  if (int8 === undefined) throw new Error('int8 is missing');
  t.ok(Buffer.from(buildVariant(source, int8.recipe)).equals(int8.model), 'rebuilt bit for bit');
  t.equal(readModel(int8.model).graph.inputs[0]?.type, 2);
  t.equal(fp32?.inputs, undefined, 'the float gained nothing and stays');
  t.match(fp32?.verdict.reason, /pixels as bytes were tried and take 100 % of its CPU with pre-processing, which is no gain/);
});

test('the float is replaced only when it stays the same function', async (t) => {
  const start = [variant('fp32', head)];
  const before = { fp32: { run: 10, prepare: 2 } };
  const [fp32] = (await tried({ ...before, 'fp32 from bytes': { run: 10, prepare: 1 } }, start)).found;
  t.match(fp32, { inputs: [pixels.input], verdict: { reason: /^kept: it is good; pixels go in as bytes, for 91\.7 %/ } });
  // More than a thing in a thousand: within the budget of an int8, and no rounding.
  const [other] = (await tried({ ...before, 'fp32 from bytes': { run: 10, prepare: 1, errors: 0.1 } }, start)).found;
  t.match(other, { verdict: { reason: /make at most .* more errors, allowed are 0\.1 %/ } });
  t.equal(other?.inputs, undefined);
});

test('a variant stays when bytes gain less than noise, lose too much, or do not run', async (t) => {
  const before = { fp32: { run: 10, prepare: 2 }, int8: { run: 6, prepare: 2 } };
  for (const [given, reason] of [
    [{ run: 6, prepare: 1.8 }, /take 97\.5 % of its CPU/],
    [{ run: 5, prepare: 0, errors: 1 }, /make at most 5 % more errors, allowed are 1 %/],
    [{ run: 5, prepare: 0, failure: 'no such kernel' }, /cannot be judged: no such kernel/],
  ] as const) {
    const [, start] = both();
    const { found } = await tried({ ...before, 'int8 from bytes': given }, both());
    const int8 = found[1];
    t.match(int8?.verdict, { kept: true, reason });
    t.equal(int8?.inputs, undefined);
    t.ok(Buffer.from(int8?.model ?? []).equals(start?.model ?? new Uint8Array(1)), 'not a byte changed');
  }
});

test('nothing is tried for a refused variant, a task without pixels, or an input that cannot take them', async (t) => {
  const refused = [variant('fp32', head, false), variant('int8', { ...head, quantize }, false)];
  t.strictSame(await tried({}, refused), { asked: [], found: refused });
  const all = both();
  t.strictSame(await tried({}, all, null), { asked: [], found: all });
  t.strictSame(await tried({}, all, { ...pixels, input: { ...pixels.input, name: 'z' } }), { asked: [], found: all });
});
