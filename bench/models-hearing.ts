/**
 * `npm run bench -- models-hearing`: what the catalogue's models of files and sound tell rightly, by tasks with default options, and what a
 * run costs in processor time.
 *
 * Small sets, some of them spoken by espeak-ng or with noise made here: they show that a model is fed and read rightly; they are no measure
 * of accuracy in the world.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Observation } from '../src/core/result.js';
import { openRegistry } from '../src/registry/registry.js';
import { detectSpeech } from '../src/tasks/detect-speech.js';
import { differentFrames } from '../src/tasks/different-frames.js';
import { tasks } from '../src/tasks/index.js';
import { catalogueModel } from '../test/support/catalogue.js';
import { mixNoise, noiseKinds, siSdr } from '../test/support/noise.js';
import { plainWav } from '../test/support/silero-reference.js';
import { wavOf } from '../test/support/wav.js';
import { type OpenedTask, openTask } from '../tools/run-task.js';
import { type Figure, figure, median, testData } from './figure.js';

const rateHz = 16_000;

/** Processor time of each run of a task, with its pre- and post-processing. */
class Costs {
  readonly #ms: number[] = [];

  async of<Result extends { readonly runs: number }>(work: () => Promise<Result>): Promise<Result> {
    const before = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(before);
    if (result.runs > 0) this.#ms.push((user + system) / 1000 / result.runs);
    return result;
  }

