/**
 * The whole way from a model as shipped to an int8 variant that is kept, on the bundled line reader and real crops; and two
 * quantizers gone wrong, which the gate must refuse.
 */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { judge } from '../../src/compile/choose.js';
import { compileModel } from '../../src/compile/compile-model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { quantizeModel } from '../../src/compile/quantize/quantize-model.js';
import { buildVariant, parseRecipe, recipeText } from '../../src/compile/recipe.js';
import { readSampleFolder } from '../../src/engine/workbench/sample-folder.js';
import { SessionCalibrator } from '../../src/engine/workbench/session-calibrator.js';
import { TaskEvaluator } from '../../src/engine/workbench/task-evaluator.js';
import { openRegistry } from '../../src/registry/registry.js';
import { tasks } from '../../src/tasks/index.js';
import { lineCrops } from '../support/samples.js';

const registry = await openRegistry(['models']);

async function workbench(name: string, folder: string) {
  const model = registry.find(name);
  const task = tasks.find((candidate) => candidate.name === model?.task);
  const float = model?.variants.find((variant) => variant.name === 'fp32');
  if (model === null || task === undefined || float === undefined) throw new Error(`${name} is not what the tests need`);
  const samples = await readSampleFolder(folder, task);
  const calibrator = new SessionCalibrator({ task, model, samples: samples.calibration });
  const evaluator = new TaskEvaluator({ task, model, samples: samples.heldOut, memory: async () => 0 });
  const chooser = new TaskEvaluator({ task, model, samples: samples.calibration, memory: async () => 0 });
  return { model, source: readFileSync(float.path), calibrator, chooser, evaluator };
}

test('a line reader becomes int8 by a recipe that rebuilds it, and sabotaged quantizers are refused', async (t) => {
  const { source, calibrator, chooser, evaluator } = await workbench('ppocr-rec', await lineCrops(24));
  const shares: number[] = [];
  const budget = 0.05;
  const compiled = await compileModel(source, { calibrator, chooser, evaluator, budget, progress: (_, share) => shares.push(share) });
  const [fp32, int8, dynamic] = compiled.variants;
  if (fp32 === undefined || int8 === undefined) throw new Error('a variant is missing');
  t.match(fp32.verdict, { kept: true });
  t.ok(int8.evaluation.scores.length >= 8, 'it was judged on held-out samples');
  t.ok(int8.verdict.bound <= budget, int8.verdict.reason);
  t.ok(int8.model.length < 0.35 * source.length, `${int8.model.length} of ${source.length} bytes`);
  t.strictSame(
    shares,
    [...shares].sort((a, b) => a - b),
    'progress only grows',
  );

  const text = recipeText(int8.recipe);
  t.strictSame(parseRecipe(text, 'int8.recipe.json'), int8.recipe);
  t.ok(Buffer.from(buildVariant(source, parseRecipe(text, 'int8.recipe.json'))).equals(int8.model), 'rebuilt bit for bit');

  t.match(dynamic, { name: 'int8-dynamic', recipe: { dynamic: { float_nodes: [] } } });
  t.ok(dynamic !== undefined && Buffer.from(buildVariant(source, dynamic.recipe)).equals(dynamic.model), 'so is int8-dynamic');
  t.equal(dynamic?.evaluation.failure, undefined);
  t.ok((dynamic?.model.length ?? Number.NaN) < 0.75 * source.length, `${dynamic?.model.length} of ${source.length} bytes`);
  t.comment(`int8-dynamic: ${dynamic?.verdict.reason}`);

  const { quantize } = int8.recipe;
  if (quantize === undefined) throw new Error('the recipe quantizes nothing');
  const swapped = Object.entries(quantize.ranges).map(([name], i, all) => [name, all[all.length - 1 - i]?.[1] ?? [0, 1]] as const);
  const sabotaged = (perChannel: boolean, ranges: Iterable<readonly [string, readonly [number, number]]>): Uint8Array => {
    const model = readModel(fp32.model);
    quantizeModel(model, { weights: { bits: 8, perChannel }, ranges: new Map(ranges), floatNodes: new Set() });
    return writeModel(model);
  };
  const [original, fused, perTensor, swappedRanges] = await evaluator.evaluate([
    { name: 'original', model: source },
    { name: 'fp32', model: fp32.model },
    { name: 'weights with one scale', model: sabotaged(false, Object.entries(quantize.ranges)) },
    { name: 'ranges of other tensors', model: sabotaged(true, swapped) },
  ]);
  for (const evaluation of [perTensor, swappedRanges]) {
    if (original === undefined || fused === undefined || evaluation === undefined) throw new Error('an evaluation is missing');
    t.equal(evaluation.failure, undefined, `${evaluation.name}: it runs`);
    const { kept, reason, loss } = judge(evaluation, fused, original, budget);
    t.comment(`${evaluation.name}: ${reason}`);
    t.equal(kept, false, `${evaluation.name}: refused`);
    t.ok(loss > budget, `${evaluation.name}: by what it reads, not by chance`);
  }
});
