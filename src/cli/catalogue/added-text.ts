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
  const default_ = [before.registry.defaultFor(card.task), after.registry.defaultFor(card.task)].map((model) =>
    model === null ? null : modelRef(model),
  );
  if (default_[0] !== default_[1]) {
    const instead =
      default_[0] === null ? 'of which there was none' : `no longer ${default_[0]} ("shoal models pin ${default_[0]}" keeps it)`;
    changes.push(`Stages for ${card.task} that name no model will run ${default_[1]}, ${instead}.`);
  }
  const named = [before.registry.find(card.name), after.registry.find(card.name)].map((model) => (model === null ? null : modelRef(model)));
  if (named[0] !== null && named[0] !== named[1] && named[0] !== default_[0]) {
    changes.push(
      `Stages that name "model: ${card.name}" will run ${named[1]}, no longer ${named[0]} ("shoal models pin ${named[0]}" keeps it).`,
    );
  }
  return changes;
}
