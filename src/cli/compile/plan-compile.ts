/**
 * What is to be compiled: which card describes the file, which task judges it, and what the new model will be called.
 *
 * The card is the one named, that of an installed model, or the one beside the file. Nothing native is loaded here.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ShoalError } from '../../core/errors.js';
import { modelRef } from '../../core/model.js';
import type { Task } from '../../core/task.js';
import { cardFile } from '../../registry/card.js';
import { type Description, readDescription } from '../../registry/describe.js';
import type { Registry } from '../../registry/registry.js';

export interface CompileOptions {
  readonly calibrate: string;
  readonly task?: string;
  readonly model?: string;
  readonly card?: string;
  readonly as?: string;
  readonly out: string;
  readonly maxLoss?: number;
  readonly effort: 'normal' | 'thorough';
  readonly json?: true;
}

export interface CompilePlan {
  /** Absolute. */
  readonly file: string;
  readonly description: Description;
  readonly task: Task;
  /** What the new model is called. */
  readonly name: string;
  readonly version: string;
}

/** Throws USAGE, MODEL_MISSING or MODEL_INVALID, each with what to do. */
export async function planCompile(file: string, options: CompileOptions, tasks: readonly Task[], registry: Registry): Promise<CompilePlan> {
  if (options.model !== undefined && options.card !== undefined) throw new ShoalError('USAGE', 'name --model or --card, not both');
  const found = await stat(file).catch(() => null);
  if (found?.isFile() !== true) throw new ShoalError('MODEL_MISSING', `${file} is no file; name an ONNX file`);
  const { description, installed } = await describe(path.resolve(file), options, registry);
  const { facts } = description;
  if (options.task !== undefined && options.task !== facts.task) {
    throw new ShoalError('USAGE', `--task ${options.task}: the card of ${modelRef(facts)} says that it is for ${facts.task}`);
  }
  const task = tasks.find(({ name }) => name === facts.task);
  if (task === undefined) {
    throw new ShoalError('MODEL_INVALID', `the card says task ${facts.task}; the tasks are ${tasks.map(({ name }) => name).join(', ')}`);
  }
  task.fit(facts);
  const named = /^([^@]+)@([^@]+)$/.exec(options.as ?? '');
  if (options.as !== undefined && named === null) {
    throw new ShoalError('USAGE', `--as "${options.as}": expected NAME@VERSION, such as ${facts.name}@${facts.version}`);
  }
  // A version never changes: what is made of an installed one is another, and no newer one, so that nothing runs it unasked.
  const version = installed ? `${facts.version}${facts.version.includes('-') ? '.' : '-'}compiled` : facts.version;
  return { file: path.resolve(file), description, task, name: named?.[1] ?? facts.name, version: named?.[2] ?? version };
}

async function describe(
  file: string,
  { model, card, task }: CompileOptions,
  registry: Registry,
): Promise<{ description: Description; installed: boolean }> {
  if (card !== undefined) return { description: await readDescription(card), installed: false };
  if (model !== undefined) {
    const known = registry.find(model);
    if (known === null) {
      const names = registry.list().map(modelRef);
      throw new ShoalError('MODEL_MISSING', `--model ${model} is not installed; installed are ${names.join(', ') || 'none'}`);
    }
    return { description: await readDescription(path.join(known.directory, cardFile)), installed: true };
  }
  const beside = path.join(path.dirname(file), cardFile);
  if ((await readFile(beside).catch(() => null)) !== null) return { description: await readDescription(beside), installed: true };
  const alike = registry.list().filter((known) => task === undefined || known.task === task);
  throw new ShoalError(
    'USAGE',
    `nothing says what ${file} takes and gives: there is no ${cardFile} beside it. Name --model NAME to have the tensors, params and labels of an installed model (${alike.map(({ name }) => name).join(', ') || 'none fits'}), or --card FILE for a card.yaml of your own; "shoal models inspect" shows the tensors`,
  );
}
