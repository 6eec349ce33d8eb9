/**
 * The lines of the public scans, as the text detector as shipped finds them, with their text.
 *
 * The transcripts are of whole pages. A line's truth is the transcript's line that is nearly what the reader as shipped reads
 * (three quarters of it), each used once, the surest first; a line without such a one has none, and that reading is the measure.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Observation } from '../../src/core/result.js';
import type { ImagePort } from '../../src/core/task.js';
import { openImage } from '../../src/engine/image.js';
import { detectText } from '../../src/tasks/detect-text.js';
import { readText } from '../../src/tasks/read-text.js';
import { editDistance, oneLine } from '../accuracy-ocr.js';
import { testData } from '../figure.js';
import { openShipped, type Sample } from './candidates.js';

const scans = ['phototest', '8071_093.3B'];

interface ScannedLine {
  readonly image: ImagePort;
  readonly place: Observation;
  readonly truth: string | null;
}

let found: Promise<readonly ScannedLine[]> | undefined;

/** Found once in a process: the pages stay decoded. */
export function scannedLines(): Promise<readonly ScannedLine[]> {
  found ??= findLines();
  return found;
}

export async function scannedLine(index: number): Promise<{ sample: Sample; truth: readonly Observation[] | null }> {
  const line = (await scannedLines())[index];
  if (line === undefined) throw new Error(`the scans have no line ${index}`);
  const { image, place, truth } = line;
  return { sample: { image, audio: null, each: [place] }, truth: truth === null ? null : [{ score: 1, text: truth, of: 0 }] };
}

async function findLines(): Promise<readonly ScannedLine[]> {
  const detector = await openShipped('models/ppocr-det/4.0.0', detectText);
  const reader = await openShipped('models/ppocr-rec/4.0.0', readText);
  const lines: ScannedLine[] = [];
  for (const scan of scans) {
    const file = path.join(testData(), 'data/ocr_pages', scan);
    const image = await openImage(await readFile(`${file}.tif`));
    const places = (await detector({ image, audio: null, each: null })).observations;
    const read = new Map((await reader({ image, audio: null, each: places })).observations.map(({ of, text }) => [of, text ?? '']));
    const readings = places.map((_, index) => read.get(index) ?? '');
    const truths = truthsOf(readings, (await readFile(`${file}.txt`, 'utf8')).split('\n').map(oneLine));
    for (const [index, place] of places.entries()) lines.push({ image, place, truth: truths[index] ?? null });
  }
  return lines;
}

const solid = (text: string): string => text.replaceAll(' ', '');

/** By reading: the line of the transcript it is of. */
export function truthsOf(readings: readonly string[], transcript: readonly string[]): (string | null)[] {
  const pairs = readings.flatMap((reading, index) =>
    transcript.map((line, at) => ({
      index,
      at,
      apart: line === '' ? 1 : editDistance(solid(reading), solid(line)) / solid(line).length,
    })),
  );
  const truths: (string | null)[] = readings.map(() => null);
  const used = new Set<number>();
  for (const { index, at } of pairs.filter(({ apart }) => apart <= 0.25).sort((a, b) => a.apart - b.apart)) {
    if (truths[index] !== null || used.has(at)) continue;
    truths[index] = transcript[at] ?? null;
    used.add(at);
  }
  return truths;
}
