/**
 * The card of a model: `card.yaml` in its version folder, read and checked.
 *
 * Guarantees: what leaves here is complete and self-consistent on paper (names and paths stay inside the folder, name and version are
 * those of the folder, labels are read). Deliberately does not look into the weights: that is verify.ts and an engine.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { pinnable } from '../core/board-class.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Model, ModelVariant, VariantAccuracy } from '../core/model.js';
import { calibrationShape } from './calibration-shape.js';

export const cardFile = 'card.yaml';
export const licenceFile = 'LICENSE';
const modelNamePattern = /^[a-z0-9][a-z0-9-]{0,63}$/;
const modelVersionPattern = /^\d{1,6}\.\d{1,6}\.\d{1,6}(-[0-9A-Za-z.-]{1,32})?$/;

/** A file inside the folder: no way up, no absolute path. */
const inside = z
  .string()
  .regex(/^(?!.*(?:^|\/)\.\.?(?:\/|$))[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/, 'must be a relative path inside the folder');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, lower case');
const text = z.string().min(1).max(2000);

const variantName = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/);

const tensor = z.strictObject({
  name: z.string().min(1).max(256),
  dtype: z.enum(['float32', 'int64', 'int32', 'uint8', 'int8', 'bool']),
  shape: z
    .array(z.union([z.int().positive(), z.string().min(1)]))
    .max(8)
    .describe('A number is fixed, a name is a free dimension.'),
});

const inputs = z.array(tensor).min(1).max(32);
const outputs = z.array(tensor).min(1).max(64);

/** Where a figure comes from: without these two it is hearsay. */
const evidence = {
  machine: text.describe('CPU and its class, as "shoal doctor" names it.'),
  measured_by: text.describe('The script that prints the figure.'),
};

const accuracy = z
  .strictObject({
    metric: text.describe('What is counted, such as character error rate.'),
    loss: z.number().describe('Errors per thing counted, more than the original makes; below 0 is better than the original.'),
    bound: z.number().describe('Upper 95 % bound of the loss.'),
    budget: z.number().nonnegative().describe('The largest bound at which this variant may stand in for the original.'),
    data: text.describe('The held-out samples.'),
    samples: z.int().positive(),
    ...evidence,
  })
  .refine(({ loss, bound }) => bound >= loss, { message: 'bound is the upper bound of loss and cannot be below it' });

/** A machine's kernels may round otherwise, so each class of board a variant is pinned for has its own. */
const accuracies = z.preprocess((raw) => (Array.isArray(raw) ? raw : [raw]), z.array(accuracy).min(1).max(16));

const cost = z.strictObject({
  cpu_ratio: z.number().positive().describe('CPU time a run over that of the original, measured interleaved.'),
  cpu_ms: z.number().positive().describe('CPU time a run, median.'),
  run: text.describe('What is run: the shape or the capture, and the threads.'),
  ...evidence,
});

const variant = z.strictObject({
  file: inside,
  sha256,
  bytes: z.int().positive(),
  recipe: inside.optional().describe('How the file is made from the one as shipped; without it the file is as shipped.'),
  inputs: inputs.optional().describe('Instead of those of the model.'),
  outputs: outputs.optional().describe('Instead of those of the model.'),
  accuracy: accuracies
    .optional()
    .describe('Against the original; "shoal models tune" takes no variant without it. One entry a machine, or one alone.'),
  cost: z.array(cost).max(16).default([]).describe('One entry a machine.'),
  calibration: calibrationShape.optional().describe('Instead of that of the model: another file gives other scores.'),
});

