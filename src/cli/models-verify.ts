/**
 * `shoal models verify`: whether models are what their cards say.
 */
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { refuseExternalData } from '../compile/inspect/external-data.js';
import { type Model, type ModelVariant, modelRef } from '../core/model.js';
import { verifyModel } from '../registry/verify.js';
import { Exit, exitCodes } from './exit.js';
import type { ModelsContext } from './models-context.js';
import { openModelsSetting, type PlaceOptions } from './models-setting.js';

interface VerifyOptions extends PlaceOptions {
  readonly filesOnly?: true;
  readonly json?: true;
}

export function verifyCommand(context: ModelsContext): Command {
  return new Command('verify')
    .description('check the files, hashes, licences and tensors of the models; exit code 1 when one is not right')
    .argument('[models...]', 'name or name@version; all without one')
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--dir <folder...>', 'folders to look through instead of the usual ones')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--files-only', 'check files and hashes, do not open the models')
    .option('--json', 'print the answer as JSON')
    .action(async (refs: string[], options: VerifyOptions) => {
      await verifyAll(context, refs, options);
    });
}

interface Verdict {
  readonly model: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
}

async function verifyAll(context: ModelsContext, refs: readonly string[], options: VerifyOptions): Promise<void> {
  const { registry } = await openModelsSetting(context, options);
  const verdicts: Verdict[] = [];
  const told = (verdict: Verdict): void => {
    verdicts.push(verdict);
    if (!options.json) context.stdout.write(verdictText(verdict));
  };
  for (const { path, reason } of refs.length === 0 ? registry.problems : []) told({ model: path, ok: false, problems: [reason] });
  for (const found of refs.length === 0 ? registry.list() : refs.map((ref) => registry.find(ref) ?? ref)) {
    if (typeof found === 'string')
      told({ model: found, ok: false, problems: ['there is no such model; "shoal models list" shows those there are'] });
    else told(await verdictOf(found, context, options.filesOnly === true));
  }
  const ok = verdicts.length > 0 && verdicts.every((verdict) => verdict.ok);
  if (options.json) context.stdout.write(`${JSON.stringify({ ok, models: verdicts })}\n`);
  else if (verdicts.length === 0) context.stderr.write('shoal: there are no models to verify\n');
  if (!ok) throw new Exit(exitCodes.failed);
}

async function verdictOf(model: Model, context: ModelsContext, filesOnly: boolean): Promise<Verdict> {
  const problems = await verifyHere(model, context, filesOnly);
  return { model: modelRef(model), ok: problems.length === 0, problems };
}

/** What is wrong with a model, one sentence each: files and task, and, unless `filesOnly`, whether an engine opens it. */
export async function verifyHere(model: Model, context: ModelsContext, filesOnly: boolean): Promise<readonly string[]> {
  const fit = context.fitModel;
  const { problems } = await verifyModel(model, filesOnly ? { fit } : { fit, tensors: (_, variant) => opens(model, variant, context) });
  return problems;
}

async function opens(model: Model, variant: ModelVariant, context: ModelsContext): Promise<void> {
  refuseExternalData(await readFile(variant.path), variant.path);
  for (const probe of await context.probeModels([{ ...model, variants: [variant] }])) {
    if (!probe.ok) throw new Error(`${probe.model}, variant ${probe.variant}, cannot be opened: ${probe.reason ?? 'no reason was given'}`);
  }
}

function verdictText({ model, ok, problems }: Verdict): string {
  return ok ? `ok    ${model}\n` : `FAIL  ${model}\n${problems.map((problem) => `      ${problem}\n`).join('')}`;
}
