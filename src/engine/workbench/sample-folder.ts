/**
 * A folder of samples: which of its files can be used, and which of those calibrate and which judge.
 *
 * Guarantees: a sample calibrates or judges, never both, and neither does a second copy of it under another name; the division hangs
 * on the contents alone, so that it is the same wherever and under whatever names they lie. No link is followed, nothing outside
 * the folder is read, and everything that is not used is named with its reason. Every sample has been decoded once.
 *
 * Beside a sample `page.png` may lie `page.png.json` or `page.json`, the observations of an earlier stage for tasks that take them,
 * and for tasks that read text `page.png.txt` or `page.txt`, what stands there, a line an observation. `page.png.truth.json` or
 * `page.truth.json` is what a perfect model would answer, for tasks whose answers are right or wrong; an empty list is that there is nothing.
 */
import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { canRead } from '../../core/pipeline.js';
import { sniff } from '../../core/sniff.js';
import type { Task } from '../../core/task.js';
import { readContent } from '../content.js';
import { openFor } from '../open-form.js';
import type { Sample } from './sample.js';
import { observationsOf, transcriptOf, truthOf } from './sidecar.js';

export interface SampleFolder {
  readonly calibration: readonly Sample[];
  readonly heldOut: readonly Sample[];
  readonly skipped: readonly SkippedFile[];
}

export interface Samples {
  readonly samples: readonly Sample[];
  readonly skipped: SkippedFile[];
}

export interface SkippedFile {
  readonly name: string;
  readonly reason: string;
}

/** Throws USAGE when the folder cannot be read or has too few samples, with what was skipped and why. */
export async function readSampleFolder(folder: string, task: Task, onSample?: (done: number, of: number) => void): Promise<SampleFolder> {
  const { samples, skipped } = await readSamples(folder, task, onSample);
  return { ...divide(samples, folder, task, skipped), skipped };
}

