/**
 * `shoal models list | verify | inspect | import | compile | tune`: which models this board has, which variant of each runs here, whether they are what
 * their cards say, and what is in a file.
 */
import { Command } from 'commander';
import { type Model, type ModelFacts, type ModelVariant, modelRef } from '../core/model.js';
import { openRegistry, type Registry } from '../registry/registry.js';
import { type VerifyChecks, verifyModel } from '../registry/verify.js';
import { compileCommand } from './compile/compile-command.js';
import { Exit, exitCodes } from './exit.js';
import { importCommand } from './import/import-command.js';
import { inspectCommand } from './models-inspect.js';
import { type ModelsPlaceContext, openModelsSetting, type PlaceOptions } from './models-setting.js';
import { modelsJson, modelsText } from './models-text.js';
import { tuneCommand } from './tune.js';

/** What opening a variant in a process of its own came to. */
export interface ModelProbe {
  readonly model: string;
  readonly variant: string;
  readonly ok: boolean;
  readonly reason?: string;
  readonly loadMs: number;
}

export interface ModelsContext extends ModelsPlaceContext {
  /** Throws when a card does not suit its task. */
  readonly fitModel: (model: ModelFacts) => void;
  /** Opens every variant in an engine. */
  readonly probeModels: (models: readonly Model[]) => Promise<readonly ModelProbe[]>;
}

interface Options {
  readonly dir?: readonly string[];
  readonly json?: true;
}

export function modelsCommand(context: ModelsContext): Command {
  const list = new Command('list')
    .description('show the models of this board: task, variants, which one runs here and why, size, cost, licence and source')
    .option('-c, --config <file>', 'configuration whose folders and variants count')
    .option('--dir <folder...>', 'folders to look through instead of the usual ones')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .action(async (options: PlaceOptions & { json?: true }) => {
      const { registry, policy } = await openModelsSetting(context, options);
      context.stdout.write(options.json ? `${JSON.stringify(modelsJson(registry, policy))}\n` : modelsText(registry, policy));
    });
  const verify = new Command('verify')
    .description('check the files, hashes, licences and tensors of the models; exit code 1 when one is not right')
    .argument('[models...]', 'name or name@version; all without one')
    .option('--dir <folder...>', 'folders to look through instead of the usual ones')
    .option('--files-only', 'check files and hashes, do not open the models')
    .option('--json', 'print the answer as JSON')
    .action(async (refs: string[], options: Options & { filesOnly?: true }) => {
      await verifyAll(context, refs, options);
    });
  return new Command('models')
    .description('show, verify, inspect, import, compile or tune models')
    .addCommand(list)
    .addCommand(verify)
    .addCommand(inspectCommand(context))
    .addCommand(importCommand(context))
    .addCommand(compileCommand(context))
    .addCommand(tuneCommand(context));
}

function open(context: ModelsContext, { dir }: Options): Promise<Registry> {
  return openRegistry(dir ?? context.modelsDirectories);
}

interface Verdict {
  readonly model: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
}

async function verifyAll(context: ModelsContext, refs: readonly string[], options: Options & { filesOnly?: true }): Promise<void> {
  const registry = await open(context, options);
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
  const checks: VerifyChecks = { fit: context.fitModel, ...(filesOnly ? {} : { tensors: (_, variant) => opens(model, variant, context) }) };
  const { problems } = await verifyModel(model, checks);
  return { model: modelRef(model), ok: problems.length === 0, problems };
}

async function opens(model: Model, variant: ModelVariant, context: ModelsContext): Promise<void> {
  for (const probe of await context.probeModels([{ ...model, variants: [variant] }])) {
    if (!probe.ok) throw new Error(`${probe.model}, variant ${probe.variant}, cannot be opened: ${probe.reason ?? 'no reason was given'}`);
  }
}

function verdictText({ model, ok, problems }: Verdict): string {
  return ok ? `ok    ${model}\n` : `FAIL  ${model}\n${problems.map((problem) => `      ${problem}\n`).join('')}`;
}
