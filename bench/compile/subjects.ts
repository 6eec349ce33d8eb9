/**
 * What each bundled model is tried on: one sample its cost is measured with, and held-out samples its answers are compared on.
 *
 * Everything is made by seed or comes from the shared test data; nothing of it calibrates a model (see rendered/sets.ts).
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { Observation, Quad } from '../../src/core/result.js';
import type { Task } from '../../src/core/task.js';
import { openAudio } from '../../src/engine/audio.js';
import { openImage } from '../../src/engine/image.js';
import { classifyOrientation } from '../../src/tasks/classify-orientation.js';
import { detectFaces } from '../../src/tasks/detect-faces.js';
import { detectSpeech } from '../../src/tasks/detect-speech.js';
import { detectText } from '../../src/tasks/detect-text.js';
import { readText } from '../../src/tasks/read-text.js';
import { testData } from '../figure.js';
import { renderLine } from '../rendered/line.js';
import { renderPage } from '../rendered/page.js';
import { heldOut } from '../rendered/sets.js';
import type { Sample } from './candidates.js';
import { scannedLine, scannedLines } from './scans.js';

/** A sample with what it should give, where that is known. */
export interface Held {
  readonly sample: Sample;
  readonly truth: readonly Observation[] | null;
}

export interface Subject {
  readonly folder: string;
  readonly task: Task;
  /** The sample of the cost, for a person. */
  readonly costOf: string;
  costSample(): Promise<Sample>;
  /** Held-out samples by number, from 0. */
  count(): Promise<number>;
  held(index: number): Promise<Held>;
}

/** The scanned ones come after them. */
const renderedLines = 3000;
const renderedPages = 80;
const orientedLines = 400;

const photos = [
  'samples/astronaut.png',
  'data/faces/1.jpg',
  'data/faces/13.jpg',
  'data/faces/19.jpg',
  'data/photos/fastestdet_4.jpg',
  'data/photos/nanodet_test_img.jpg',
];

/** How a photo is looked at once more. */
const treatments: readonly ((photo: Sharp) => Sharp)[] = [
  (photo) => photo,
  (photo) => photo.flop(),
  (photo) => photo.modulate({ brightness: 0.6 }),
  (photo) => photo.modulate({ brightness: 1.4 }),
  (photo) => photo.rotate(8),
  (photo) => photo.blur(1.2),
];

const shared = (file: string): Promise<Buffer> => readFile(path.join(testData(), file));

async function imageSample(encoded: Uint8Array, each: readonly Observation[] | null = null): Promise<Sample> {
  return { image: await openImage(encoded), audio: null, each };
}

async function pageOfSide(side: number): Promise<Uint8Array> {
  for (let index = 10_000; ; index++) {
    const page = await renderPage(index, heldOut, testData());
    const { width, height } = await sharp(page).metadata();
    if (width === side && height === side) return page;
  }
}

async function lineOfSize(width: number, height: number): Promise<Uint8Array> {
  const { encoded } = await renderLine(10_000, heldOut);
  return sharp(encoded).resize(width, height, { fit: 'fill' }).png().toBuffer();
}

/** The whole image as a line, and the same upside down. */
const upright: Quad = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const inverted: Quad = [
  [1, 1],
  [0, 1],
  [0, 0],
  [1, 0],
];

const textDetector: Subject = {
  folder: 'models/ppocr-det/4.0.0',
  task: detectText,
  costOf: '640 x 640',
  costSample: async () => imageSample(await pageOfSide(640)),
  count: async () => renderedPages + 2,
  async held(index) {
    const scan = ['phototest', '8071_093.3B'][index - renderedPages];
    const encoded = scan === undefined ? await renderPage(index, heldOut, testData()) : await shared(`data/ocr_pages/${scan}.tif`);
    return { sample: await imageSample(encoded), truth: null };
  },
};

const lineReader: Subject = {
  folder: 'models/ppocr-rec/4.0.0',
  task: readText,
  costOf: '48 x 320',
  costSample: async () => imageSample(await lineOfSize(320, 48)),
  count: async () => renderedLines + (await scannedLines()).length,
  async held(index) {
    if (index >= renderedLines) return scannedLine(index - renderedLines);
    const { text, encoded } = await renderLine(index, heldOut);
    return { sample: await imageSample(encoded), truth: [{ score: 1, text }] };
  },
};

const orientation: Subject = {
  folder: 'models/ppocr-cls/2.0.0',
  task: classifyOrientation,
  costOf: '8 lines of 48 x 192',
  costSample: async () =>
    imageSample(
      await lineOfSize(192, 48),
      Array.from({ length: 8 }, () => ({ score: 1, quad: upright })),
    ),
  count: async () => orientedLines,
  async held(index) {
    const { encoded } = await renderLine(20_000 + index, heldOut);
    const turned = index % 2 === 1;
    const sample = await imageSample(encoded, [{ score: 1, quad: turned ? inverted : upright }]);
    return { sample, truth: [{ score: 1, label: turned ? '180' : '0', of: 0 }] };
  },
};

const faces: Subject = {
  folder: 'models/blazeface-back/1.2.0',
  task: detectFaces,
  costOf: '256 x 256',
  costSample: async () =>
    imageSample(
      await sharp(await shared('samples/astronaut.png'))
        .resize(256, 256)
        .png()
        .toBuffer(),
    ),
  count: async () => photos.length * treatments.length,
  async held(index) {
    const photo = await shared(photos[index % photos.length] ?? '');
    const treat = treatments[Math.floor(index / photos.length)] ?? ((image: Sharp) => image);
    return { sample: await imageSample(await treat(sharp(photo)).png({ compressionLevel: 1 }).toBuffer()), truth: null };
  },
};

const speech: Subject = {
  folder: 'models/silero-vad/6.2.1',
  task: detectSpeech,
  costOf: 'a chunk of 512 samples',
  costSample: async () => ({ image: null, audio: openAudio(await readFile('samples/announcement.wav')), each: null }),
  count: async () => 1,
  async held() {
    return { sample: await this.costSample(), truth: null };
  },
};

export const subjects: Readonly<Record<string, Subject>> = {
  'ppocr-det': textDetector,
  'ppocr-rec': lineReader,
  'ppocr-cls': orientation,
  'blazeface-back': faces,
  'silero-vad': speech,
};
