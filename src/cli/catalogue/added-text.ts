/**
 * What an operator is told after a model was added: where it is, what is odd about it, and what will run otherwise than before.
 */
import { readFile } from 'node:fs/promises';
import { inspectModel } from '../../compile/inspect/inspect-model.js';
import { modelRef } from '../../core/model.js';
import type { Card } from '../../registry/card.js';
import type { ModelsSetting } from '../models-setting.js';
import { printable } from '../printable.js';
import { readAtStart } from './read-at-start.js';

export interface Added {
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export async function addedText(card: Card, folder: string, before: ModelsSetting, after: ModelsSetting): Promise<Added> {
  const ref = modelRef(card);
  const installed = after.registry.versions(card.name).find(({ version }) => version === card.version);
  const findings: string[] = [];
  for (const { name, path } of installed?.variants ?? []) {
    const report = inspectModel(await readFile(path), new Map());
    for (const { level, message } of report.findings) if (level === 'warning') findings.push(`${name}: ${printable(message)}`);
  }
  const changes = changesOf(card, before, after);
  const megabytes = Object.values(card.variants).reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const lines = [
    `${ref} is in ${folder} (${megabytes.toFixed(1)} MB, ${card.licence}): files, task and tensors are as its card says.`,
    ...findings.map((finding) => `Worth knowing: ${finding}`),
    ...(changes.length > 0 ? changes : [`Nothing that runs changes by it: name "model: ${card.name}" in a stage for ${card.task}.`]),
    readAtStart,
  ];
  return { text: `${lines.join('\n')}\n`, json: { findings, changes } };
}

/** What a stage that names no model, or no version of it, runs from the next start on. */
function changesOf(card: Card, before: ModelsSetting, after: ModelsSetting): string[] {
  const changes: string[] = [];
  const [ran, runs] = [before, after]
    .map(({ registry }) => registry.defaultFor(card.task))
    .map((model) => (model ? modelRef(model) : null));
  if (ran !== runs) {
    const instead = ran ? `no longer ${ran} (${keeping(card, ran)} keeps it)` : 'of which there was none';
    changes.push(`Stages for ${card.task} that name no model will run ${runs}, ${instead}.`);
  }
  const named = [before.registry.find(card.name), after.registry.find(card.name)].map((model) => (model === null ? null : modelRef(model)));
  if (named[0] !== null && named[0] !== named[1] && named[0] !== ran) {
    changes.push(
      `Stages that name "model: ${card.name}" will run ${named[1]}, no longer ${named[0]} ("shoal models pin ${named[0]}" keeps it).`,
    );
  }
  return changes;
}

/** A pin decides between versions of one model; between models only a stage that names one does. */
function keeping({ name }: Card, ref: string): string {
  const [other = ''] = ref.split('@', 1);
  return other === name ? `"shoal models pin ${ref}"` : `"model: ${other}" in the stage`;
}
