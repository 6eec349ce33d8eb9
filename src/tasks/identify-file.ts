/**
 * identify-file: what a file is, told by its bytes, by a Magika model.
 *
 * Looks at the first and the last block of the file only, so its size costs nothing. A file with too few bytes that are no white space is
 * never shown to the model: it is `empty`, `txt` when it is UTF-8, else `unknown`; so is, as `txt` or `unknown`, what the model is not sure
 * enough of. Never looks at the name. Deliberately opens nothing: what is in an archive or a document stays there.
 *
 * Source: google/magika, python/src/magika/magika.py at b141dc37 (features v2, prediction mode HIGH_CONFIDENCE), the thresholds and the
 * overwrite map of the model's config.min.json, groups and text types of content_types_kb.min.json.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { FilePort, Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentLabels } from './different-labels.js';
import { readParams, unfit } from './model-params.js';

const options = z.strictObject({
  trust: z
    .enum(['sure', 'guess'])
    .default('sure')
    .describe('sure: what the model is not sure enough of is txt or unknown; guess: its best guess, whatever its score.'),
});

type Options = z.infer<typeof options>;

const labelName = z.string().min(1);
const params = z.strictObject({
  /** Bytes read from either end. */
  block_bytes: z.int().positive().max(limits.fileRangeBytesMax),
  /** Bytes of the start, and of the end, that the model sees. */
  begin_bytes: z.int().positive(),
  end_bytes: z.int().positive(),
  /** Stands where the file has no byte. */
  padding: z.int().min(256),
  /** With fewer bytes that are no white space the model is not asked. */
  min_bytes: z.int().positive(),
  /** Score a label needs, where it is not `thresholds[label]`. */
  threshold: z.number().min(0).max(1),
  thresholds: z.record(labelName, z.number().min(0).max(1)),
  /** Labels that are told as another one. */
  overwrite: z.record(labelName, labelName),
  /** Labels by kind; those in none have no group. */
  groups: z.record(labelName, z.array(labelName)),
  /** Labels that are text: unsure, they become `txt`, all others `unknown`. */
  text: z.array(labelName),
});

type Params = z.infer<typeof params>;

/** What Magika calls a file that is none of the model's types. */
const generic = { empty: 'empty', text: 'txt', other: 'unknown' } as const;

function fit(model: ModelFacts): void {
  const wrong = (what: string) => unfit(model, what);
  const { block_bytes: block, begin_bytes: begin, end_bytes: end, min_bytes: min, thresholds, overwrite, text } = readParams(params, model);
  if (begin > block || end > block || min > begin)
    throw wrong('begin_bytes and end_bytes lie within block_bytes, min_bytes within begin_bytes');
  const [input, ...moreInputs] = model.inputs;
  const [output, ...moreOutputs] = model.outputs;
  const { length } = model.labels;
  if (
    input === undefined ||
    moreInputs.length > 0 ||
    input.dtype !== 'int32' ||
    input.shape.length !== 2 ||
    input.shape[1] !== begin + end
  ) {
    throw wrong(`it needs one input int32[*,${begin + end}]`);
  }
  if (
    output === undefined ||
    moreOutputs.length > 0 ||
    output.dtype !== 'float32' ||
    output.shape.length !== 2 ||
    output.shape[1] !== length
  ) {
    throw wrong(`it needs one output float32[*,${length}], a score for each of its labels`);
  }
  const known = new Set<string>([...model.labels, ...Object.values(generic)]);
  const stray = [...Object.keys(thresholds), ...Object.keys(overwrite), ...text].find((label) => !known.has(label));
  if (stray !== undefined) throw wrong(`its params speak of "${stray}", which is none of its labels`);
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { file, model } = input;
  if (file === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'identify-file reads files, and this capture is none');
  const settings = readParams(params, model);
  const { begin, end } = await input.measure('preprocess', () => readEnds(file, settings));
  if (begin.stripped.length < settings.min_bytes) return [observe(fewBytes(begin.block), 1, settings)];
  const data = new Int32Array(settings.begin_bytes + settings.end_bytes).fill(settings.padding);
  data.set(begin.stripped.subarray(0, settings.begin_bytes));
  const last = end.subarray(Math.max(0, end.length - settings.end_bytes));
  data.set(last, data.length - last.length);
  const [{ name: bytes } = { name: '' }] = model.inputs;
  const [{ name: scores } = { name: '' }] = model.outputs;
  const outputs = await input.infer({ [bytes]: { dtype: 'int32', shape: [1, data.length], data } });
  return input.measure('postprocess', () => {
    const { label, score } = best(floats(outputs, scores), model.labels);
    return [observe(input.options.trust === 'guess' ? told(label, settings) : trusted(label, score, settings), score, settings)];
  });
}

interface Ends {
  /** The first block as it is, and without the white space it begins with. */
  readonly begin: { readonly block: Uint8Array; readonly stripped: Uint8Array };
  /** The last block without the white space it ends with. */
  readonly end: Uint8Array;
}

async function readEnds(file: FilePort, { block_bytes: blockBytes }: Params): Promise<Ends> {
  const length = Math.min(blockBytes, file.bytes);
  const block = await file.read(0, length);
  const tail = await file.read(file.bytes - length, length);
  const first = block.findIndex((byte) => !isSpace(byte));
  const last = tail.findLastIndex((byte) => !isSpace(byte));
  return { begin: { block, stripped: first === -1 ? new Uint8Array() : block.subarray(first) }, end: tail.subarray(0, last + 1) };
}

/** What Python's bytes.strip() takes away: tab, line feed, vertical tab, form feed, carriage return, space. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function fewBytes(block: Uint8Array): string {
  if (block.length === 0) return generic.empty;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(block);
    return generic.text;
  } catch {
    return generic.other;
  }
}

function best(scores: Float32Array, labels: readonly string[]): { label: string; score: number } {
  let at = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[at] ?? 0)) at = i;
  return { label: labels[at] ?? '', score: Math.min(1, Math.max(0, scores[at] ?? 0)) };
}

function told(label: string, { overwrite }: Params): string {
  return Object.hasOwn(overwrite, label) ? (overwrite[label] ?? label) : label;
}

function trusted(label: string, score: number, settings: Params): string {
  const threshold = Object.hasOwn(settings.thresholds, label) ? (settings.thresholds[label] ?? 1) : settings.threshold;
  const name = told(label, settings);
  if (score >= threshold) return name;
  return settings.text.includes(name) ? generic.text : generic.other;
}

function observe(label: string, score: number, { groups }: Params): Observation {
  const group = Object.keys(groups).find((name) => groups[name]?.includes(label));
  return { score: Math.round(score * 1e4) / 1e4, label, ...(group === undefined ? {} : { group }) };
}

export const identifyFile: Task<Options> = {
  name: 'identify-file',
  summary: 'Tells what any file is by its bytes: a label such as python or pdf, and its group such as code or document.',
  reads: 'file',
  takesEach: false,
  options,
  metric: differentLabels,
  fit,
  run,
};
