/**
 * How well the bundled text models read two public scans through the tasks, with default options.
 *
 * Data: tesseract-ocr/test, Apache-2.0, under `$SHOAL_TEST_DATA/data/ocr_pages`. Before comparing, every run of white
 * space becomes one space and the lines are joined by one; nothing else is changed. Words of the four-column page are
 * what stands between white space in its transcript; each may be found once, exactly, with its punctuation.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Observation } from '../src/core/result.js';
import type { Task } from '../src/core/task.js';
import { readCard } from '../src/registry/card.js';
import { detectText } from '../src/tasks/detect-text.js';
import { readText } from '../src/tasks/read-text.js';
import { type OpenedTask, openTask, variantHere } from '../tools/run-task.js';
import { type Figure, figure, testData } from './figure.js';

/** Edits to turn one text into the other. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Words of `expected` that are in `found`, each word found used once; and those that are not. */
export function wordsFound(expected: string, found: string): { readonly hits: number; readonly missed: string[] } {
  const left = new Map<string, number>();
  for (const word of found.split(' ')) left.set(word, (left.get(word) ?? 0) + 1);
  const missed = expected.split(' ').filter((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count <= 0;
  });
  return { hits: expected.split(' ').length - missed.length, missed };
}

function textOf(lines: readonly Observation[]): string {
  return oneLine(lines.map((line) => line.text ?? '').join(' '));
}

type Detail = (line: string) => void;

async function openHere(task: Task, folder: string): Promise<OpenedTask> {
  const { model } = await readCard(resolve(folder));
  return openTask(task, model, variantHere(model));
}

/** Reads one page and its transcript, both as one line. */
async function readPage(name: string, onDetail: Detail): Promise<{ readonly expected: string; readonly found: string }> {
  const file = join(testData(), 'data/ocr_pages', name);
  const image = await readFile(`${file}.tif`);
  const [detector, reader] = [await openHere(detectText, 'models/ppocr-det/4.0.0'), await openHere(readText, 'models/ppocr-rec/4.0.0')];
  const lines = (await reader.run(image, (await detector.run(image)).observations)).observations;
  await Promise.all([detector.close(), reader.close()]);
  for (const line of lines) onDetail(`${line.score.toFixed(3)} ${line.text}`);
  return { expected: oneLine(await readFile(`${file}.txt`, 'utf8')), found: textOf(lines) };
}

export async function characterErrors(onDetail: Detail = () => undefined): Promise<Figure> {
  const { expected, found } = await readPage('phototest', onDetail);
  const value = editDistance(found, expected) / expected.length;
  return figure('character error rate, phototest.tif', value, 'ratio', 'lower', 0.01);
}

export async function columnWords(onDetail: Detail = () => undefined): Promise<Figure> {
  const { expected, found } = await readPage('8071_093.3B', onDetail);
  const { hits, missed } = wordsFound(expected, found);
  onDetail(`words not found: ${missed.join(' ')}`);
  const value = hits / (hits + missed.length);
  return figure('words found, 8071_093.3B.tif', value, 'ratio', 'higher', 0.95);
}

export async function accuracyOcr(onDetail?: Detail): Promise<Figure[]> {
  return [await characterErrors(onDetail), await columnWords(onDetail)];
}
