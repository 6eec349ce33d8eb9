/** What the search asks of whom, and that it ends: graphs, recipes and calibration are real, the figures are made up. */
import ort from 'onnxruntime-node';
import { test } from 'tap';
import { compileModel } from '../../src/compile/compile-model.js';
import type { OnnxNode } from '../../src/compile/onnx/model.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import type { Tensors } from '../../src/core/tensor.js';
import type { Candidate, Evaluation, Evaluator } from '../../src/core/workbench.js';
import { modelOf, noise, runModel, tensorsOf, weights } from '../support/graph-lab.js';

const shape = [1, 3, 8, 8];

/** `errors`: of 20 things in each of 50 samples, for all but the float. */
function made(errors: (candidate: Candidate) => number): Evaluator & { readonly asked: string[][] } {
  const asked: string[][] = [];
  const answer = (candidate: Candidate): Evaluation => {
    const float = candidate.name === 'original' || candidate.name === 'fp32';
    const spread = { median: float ? 10 : 5, min: 1, max: 10 };
    const scores = Array.from({ length: 50 }, () => ({ errors: float ? 0 : errors(candidate), total: 20 }));
    return { name: candidate.name, scores, cpuMs: spread, wallMs: spread, memoryBytes: 0 };
  };
  return {
    asked,
    async evaluate(candidates) {
      asked.push(candidates.slice(2).map(({ name }) => name));
      return candidates.map(answer);
    },
  };
}

async function compile(nodes: OnnxNode[], constants: Parameters<typeof modelOf>[0]['constants'], errors: (candidate: Candidate) => number) {
  const source = writeModel(modelOf({ nodes, ...(constants === undefined ? {} : { constants }), inputs: { x: shape } }));
  const calibrator = {
    async run(model: Uint8Array, see: (outputs: Tensors, run: number) => void) {
      see(tensorsOf(await runModel(model, { x: new ort.Tensor('float32', noise(192), shape) })), 0);
    },
  };
  const [chooser, evaluator] = [made(errors), made(errors)];
  const steps: string[] = [];
  const tools = { calibrator, chooser, evaluator, budget: 0.01, thorough: true, progress: (step: string) => void steps.push(step) };
  return { compiled: await compileModel(source, tools), chooser, evaluator, steps };
}

test('a search goes on where what it would leave float leaves nothing to quantize', async (t) => {
  const convolutions = ['x', 'a', 'b', 'c'].map((from, i, all) => nodeOf('Conv', [from, 'w'], [all[i + 1] ?? 'd']));
  const others = ['d', 'e', 'f', 'g'].map((from, i, all) => nodeOf('ConvTranspose', [from, 'w'], [all[i + 1] ?? 'y']));
  const { compiled, steps, chooser } = await compile([...convolutions, ...others], { w: weights([3, 3, 1, 1]) }, () => 5);
  t.match(steps.join('\n'), /the first 1 of 8 parts in float and \d+ more/);
  t.match(steps.join('\n'), /part 1 of 8 in float and \d+ more/, 'it went all the way');
  const int8 = compiled.variants.find(({ name }) => name === 'int8');
  t.match(int8?.verdict, { kept: false, reason: /^refused/ });
  t.ok(chooser.asked.flat().length > 12);
});

test('the samples that judge are asked about one candidate of a kind, whatever was chosen from', async (t) => {
  const nodes = [nodeOf('Conv', ['x', 'w'], ['a']), nodeOf('Flatten', ['a'], ['b']), nodeOf('Gemm', ['b', 'v'], ['y'])];
  const constants = { w: weights([2, 3, 1, 1]), v: weights([128, 5]) };
  // 8 bits make fewer errors here, so that is what must be chosen.
  const { compiled, chooser, evaluator } = await compile(nodes, constants, ({ name }) =>
    /int8-dynamic/.test(name) && !/8-bit/.test(name) ? 1 : 0,
  );
  t.match(compiled.variants, [{ name: 'fp32' }, { name: 'int8' }, { name: 'int8-dynamic', recipe: { dynamic: { weight_bits: 8 } } }]);
  t.ok(
    chooser.asked.some((names) => names.filter((name) => /int8-dynamic/.test(name)).length === 2),
    'two were chosen from',
  );
  t.strictSame(
    evaluator.asked.map((names) => names.length),
    [0, 1, 1],
  );
});

test('a model with nothing to quantize is given its fused float', async (t) => {
  for (const op of ['Sin', 'Relu']) {
    const { compiled } = await compile([nodeOf(op, ['x'], ['y'])], undefined, () => 0);
    t.strictSame(
      compiled.variants.map(({ name }) => name),
      ['fp32'],
      op,
    );
  }
});
