/**
 * Puts what was learned on this board into a folder of models, as a model like any other, and takes it back.
 *
 * Guarantees: a version appears whole and judged, or not at all; the next one of a name is one more than any there is or was, so that a
 * result that names `pump@2.0.0` never means two models. Only what was learned can be undone: `learned.json` in its folder says that it was,
 * from what and how. What was imported, added or bundled is left alone.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ShoalError } from '../core/errors.js';
import { type EventAdvice, type Model, modelRef } from '../core/model.js';
import type { TensorSpec } from '../core/tensor.js';
import { type Card, cardSchema, cardShape, licenceFile, readCard } from '../registry/card.js';
import { compareVersions, openRegistry } from '../registry/registry.js';
import { removeVersion } from '../registry/stage-folder.js';
import { writeModelFolder } from '../registry/write-model.js';

/** In a version folder that was learned: what from, how, and what came out. JSON. */
const learnedFile = 'learned.json';
/** Beside the versions of a name: the newest version that was taken back, so that its number is not given again. */
const undoneFile = '.undone';

/** What a fit came to. */
export interface Learned {
  readonly name: string;
  readonly task: string;
  /** What a person calls it. */
  readonly title: string;
  /** ONNX bytes. */
  readonly onnx: Uint8Array;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly params: Readonly<Record<string, unknown>>;
  /** In the order of the classes; none for a model without. */
  readonly labels?: readonly string[];
  /** For a pipeline that tells events and says nothing of its own. */
  readonly events?: EventAdvice;
  /** What was measured on data that took no part in the fit. */
  readonly quality: Card['quality'];
  /** What it was learned from, a sentence for a person. */
  readonly note: string;
  /** Kept as `learned.json`: all that is known of the fit. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface Written {
  /** `name@version`. */
  readonly ref: string;
  readonly folder: string;
}

/** The same model twice would be told apart by nothing but its number: whoever learns again gets the next. */
const licence = 'LicenseRef-Learned-Here';
const licenceText = `This model was learned on a device of its owner from data of its owner, by Shoal.
No terms are attached to it: who owns the data decides about the model.
`;

/**
 * Writes the next version of `learned.name`. `judge` is shown the model before it appears, and what it answers is why it must not. Throws
 * USAGE for a name that is none or belongs to a model that was not learned, MODEL_INVALID for what `judge` finds, or the system's error.
 */
export async function writeLearned(
  modelsFolder: string,
  learned: Learned,
  judge: (model: Model) => Promise<readonly string[]>,
): Promise<Written> {
  const version = await nextVersion(modelsFolder, learned);
  const file = 'model.onnx';
  const variant = { file, sha256: createHash('sha256').update(learned.onnx).digest('hex'), bytes: learned.onnx.length };
  const card = cardSchema.parse({
    name: learned.name,
    version,
    task: learned.task,
    title: learned.title,
    licence,
    source: { upstream: `urn:shoal:learned:${learned.name}`, note: learned.note.slice(0, 2000) },
    variants: { fp32: variant },
    inputs: learned.inputs,
    outputs: learned.outputs,
    params: learned.params,
    ...(learned.labels === undefined ? {} : { labels: 'labels.txt' }),
    ...(learned.events === undefined ? {} : { events: learned.events }),
    quality: learned.quality,
  });
  const files = new Map<string, Uint8Array | string>([
    [file, learned.onnx],
    [licenceFile, licenceText],
    [learnedFile, `${JSON.stringify({ schema: 'shoal/learned/1', model: `${learned.name}@${version}`, ...learned.evidence }, null, 2)}\n`],
    ...(learned.labels === undefined ? [] : [['labels.txt', `${learned.labels.join('\n')}\n`] as const]),
  ]);
  const folder = await writeModelFolder(modelsFolder, { card, files, copies: new Map() }, async (staged) => {
    const { model } = await readCard(staged);
    const [first] = await judge(model);
    if (first !== undefined) {
      throw new ShoalError('MODEL_INVALID', `${modelRef(card)} was fitted, but does not run: ${first.replaceAll(`${staged}/`, '')}`);
    }
  });
  return { ref: modelRef(card), folder };
}

/** Throws USAGE for a name that no model can have, or that another kind of model has. */
export async function checkLearnedName(modelsFolder: string, { name, task }: Pick<Learned, 'name' | 'task'>): Promise<void> {
  const named = cardShape.shape.name.safeParse(name);
  if (!named.success) {
    throw new ShoalError('USAGE', `--name "${name}": expected small letters, digits and hyphens, at most 64, such as pump`);
  }
  for (const model of await versionsIn(modelsFolder, name)) {
    if (!(await wasLearned(model)))
      throw new ShoalError('USAGE', `${modelRef(model)} is there and was not learned here; choose another --name`);
    if (model.task !== task)
      throw new ShoalError('USAGE', `${modelRef(model)} is for ${model.task}, not for ${task}; choose another --name`);
  }
}

async function nextVersion(modelsFolder: string, learned: Learned): Promise<string> {
  await checkLearnedName(modelsFolder, learned);
  const [newest] = await versionsIn(modelsFolder, learned.name);
  const undone = await readFile(path.join(modelsFolder, learned.name, undoneFile), 'utf8').catch(() => '0');
  const major = (version = '0'): number => Number.parseInt(version, 10) || 0;
  return `${Math.max(major(newest?.version), major(undone)) + 1}.0.0`;
}

export interface Undone {
  /** `name@version` that is gone. */
  readonly removed: string;
  /** `name@version` that is the newest now; null when none is left. */
  readonly now: string | null;
}

/**
 * Takes back the newest version of a name, or `name@version`, if it was learned. Throws USAGE when there is nothing to undo, saying what there
 * is, or the system's error.
 */
export async function undoLearned(modelsFolder: string, ref: string): Promise<Undone> {
  const [name = '', wanted] = ref.split('@', 2);
  const versions = await versionsIn(modelsFolder, name);
  const model = wanted === undefined ? versions[0] : versions.find(({ version }) => version === wanted || version === `${wanted}.0.0`);
  if (model === undefined) {
    const there = versions.length === 0 ? `there is no model ${name} in ${modelsFolder}` : `there are ${versions.map(modelRef).join(', ')}`;
    throw new ShoalError('USAGE', `nothing to undo: ${wanted === undefined ? '' : `no ${ref}; `}${there}`);
  }
  if (!(await wasLearned(model))) {
    throw new ShoalError('USAGE', `${modelRef(model)} was not learned here; "shoal models remove ${modelRef(model)}" takes it away`);
  }
  await rememberUndone(path.join(modelsFolder, name, undoneFile), model.version);
  await removeVersion(modelsFolder, model);
  const left = versions.find((each) => each !== model);
  return { removed: modelRef(model), now: left === undefined ? null : modelRef(left) };
}

async function rememberUndone(file: string, version: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => null);
  if (before !== null && compareVersions(before.trim(), version) >= 0) return;
  await writeFile(`${file}.new`, `${version}\n`);
  await rename(`${file}.new`, file);
}

/** Newest first. */
async function versionsIn(modelsFolder: string, name: string): Promise<readonly Model[]> {
  const there = await stat(modelsFolder).catch(() => null);
  return there === null ? [] : (await openRegistry([modelsFolder])).versions(name);
}

async function wasLearned({ directory }: Model): Promise<boolean> {
  return (await stat(path.join(directory, learnedFile)).catch(() => null))?.isFile() === true;
}