/** All samples in the order of their hashes, which is none that anybody chose. Throws USAGE when the folder cannot be read. */
export async function readSamples(folder: string, task: Task, onSample?: (done: number, of: number) => void): Promise<Samples> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw new ShoalError('USAGE', `the folder of samples ${folder} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const { names, sidecars, skipped } = sorted(await entriesOf(root), task);
  const samples = new Map<string, Sample>();
  for (const [index, name] of names.entries()) {
    try {
      const sample = await readSample(root, name, sidecars, task);
      const twin = samples.get(sample.sha256);
      if (twin === undefined) samples.set(sample.sha256, sample);
      else skipped.push({ name, reason: `the same bytes as ${twin.name}` });
    } catch (error) {
      skipped.push({ name, reason: reasonOf(error) });
    }
    onSample?.(index + 1, names.length);
  }
  return { samples: [...samples.values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1)), skipped };
}

async function entriesOf(root: string): Promise<Dirent[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((cause: unknown) => {
    throw new ShoalError('USAGE', `the folder of samples ${root} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  if (entries.length > limits.sampleNamesMax) {
    throw new ShoalError('USAGE', `${root} has ${entries.length} files, at most ${limits.sampleNamesMax}: name a folder of samples only`);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const truthEnding = '.truth.json';
const sidecarEnding = /\.(json|txt)$/;

interface Sorted {
  /** Files that may be samples. */
  readonly names: readonly string[];
  readonly sidecars: ReadonlySet<string>;
  readonly skipped: SkippedFile[];
}

function sorted(entries: readonly Dirent[], task: Task): Sorted {
  const skipped: SkippedFile[] = [];
  const files = entries.filter((entry) => {
    const reason = entry.isSymbolicLink()
      ? 'a symbolic link; links are not followed'
      : entry.isDirectory()
        ? 'a folder; only the files of the folder itself are read'
        : entry.isFile()
          ? null
          : 'no regular file';
    if (reason !== null) skipped.push({ name: entry.name, reason });
    return reason === null;
  });
  const all = files.map((entry) => entry.name).filter((name) => !name.startsWith('.'));
  // Where any file is a sample, nothing but a truth lies beside one.
  const isSidecar = (name: string) => name.endsWith(truthEnding) || (task.reads !== 'file' && sidecarEnding.test(name));
  const names = all.filter((name) => !isSidecar(name));
  const stems = new Set(names.flatMap((name) => [name, stem(name)]));
  const sidecars = new Set(all.filter(isSidecar));
  const isBeside = (name: string) => stems.has(name.endsWith(truthEnding) ? name.slice(0, -truthEnding.length) : stem(name));
  for (const name of sidecars) if (!isBeside(name)) skipped.push({ name, reason: 'there is no sample of that name beside it' });
  const left = names.slice(limits.samplesMax);
  for (const name of left) skipped.push({ name, reason: `more than ${limits.samplesMax} files; ${task.name} is judged on the first ones` });
  return { names: names.slice(0, limits.samplesMax), sidecars, skipped };
}

function stem(name: string): string {
  return name.slice(0, name.length - path.extname(name).length);
}

async function readSample(root: string, name: string, sidecars: ReadonlySet<string>, task: Task): Promise<Sample> {
  const file = path.join(root, name);
  const encoded = await readFileOf(file, limits.sampleBytesMax);
  const sniffed = sniff(encoded.subarray(0, limits.sniffBytes));
  if (!canRead({ reads: [task.reads] }, sniffed)) {
    throw new ShoalError('CAPTURE_UNSUPPORTED', `${sniffed.what}; ${task.name} needs ${task.reads} samples`);
  }
  const { audio } = await openFor(task.reads, encoded);
  if (audio !== null && audio.durationS > limits.sampleSecondsMax) {
    throw new ShoalError('CAPTURE_TOO_LARGE', `${audio.durationS.toFixed(0)} s long, at most ${limits.sampleSecondsMax} s: cut it`);
  }
  const beside = async (ending: string): Promise<string | null> => {
    const found = [`${name}.${ending}`, `${stem(name)}.${ending}`].find((candidate) => sidecars.has(candidate));
    return found === undefined ? null : Buffer.from(await readFileOf(path.join(root, found), limits.sidecarBytesMax)).toString();
  };
  const observations = task.takesEach && task.judgedWhole !== true ? await beside('json') : null;
  const each = observations === null ? null : observationsOf(observations);
  const transcript = task.name === 'read-text' ? await beside('txt') : null;
  const stated = await beside(truthEnding.slice(1));
  if (stated !== null && task.metric.right === undefined) {
    throw new ShoalError('CAPTURE_UNSUPPORTED', `a truth beside it, and what ${task.name} answers cannot be right or wrong`);
  }
  if (stated !== null && transcript !== null) {
    throw new ShoalError('CAPTURE_UNSUPPORTED', 'it has a transcript and a truth beside it: keep one of the two');
  }
  const truth = stated !== null ? truthOf(stated, each) : transcript === null ? null : transcriptOf(transcript, each);
  const sha256 = createHash('sha256').update(encoded).digest('hex');
  return { name, path: file, bytes: encoded.length, sha256, each, truth };
}

async function readFileOf(file: string, bytesMax: number): Promise<Uint8Array> {
  const { size } = await lstat(file);
  if (size > bytesMax) throw new ShoalError('CAPTURE_TOO_LARGE', `${size} bytes, at most ${bytesMax}`);
  return readContent({ path: file }, { bytes: size });
}

/** Half and half by the hash of the contents, as even as chance; calibration stops at its limit, judging has the rest. */
function divide(
  samples: readonly Sample[],
  folder: string,
  task: Task,
  skipped: readonly SkippedFile[],
): Pick<SampleFolder, 'calibration' | 'heldOut'> {
  const least = limits.calibrationSamplesMin + limits.heldOutSamplesMin;
  if (samples.length < least) {
    const why = skipped.slice(0, 3).map(({ name, reason }) => `${name}: ${reason}`);
    const more = skipped.length > why.length ? `; and ${skipped.length - why.length} more` : '';
    throw new ShoalError(
      'USAGE',
      `${folder} has ${samples.length} samples ${task.name} can use, at least ${least} are needed: ${limits.calibrationSamplesMin} to calibrate and ${limits.heldOutSamplesMin} others to judge${why.length === 0 ? '' : `; skipped: ${why.join('; ')}${more}`}`,
    );
  }
  const border = Math.min(limits.calibrationSamplesMax, Math.floor(samples.length / 2));
  return { calibration: samples.slice(0, border), heldOut: samples.slice(border) };
}
