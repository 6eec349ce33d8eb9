/**
 * Samples named on the command line: a folder of files a label, or a table of texts with their labels.
 *
 * Guarantees: every sample is of the same form, told by its bytes; a file of another form is refused by name, since nobody would notice that
 * it was left out. Deliberately looks into no folder within a folder.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CaptureContent } from '../../../core/capture.js';
import { reasonOf, ShoalError } from '../../../core/errors.js';
import { type Form, formInWords, formOf } from '../../../core/form.js';
import { limits } from '../../../core/limits.js';
import { checkLabels, distinctSamples, type Sample } from '../../../learn/classes/samples.js';
import { printable } from '../../printable.js';
import { type SniffedFile, sniffFile } from '../../sniff-file.js';

export interface FileSample extends Sample {
  readonly content: CaptureContent;
  readonly kind: SniffedFile['kind'];
  readonly mediaType: string;
  readonly bytes: number;
}

export interface Samples {
  readonly labels: readonly string[];
  readonly form: Form;
  /** Each once. */
  readonly samples: readonly FileSample[];
  /** Copies of others, which do not count. */
  readonly copies: number;
}

/** `folders`: `label=folder` each. `group`: what of a file's name says where it comes from. Throws USAGE or LEARN_REFUSED. */
export async function readFolders(folders: readonly string[], group: RegExp | null): Promise<Samples> {
  const named = folders.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1 || at === pair.length - 1)
      throw new ShoalError('USAGE', `--label "${pair}": expected LABEL=FOLDER, such as knock=/srv/knocks`);
    return { label: pair.slice(0, at), folder: path.resolve(pair.slice(at + 1)) };
  });
  const labels = named.map(({ label }) => label);
  checkLabels(labels);
  const all: (FileSample & { readonly form: Form })[] = [];
  for (const [label, { folder }] of named.entries()) {
    for (const file of await filesIn(folder)) {
      if (all.length >= limits.learnSamplesMax) throw new ShoalError('USAGE', `there are more than ${limits.learnSamplesMax} files`);
      all.push(await readOne(file, label, group));
    }
  }
  const [first] = all;
  if (first === undefined) throw new ShoalError('USAGE', `there is no file in ${named.map(({ folder }) => folder).join(', ')}`);
  const odd = all.find(({ form }) => form !== first.form);
  if (odd !== undefined) {
    throw new ShoalError(
      'USAGE',
      `${first.name} is ${formInWords[first.form]}, ${odd.name} is ${formInWords[odd.form]}: take the odd one out`,
    );
  }
  const samples = distinctSamples(all, labels);
  return { labels, form: first.form, samples, copies: all.length - samples.length };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new ShoalError('USAGE', `${folder} cannot be read as a folder of samples: ${reasonOf(error)}`);
  });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'));
  return files.map(({ name }) => path.join(folder, name)).sort();
}

async function readOne(file: string, label: number, group: RegExp | null): Promise<FileSample & { readonly form: Form }> {
  const name = printable(path.join(path.basename(path.dirname(file)), path.basename(file)));
  const { kind, mediaType, bytes, what } = await sniffFile(file);
  const form = formOf(mediaType);
  if (form === null) throw new ShoalError('USAGE', `${name} is ${what}, which no class is learned from: take it out`);
  if (bytes > limits.sampleBytesMax) {
    throw new ShoalError('USAGE', `${name} has ${bytes} bytes, a sample at most ${limits.sampleBytesMax}: cut it`);
  }
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  const found = group?.exec(path.basename(file));
  return { name, label, group: found ? (found[1] ?? found[0]) : null, sha256, content: { path: file }, kind, mediaType, bytes, form };
}

/** A text a line, its label before the first tab. Labels are in the order in which they are met. Throws USAGE, naming the line, or LEARN_REFUSED. */
export async function readTable(file: string): Promise<Samples> {
  const found = await stat(file).catch((error: unknown) => {
    throw new ShoalError('USAGE', `${file} cannot be read: ${reasonOf(error)}`);
  });
  if (!found.isFile() || found.size > limits.learnTableBytesMax) {
    throw new ShoalError('USAGE', `${file} is no file of at most ${limits.learnTableBytesMax} bytes with a label, a tab and a text a line`);
  }
  const labels: string[] = [];
  const all: FileSample[] = [];
  for (const [i, line] of (await readFile(file, 'utf8')).split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const at = line.indexOf('\t');
    const text = line.slice(at + 1).trim();
    if (at < 1 || text === '') throw new ShoalError('USAGE', `${file}, line ${i + 1}: expected a label, a tab and a text`);
    const name = line.slice(0, at).trim();
    if (!labels.includes(name)) labels.push(name);
    if (labels.length > limits.learnLabelsMax) checkLabels(labels);
    const bytes = Buffer.from(text);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const content = { bytes };
    all.push({
      name: `line ${i + 1}`,
      label: labels.indexOf(name),
      group: null,
      sha256,
      content,
      kind: 'text',
      mediaType: 'text/plain',
      bytes: bytes.length,
    });
  }
  checkLabels(labels);
  const samples = distinctSamples(all, labels);
  return { labels, form: 'text', samples, copies: all.length - samples.length };
}
