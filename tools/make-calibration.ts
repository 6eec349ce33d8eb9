/**
 * Makes the calibration samples of the bundled models: `node dist/tools/make-calibration.js FOLDER [--lines N] [--pages N]`.
 *
 * FOLDER/ppocr-det gets rendered pages and real photos, FOLDER/ppocr-rec and FOLDER/ppocr-cls rendered lines with their text in
 * `<file>.txt`, FOLDER/blazeface-back real photos. Nothing of it is in the data models are judged by (see bench/rendered/sets.ts);
 * the scans of `ocr_pages` and the photos of `faces` are left out for that reason. Needs SHOAL_TEST_DATA.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { testData } from '../bench/figure.js';
import { renderLine } from '../bench/rendered/line.js';
import { renderPage } from '../bench/rendered/page.js';
import { calibrationSet, needFonts } from '../bench/rendered/sets.js';

const numbered = (index: number): string => String(index).padStart(4, '0');

async function makeLines(folder: string, from: number, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < count; index++) {
    const { text, encoded } = await renderLine(from + index, calibrationSet);
    const file = path.join(folder, `line-${numbered(index)}.${encoded[0] === 0xff ? 'jpg' : 'png'}`);
    await writeFile(file, encoded);
    await writeFile(`${file}.txt`, `${text}\n`);
  }
}

async function makePages(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < count; index++) {
    await writeFile(path.join(folder, `page-${numbered(index)}.jpg`), await renderPage(index, calibrationSet, testData()));
  }
}

async function copyPhotos(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const photo of calibrationSet.photos) {
    await writeFile(path.join(folder, path.basename(photo)), await readFile(path.join(testData(), photo)));
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { lines: { type: 'string', default: '400' }, pages: { type: 'string', default: '48' } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error('usage: make-calibration.js FOLDER [--lines N] [--pages N]');
needFonts();
await makePages(path.join(folder, 'ppocr-det'), Number(values.pages));
await copyPhotos(path.join(folder, 'ppocr-det'));
await makeLines(path.join(folder, 'ppocr-rec'), 0, Number(values.lines));
await makeLines(path.join(folder, 'ppocr-cls'), 100_000, Math.ceil(Number(values.lines) / 4));
await copyPhotos(path.join(folder, 'blazeface-back'));