/** One file of the internet, pinned by its bytes. A branch of a repository moves, so it names a commit. */
const download = z.strictObject({
  url: z
    .url({ protocol: /^https$/, error: 'must be an https:// address' })
    .max(2000)
    .refine((url) => !/^https:\/\/raw\.githubusercontent\.com\//.test(url) || /^https:\/\/[^/]+\/[^/]+\/[^/]+\/[0-9a-f]{40}\//.test(url), {
      message: 'must name a commit (40 hexadecimal digits), not a branch or a tag',
    })
    .refine((url) => !/^https:\/\/[^/?#]*@/.test(url), { message: 'must not hold a user or a password' }),
  sha256,
  bytes: z.int().positive().max(limits.onnxBytesMax),
});

/** As in a configuration: what lasts longer than a day is no event. */
const eventSpan = z.int().min(0).max(86_400_000);

const source = z
  .strictObject({
    package: z
      .string()
      .regex(/^(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+[\w.+-]*$/, 'must be an npm package with its exact version')
      .optional(),
    integrity: z
      .string()
      .regex(/^sha512-[A-Za-z0-9+/]{86}==$/)
      .optional()
      .describe('Of the package archive.'),
    files: z.record(inside, inside).optional().describe('File here: path inside the package.'),
    download: z
      .record(inside, download)
      .refine((files) => Object.keys(files).length > 0 && Object.keys(files).length <= limits.downloadFilesMax, {
        message: `1 to ${limits.downloadFilesMax} files`,
      })
      .optional()
      .describe('File here: where it is fetched from. A variant with a recipe is built from the file fetched under its name.'),
    upstream: z.url().describe('Where the model was made.'),
    note: text.optional().describe('For a person: who trained it, which release.'),
  })
  .refine((given) => (given.package === undefined) === (given.integrity === undefined && given.files === undefined), {
    message: 'package, integrity and files belong together',
  })
  .refine((given) => given.package === undefined || given.download === undefined, {
    message: 'name a package or download, not both',
  });

export const cardShape = z.strictObject({
  name: z.string().regex(modelNamePattern).describe('Name of the folder above the version.'),
  version: z.string().regex(modelVersionPattern).describe('Name of the version folder; quote it.'),
  task: z
    .string()
    .regex(/^[a-z]+(-[a-z]+)+$/)
    .describe('Verb-object: what the model is for.'),
  title: text.describe('What a person calls it.'),
  licence: text.describe('SPDX expression of the weights; its text is the file LICENSE.'),
  commercial_use: z.boolean().default(true).describe('False where the licence forbids it; then "shoal models add" needs --accept-licence.'),
  attribution: text.optional().describe('Who made it, in the words an operator may have to repeat: copyright lines.'),
  licence_note: text.optional().describe('What a person must know before relying on the licence, such as where this copy comes from.'),
  source,
  variants: z
    .record(variantName, variant)
    .refine((variants) => Object.keys(variants).length > 0, { message: 'at least one variant is needed' })
    .describe('The first is the default.'),
  pinned: z
    .partialRecord(z.enum(pinnable), variantName)
    .default({})
    .describe('What the release measured to be best for a class of board, where that is not the first variant.'),
  inputs,
  outputs,
  params: z.record(z.string(), z.unknown()).default({}).describe('What the task needs; validated by the task.'),
  calibration: calibrationShape.optional().describe('Of the scores of all variants that state none of their own.'),
  labels: inside.optional().describe('One label a line, in the order of the classes.'),
  events: z
    .strictObject({ on_after_ms: eventSpan, off_after_ms: eventSpan, cooldown_ms: eventSpan })
    .partial()
    .optional()
    .describe('What a pipeline that tells events takes where its own report says nothing (ms).'),
  quality: z.array(z.strictObject({ metric: text, value: z.number(), data: text, measured_by: text })).default([]),
  golden: z
    .array(z.strictObject({ capture: inside, each: inside.optional(), output: inside, tolerance: z.number().nonnegative() }))
    .default([])
    .describe('A capture and the observations of the task with default options.'),
});

export const cardSchema = cardShape.superRefine(({ variants, pinned, source: { download = {} } }, context) => {
  for (const [boards, name] of Object.entries(pinned)) {
    if (Object.hasOwn(variants, name)) continue;
    const message = `there is no variant "${name}", only ${Object.keys(variants).join(', ')}`;
    context.addIssue({ code: 'custom', path: ['pinned', boards], message });
  }
  for (const [name, { file, recipe, sha256: hash, bytes }] of Object.entries(variants)) {
    const fetched = Object.hasOwn(download, file) ? download[file] : undefined;
    if (fetched === undefined || recipe !== undefined || (fetched.sha256 === hash && fetched.bytes === bytes)) continue;
    const message = `sha256 and bytes must be those of source.download "${file}", since no recipe makes another file of it`;
    context.addIssue({ code: 'custom', path: ['variants', name], message });
  }
});

export type Card = z.infer<typeof cardSchema>;

/**
 * Reads the card in a version folder (absolute path). Throws MODEL_MISSING when it cannot be read, MODEL_INVALID naming every key
 * that is wrong. Without `read.labels` the labels file may still be missing, and the model has no labels.
 */
export async function readCard(directory: string, read: { labels: boolean } = { labels: true }): Promise<{ card: Card; model: Model }> {
  const file = path.join(directory, cardFile);
  const card = parseCard(await readBounded(file, limits.cardBytesMax), file);
  const version = path.basename(directory);
  const name = path.basename(path.dirname(directory));
  if (card.name !== name || card.version !== version) {
    throw new ShoalError(
      'MODEL_INVALID',
      `${file}: it says ${card.name}@${card.version}, its folder says ${name}@${version}: they must agree`,
    );
  }
  const labels =
    card.labels === undefined || !read.labels
      ? []
      : labelLines(await readBounded(path.join(directory, card.labels), limits.labelsBytesMax));
  return { card, model: modelOf(card, directory, labels) };
}

/** A card as its file has it. */
export function cardText(card: object): string {
  return stringify(card, { lineWidth: 140 });
}

function parseCard(content: string, file: string): Card {
  return checkedCard(cardSchema, parseYaml(content, file), file);
}

/** Throws MODEL_INVALID naming every key that is wrong; `file` is for the message. */
export function checkedCard<Shape>(schema: z.ZodType<Shape>, raw: unknown, file: string): Shape {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'card'}: ${issue.message}`);
  throw new ShoalError('MODEL_INVALID', `${file}: ${problems.join('; ')}`);
}

/** Throws MODEL_INVALID; `file` is for the message. */
export function parseYaml(content: string, file: string): unknown {
  try {
    return parse(content, { maxAliasCount: limits.configAliasesMax });
  } catch (cause) {
    throw new ShoalError('MODEL_INVALID', `${file}: not readable as YAML: ${reasonOf(cause)}`, { cause });
  }
}

/** Throws MODEL_MISSING. */
export async function readBounded(file: string, bytesMax: number): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Error('not a file');
    if (found.size > bytesMax) throw new Error(`${found.size} bytes, the limit is ${bytesMax}`);
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ShoalError('MODEL_MISSING', `cannot read ${file}: ${reasonOf(cause)}`, { cause });
  }
}

/** Only a last empty line is none: an alphabet may hold a space, and even an empty label has its place. */
export function labelLines(content: string): string[] {
  const all = content.split(/\r?\n/);
  if (all.at(-1) === '') all.pop();
  return all;
}

function modelOf(card: Card, directory: string, labels: readonly string[]): Model {
  return {
    name: card.name,
    version: card.version,
    task: card.task,
    title: card.title,
    licence: card.licence,
    source: card.source.package === undefined ? card.source.upstream : `${card.source.package} (${card.source.upstream})`,
    directory,
    inputs: card.inputs,
    outputs: card.outputs,
    params: card.params,
    labels,
    ...(card.events === undefined ? {} : { events: card.events }),
    variants: Object.entries(card.variants).map(([name, variant]) =>
      variantOf(name, { calibration: card.calibration, ...variant }, directory),
    ),
    pinned: card.pinned,
  };
}

function variantOf(name: string, variant: Card['variants'][string], directory: string): ModelVariant {
  const { file, sha256, bytes, inputs, outputs, accuracy, calibration } = variant;
  return {
    name,
    path: path.join(directory, file),
    sha256,
    bytes,
    ...(inputs === undefined ? {} : { inputs }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(accuracy === undefined ? {} : { accuracy: strictest(accuracy) }),
    ...(calibration === undefined ? {} : { calibration }),
  };
}

/** The entry whose bound comes nearest to its budget, or exceeds it most: it speaks for all. */
function strictest(entries: readonly VariantAccuracy[]): VariantAccuracy {
  const { metric, loss, bound, budget } = entries.reduce((worst, entry) =>
    entry.bound - entry.budget > worst.bound - worst.budget ? entry : worst,
  );
  return { metric, loss, bound, budget };
}
