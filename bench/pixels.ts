/**
 * The text detector fed with planes that are normalised in JavaScript, and with pixels as bytes: CPU of a run and of its pre-processing,
 * and what the boxes lose against those of the float.
 *
 * One process, one thread, all four candidates in turn, on rendered pages none of which calibrated the int8. Memory is not looked at.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readModel } from '../src/compile/onnx/read.js';
import { observe, rangesBy } from '../src/compile/quantize/calibrate.js';
import { buildVariant, compilerGeneration, type Recipe } from '../src/compile/recipe.js';
import type { Evaluation, PixelNormalisation } from '../src/core/workbench.js';
import type { Sample } from '../src/engine/workbench/sample.js';
import { SessionCalibrator } from '../src/engine/workbench/session-calibrator.js';
import { TaskEvaluator } from '../src/engine/workbench/task-evaluator.js';
import { readCard } from '../src/registry/card.js';
import { detectText } from '../src/tasks/detect-text.js';
import { shippedModel } from './compile/shipped.js';
import { type Figure, figure, testData } from './figure.js';
import { renderPage } from './rendered/page.js';
import { calibrationSet, heldOut, needFonts, type RenderedSet } from './rendered/sets.js';

const pages = 12;

async function render(folder: string, set: RenderedSet): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let index = 0; index < pages; index++) {
    const encoded = await renderPage(index, set, testData());
    const file = path.join(folder, `${set.seed + index}.jpg`);
    await writeFile(file, encoded);
    const sha256 = createHash('sha256').update(encoded).digest('hex');
    samples.push({ name: path.basename(file), path: file, bytes: encoded.length, sha256, each: null, truth: null });
  }
  return samples;
}

export async function pixels(): Promise<readonly Figure[]> {
  needFonts();
  const folder = await mkdtemp(path.join(tmpdir(), 'shoal-pixels-'));
  try {
    return await compare(await render(folder, calibrationSet), await render(folder, heldOut));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(calibration: readonly Sample[], samples: readonly Sample[]): Promise<Figure[]> {
  const { card, model } = await readCard('models/ppocr-det/4.0.0');
  const source = await shippedModel(card);
  const bytes = detectText.pixels?.(model);
  if (bytes === undefined || bytes === null) throw new Error('the detector takes bytes already');
  const head: Recipe = {
    schema: 'shoal/recipe/1',
    source_sha256: createHash('sha256').update(source).digest('hex'),
    compiler: compilerGeneration,
  };
  const calibrator = new SessionCalibrator({ task: detectText, model, samples: calibration });
  const { histograms } = await observe(readModel(buildVariant(source, head)), calibrator);
  const ranges = Object.fromEntries(
    [...rangesBy({ name: 'percentile', share: 0.9999 }, histograms)].map(([name, [a, b]]) => [name, [a, b]]),
  );
  const quantize: Recipe['quantize'] = { weight_bits: 7, float_nodes: [], ranges: ranges as Record<string, [number, number]> };
  const evaluator = new TaskEvaluator({ task: detectText, model, samples, memory: async () => 0 });
  const inputs = [bytes.input];
  const [shipped, fp32, int8, fp32Bytes, int8Bytes] = await evaluator.evaluate([
    { name: 'as shipped', model: source },
    { name: 'float', model: buildVariant(source, head) },
    { name: 'int8', model: buildVariant(source, { ...head, quantize }) },
    { name: 'float from bytes', model: buildVariant(source, { ...head, pixels: pixelsOf(bytes) }), inputs },
    { name: 'int8 from bytes', model: buildVariant(source, { ...head, pixels: pixelsOf(bytes), quantize }), inputs },
  ]);
  return [...told(shipped), ...told(fp32), ...told(fp32Bytes, fp32), ...told(int8), ...told(int8Bytes, int8)];
}

function pixelsOf({ input, channelOrder, mean, std }: PixelNormalisation): Recipe['pixels'] {
  return { tensor: input.name, channel_order: channelOrder, mean: [...mean], std: [...std] };
}

function told(evaluation: Evaluation | undefined, before?: Evaluation): Figure[] {
  if (evaluation === undefined || evaluation.failure !== undefined) throw new Error(evaluation?.failure ?? 'an evaluation is missing');
  const { name, scores, cpuMs, prepareMs } = evaluation;
  const sum = (one: Evaluation): number => one.cpuMs.median + (one.prepareMs?.median ?? Number.NaN);
  const [wrong, total] = scores.reduce(([errors, all], score) => [errors + score.errors, all + score.total], [0, 0] as [number, number]);
  return [
    figure(`${name}: CPU of a run, median`, cpuMs.median, 'ms', 'lower'),
    figure(`${name}: CPU of a run, smallest`, cpuMs.min, 'ms', 'lower'),
    figure(`${name}: CPU of pre-processing, median`, prepareMs?.median ?? Number.NaN, 'ms', 'lower'),
    figure(`${name}: CPU of pre-processing, smallest`, prepareMs?.min ?? Number.NaN, 'ms', 'lower'),
    ...(before === undefined
      ? []
      : [figure(`${name}: run and pre-processing over those from planes`, sum(evaluation) / sum(before), 'ratio', 'lower')]),
    figure(`${name}: boxes unlike those as shipped, of ${total}`, wrong, 'boxes', 'lower'),
  ];
}
