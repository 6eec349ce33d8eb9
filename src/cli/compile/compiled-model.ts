/**
 * From what a compilation kept to a model folder: card, variants, recipes, evidence, and what is taken over from the card that described it.
 *
 * The first variant, which is the default, is the one that takes the least CPU here. Licence, labels and golden captures are copied where
 * they are; figures of quality are not, since they were another file's.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Card } from '../../registry/card.js';
import { licenceFile } from '../../registry/card.js';
import type { BoardFingerprint } from '../../registry/fingerprint.js';
import type { NewModel } from '../../registry/write-model.js';
import type { CompileOutcome } from './compile-protocol.js';
import type { CompilePlan } from './plan-compile.js';

export const evidenceFile = 'measured.json';
const measuredBy = 'shoal models compile';

type Variant = CompileOutcome['variants'][number];

/** Null when nothing was kept. `version` is that of Shoal. */
export async function compiledModel(
  plan: CompilePlan,
  outcome: CompileOutcome,
  board: BoardFingerprint,
  version: string,
): Promise<NewModel | null> {
  const kept = outcome.variants.filter((variant) => variant.kept).sort((a, b) => a.evaluation.cpuMs.median - b.evaluation.cpuMs.median);
  if (kept.length === 0) return null;
  const { card } = plan.description;
  const { package: _, integrity: __, files: ___, download: ____, ...source } = card.source;
  const note = `${source.note ?? card.title}; compiled here from ${path.basename(plan.file)}, SHA-256 ${outcome.sourceSha256}`;
  const copies = await copiesOf(plan);
  return {
    card: {
      ...card,
      name: plan.name,
      version: plan.version,
      source: { ...source, note: note.slice(0, 2000) },
      variants: Object.fromEntries(kept.map((variant) => [variant.name, cardVariant(variant, plan, outcome, board)])),
      pinned: {},
      quality: [],
      golden: card.golden.filter(({ capture, output }) => copies.has(capture) && copies.has(output)),
    },
    files: new Map<string, Uint8Array | string>([
      ...kept.flatMap((variant): [string, Uint8Array | string][] => [
        [`${variant.name}.onnx`, variant.model],
        [`${variant.name}.recipe.json`, variant.recipe],
      ]),
      [evidenceFile, `${JSON.stringify(evidenceOf(plan, outcome, board, version), null, 2)}\n`],
    ]),
    copies,
  };
}

function cardVariant(
  { name, model, evaluation, accuracy }: Variant,
  plan: CompilePlan,
  outcome: CompileOutcome,
  board: BoardFingerprint,
): Card['variants'][string] {
  const evidence = { machine: `${board.cpu ?? 'unknown CPU'}, ${board.class}`, measured_by: measuredBy };
  const ratio = evaluation.cpuMs.median / outcome.original.cpuMs.median;
  const cost = { cpu_ratio: ratio, cpu_ms: evaluation.cpuMs.median, run: 'held-out samples, 1 thread', ...evidence };
  const shown = { metric: plan.task.metric.name, data: 'held-out samples of the operator', samples: outcome.heldOut, ...evidence };
  return {
    file: `${name}.onnx`,
    sha256: createHash('sha256').update(model).digest('hex'),
    bytes: model.length,
    recipe: `${name}.recipe.json`,
    ...(accuracy === undefined ? {} : { accuracy: { ...accuracy, ...shown } }),
    cost: ratio > 0 ? [cost] : [],
  };
}

/** Labels, licence and golden files that are there, by their path inside the folder. */
async function copiesOf({ description: { card, directory } }: CompilePlan): Promise<Map<string, string>> {
  const golden = card.golden.flatMap(({ capture, each, output }) => [capture, output, ...(each === undefined ? [] : [each])]);
  const copies = new Map<string, string>();
  for (const name of [licenceFile, ...(card.labels === undefined ? [] : [card.labels]), ...golden]) {
    const from = path.join(directory, name);
    if ((await stat(from).catch(() => null))?.isFile() === true) copies.set(name, from);
  }
  return copies;
}

/** Everything that was measured, those that were refused included. */
export function evidenceOf(plan: CompilePlan, outcome: CompileOutcome, board: BoardFingerprint, version: string): Record<string, unknown> {
  const { sourceSha256, sourceBytes, calibration, heldOut, skipped, original, variants } = outcome;
  return {
    schema: 'shoal/compiled/1',
    model: `${plan.name}@${plan.version}`,
    task: plan.task.name,
    metric: plan.task.metric.name,
    ...(plan.task.alsoMetric === undefined ? {} : { also_metric: plan.task.alsoMetric.name }),
    shoal: version,
    compiled_at: new Date().toISOString(),
    board,
    source: { file: path.basename(plan.file), sha256: sourceSha256, bytes: sourceBytes },
    samples: { calibration, held_out: heldOut, skipped },
    original,
    variants: variants.map(({ model, recipe: _, ...told }) => ({ ...told, bytes: model.length })),
  };
}
