/**
 * Which lines of text the bundled model takes for upside down, on pages whose lines all stand upright, and on the same pages turned by 180 degrees.
 *
 * The lines are those the bundled detector finds with default options, so a piece of a line, or a speck that is none, is judged too. Pages: two
 * public scans (tesseract-ocr/test, Apache-2.0, under `$SHOAL_TEST_DATA/data/ocr_pages`), and four that were drawn (bench/data).
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { Observation } from '../src/core/result.js';
import { openRegistry } from '../src/registry/registry.js';
import { classifyOrientation } from '../src/tasks/classify-orientation.js';
import { detectText } from '../src/tasks/detect-text.js';
import { openTask, variantHere } from '../tools/run-task.js';
import { type Figure, figure, testData } from './figure.js';

const scans = ['phototest.tif', '8071_093.3B.tif'].map((name) => ['data/ocr_pages', name] as const);
const drawn = [1, 2, 3, 4].map((page) => `bench/data/page-${page}.jpg`);

export async function accuracyOrientation(): Promise<Figure[]> {
  const registry = await openRegistry(['models']);
  const [detector, classifier] = [registry.find('ppocr-det'), registry.find('ppocr-cls')];
  if (detector === null || classifier === null) throw new Error('models/ppocr-det or ppocr-cls is missing: npm run models:build');
  const lines = await openTask(detectText, detector, variantHere(detector));
  const orientation = await openTask(classifyOrientation, classifier, variantHere(classifier));
  const told = async (encoded: Uint8Array) => (await orientation.run(encoded, (await lines.run(encoded)).observations)).observations;
  const { min_score } = classifyOrientation.options.parse({});
  const judge = async (files: readonly string[], turn: 0 | 180) => {
    const all: Observation[] = [];
    for (const file of files) {
      all.push(...(await told(turn === 0 ? await readFile(file) : await sharp(file).rotate(turn).png().toBuffer())));
    }
    const turned = all.filter(({ label, score }) => label === '180' && score >= min_score).length;
    return {
      lines: all.length,
      mistaken: all.filter(({ label }) => label !== String(turn)).length,
      onTheirHead: turn === 0 ? turned : all.length - turned,
    };
  };
  const figures: Figure[] = [];
  const sets = { scanned: scans.map((names) => path.join(testData(), ...names)), drawn };
  for (const [kind, files] of Object.entries(sets)) {
    for (const turn of [0, 180] as const) {
      const seen = await judge(files, turn);
      const what = `orientation: ${seen.lines} ${kind} lines, ${turn === 0 ? 'upright' : 'upside down'}`;
      figures.push(figure(`${what}, taken for the other`, seen.mistaken, 'lines', 'lower'));
      figures.push(figure(`${what}, on their head after a stage with default options`, seen.onTheirHead, 'lines', 'lower'));
    }
  }
  await Promise.all([lines.close(), orientation.close()]);
  return figures;
}