  figure(model: string): Figure {
    return figure(`${model}: processor time a run, median`, median(this.#ms), 'ms', 'lower');
  }
}

async function opened<Result>(name: string, use: (task: OpenedTask) => Promise<Result>): Promise<Result> {
  const model = await catalogueModel(testData(), name);
  const task = tasks.find((each) => each.name === model.task);
  if (task === undefined) throw new Error(`there is no task ${model.task}`);
  const open = await openTask(task, model);
  try {
    return await use(open);
  } finally {
    await open.close();
  }
}

const data = (...names: string[]) => path.join(testData(), 'data', ...names);

async function wavsOf(folder: string): Promise<{ name: string; encoded: Buffer }[]> {
  const names = (await readdir(data(folder))).filter((name) => name.endsWith('.wav')).sort();
  return Promise.all(names.map(async (name) => ({ name, encoded: await readFile(data(folder, name)) })));
}

export async function modelsHearing(): Promise<Figure[]> {
  return [...(await files()), ...(await keywords()), ...(await cleaner()), ...(await alike())];
}

function files(): Promise<Figure[]> {
  return opened('magika', async (task) => {
    const costs = new Costs();
    let right = 0;
    let all = 0;
    for (const type of await readdir(data('magika'))) {
      for (const name of await readdir(data('magika', type))) {
        const encoded = await readFile(data('magika', type, name));
        const { observations } = await costs.of(() => task.run(encoded));
        if (observations[0]?.label === type) right++;
        else process.stderr.write(`${type}/${name} was taken for ${observations[0]?.label}\n`);
        all++;
      }
    }
    return [figure(`magika: files identified, of ${all}`, right, 'files', 'higher', all), costs.figure('magika')];
  });
}

/** The words of bench/data/words.wav, each in the middle of its second and a half (tools/make-words.ts). */
const words = ['down', 'go', 'left', 'no', 'off', 'on', 'right', 'stop', 'up', 'yes'];
const spacingS = 1.5;

function keywords(): Promise<Figure[]> {
  return opened('keywords-dscnn', async (task) => {
    const costs = new Costs();
    const { observations } = await costs.of(async () => task.run(await readFile('bench/data/words.wav')));
    const heardAt = (middle: number) => observations.filter(({ segment }) => segment && segment.start_s < middle && segment.end_s > middle);
    const right = words.filter((word, i) => heardAt((i + 0.5) * spacingS).some(({ label }) => label === word)).length;
    const single = await wavsOf('keywords');
    let clips = 0;
    for (const { name, encoded } of single) {
      const heard = (await task.run(encoded)).observations.map(({ label }) => label).join();
      const expected = name.startsWith('yes') ? 'yes' : name.startsWith('no_') ? 'no' : '';
      if (heard === expected) clips++;
      else process.stderr.write(`${name}: heard "${heard}", expected "${expected}"\n`);
    }
    const digits = await wavsOf('fsdd');
    let invented = 0;
    for (const { encoded } of digits) invented += (await costs.of(() => task.run(encoded))).observations.length;
    return [
      figure(`keywords-dscnn: words of a synthetic voice heard, of ${words.length}`, right, 'words', 'higher', 8),
      figure('keywords-dscnn: words heard there that are not said', observations.length - right, 'words', 'lower'),
      figure(`keywords-dscnn: clips of yes, no, noise and silence right, of ${single.length}`, clips, 'clips', 'higher', 3),
      figure(`keywords-dscnn: words heard in ${digits.length} spoken digits, none of them a keyword`, invented, 'words', 'lower', 8),
      costs.figure('keywords-dscnn'),
    ];
  });
}

/** How clean speech 5 dB above the noise becomes, what it does for finding speech, and what becomes of speech far from the microphone. */
function cleaner(): Promise<Figure[]> {
  return opened('gtcrn', async (task) => {
    const costs = new Costs();
    const clean = async (samples: ArrayLike<number>) =>
      (await costs.of(() => task.run(wavOf(samples, rateHz)))).heard ?? new Float32Array();
    const near = plainWav(await readFile(data('speech/speech.wav')));
    const announcement = plainWav(await readFile('samples/announcement.wav'));
    const figures: Figure[] = [];
    for (const [who, speech] of Object.entries({ 'a person': near, 'a synthetic voice': announcement.slice(rateHz, 3 * rateHz) })) {
      for (const [seed, kind] of noiseKinds.entries()) {
        const noisy = mixNoise(speech, kind, 5, seed);
        const gain = siSdr(speech, await clean(noisy)) - siSdr(speech, noisy);
        figures.push(figure(`gtcrn: SI-SDR gained, ${who} in ${kind} at 5 dB`, gain, 'dB', 'higher', 5));
      }
    }
    const far = plainWav(await readFile(data('speech/trn01.wav'))).slice(20 * rateHz);
    figures.push(figure('gtcrn: level lost by speech far from the microphone', levelDb(far) - levelDb(await clean(far)), 'dB', 'lower'));
    return [...figures, ...(await foundInNoise(announcement, clean)), costs.figure('gtcrn')];
  });
}

function levelDb(samples: ArrayLike<number>): number {
  return 10 * Math.log10(Array.from(samples).reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

async function foundInNoise(speech: readonly number[], clean: (samples: Float32Array) => Promise<Float32Array>): Promise<Figure[]> {
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing: npm run models:build');
  const detector = await openTask(detectSpeech, model);
  const find = async (samples: ArrayLike<number>): Promise<readonly Observation[]> =>
    (await detector.run(wavOf(samples, rateHz))).observations;
  const truth = await find(speech);
  const off = { heard: 0, cleaned: 0, total: 0 };
  for (const [seed, kind] of noiseKinds.entries()) {
    const noisy = mixNoise(speech, kind, -5, seed);
    const heard = differentFrames.score(truth, await find(noisy));
    off.heard += heard.errors;
    off.total += heard.total;
    off.cleaned += differentFrames.score(truth, await find(await clean(noisy))).errors;
  }
  await detector.close();
  const share = (errors: number) => (100 * errors) / off.total;
  return [
    figure('silero-vad: frames of speech missed or invented at -5 dB', share(off.heard), '%', 'lower'),
    figure('silero-vad: the same after gtcrn', share(off.cleaned), '%', 'lower'),
  ];
}

/** Spoken digits: does the recording that sounds most alike say the same one? The same speaker's are left out. */
function alike(): Promise<Figure[]> {
  return opened('sound-embedding-dscnn', async (task) => {
    const costs = new Costs();
    const all: { digit: string; speaker: string; embedding: readonly number[] }[] = [];
    for (const { name, encoded } of await wavsOf('fsdd')) {
      const [digit = '', speaker = ''] = name.split('_');
      const { observations } = await costs.of(() => task.run(encoded));
      all.push({ digit, speaker, embedding: observations[0]?.embedding ?? [] });
    }
    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
    const right = all.filter(({ digit, speaker, embedding }) => {
      const others = all.filter((other) => other.speaker !== speaker);
      const nearest = others.reduce((best, other) => (dot(embedding, other.embedding) > dot(embedding, best.embedding) ? other : best));
      return nearest.digit === digit;
    }).length;
    return [
      figure(
        `sound-embedding-dscnn: spoken digits whose most alike of another speaker says the same (by chance 10 %)`,
        (100 * right) / all.length,
        '%',
        'higher',
        30,
      ),
      costs.figure('sound-embedding-dscnn'),
    ];
  });
}
