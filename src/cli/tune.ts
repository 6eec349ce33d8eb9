/**
 * `shoal models tune`: measures the installed variants on this board and keeps which one wins, for `variants: auto`.
 *
 * Guarantees: what was measured before an interruption is kept; figures of another board are never mixed with this one's. A daemon that
 * runs takes the result at its next start, never before.
 */
import { mkdir } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { writeDurably } from '../config/write-durably.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Model, modelRef } from '../core/model.js';
import { readCapacity } from '../engine/capacity.js';
import { readThermal } from '../ops/board.js';
import { createLog } from '../ops/log.js';
import { resolvePipelines } from '../registry/resolve.js';
import { type TuneFile, tuneFileIn } from '../registry/tuning.js';
import { Exit, exitCodes } from './exit.js';
import { type ModelsPlaceContext, type ModelsSetting, openModelsSetting, type PlaceOptions } from './models-setting.js';
import { measureModel, type TuneEffort } from './tune/measure-model.js';
import { emptyTuning, importTuning, readTuneFile } from './tune/tune-exchange.js';
import { tuningText } from './tune/tune-text.js';

export interface TuneOptions extends PlaceOptions {
  readonly threads?: readonly number[];
  readonly seconds: number;
  readonly json?: true;
  readonly export?: string;
  readonly import?: string;
}

export function tuneCommand(context: ModelsPlaceContext): Command {
  return new Command('tune')
    .description('measure every variant on this board and keep which one wins, for "variants: auto"')
    .argument('[models...]', 'name or name@version; without one those that the pipelines use, or all')
    .option('-c, --config <file>', 'configuration with pipelines, folders and engine options')
    .option('--dir <folder...>', 'folders to look through instead of the usual ones')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--threads <counts>', 'threads within one run, such as 1,2; 1 up to the cores if not given', wholeNumbers)
    .option('--seconds <seconds>', 'how long each measurement goes on', seconds, 2)
    .option('--export <file>', 'measure nothing: write what is known to a file, for boards of the same class')
    .option('--import <file>', 'measure nothing: take what another board of the same class wrote')
    .option('--json', 'print the answer as JSON')
    .action(async (refs: string[], options: TuneOptions) => {
      if (options.export !== undefined && options.import !== undefined)
        throw new ShoalError('USAGE', 'name --export or --import, not both');
      const setting = await openModelsSetting(context, options);
      if (options.export !== undefined) await exportTuning(context, setting, options.export);
      else if (options.import !== undefined) await takeTuning(context, setting, options.import, options.json === true);
      else await tuneModels(context, setting, refs, options);
    });
}

export async function tuneModels(
  context: ModelsPlaceContext,
  setting: ModelsSetting,
  refs: readonly string[],
  options: TuneOptions,
): Promise<void> {
  const models = wanted(context, setting, refs);
  if (models.length === 0)
    throw new ShoalError('MODEL_MISSING', 'there are no models to measure; "shoal models list" shows those there are');
  const log = createLog({ level: 'error', format: 'text' });
  const { reasons } = readThermal();
  if (reasons.length > 0) context.stderr.write(`shoal: the figures will be those of a slowed board: ${reasons.join('; ')}\n`);
  const failed: { model: string; reason: string }[] = [];
  let file = known(context, setting);
  for (const model of models) {
    const ref = modelRef(model);
    const tell = (doing: string): unknown => context.stderr.write(`${ref}: ${doing}\n`);
    try {
      const tuning = await measureModel(model, effortOf(setting, options), log, tell);
      file = { ...file, models: { ...file.models, [ref]: tuning } };
      await save(setting, file);
      if (!options.json) context.stdout.write(`${tuningText(ref, tuning)}\n`);
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'STORE_UNAVAILABLE') throw error;
      failed.push({ model: ref, reason: reasonOf(error) });
      context.stderr.write(`shoal: ${reasonOf(error)}\n`);
    }
  }
  const kept = tuneFileIn(setting.stateDir);
  const next =
    setting.settings?.variants === 'auto' ? 'the daemon takes it at its next start' : 'set "variants: auto" to let the daemon take it';
  if (options.json) context.stdout.write(`${JSON.stringify({ file: kept, failed, ...file })}\n`);
  else if (failed.length < models.length) context.stdout.write(`Kept in ${kept}; ${next}.\n`);
  if (failed.length > 0) throw new Exit(exitCodes.failed);
}

function wanted({ parts }: ModelsPlaceContext, { registry, settings, policy }: ModelsSetting, refs: readonly string[]): readonly Model[] {
  if (refs.length > 0) {
    return refs.map((ref) => {
      const model = registry.find(ref);
      if (model === null) throw new ShoalError('USAGE', `there is no model "${ref}"; "shoal models list" shows those there are`);
      return model;
    });
  }
  if (settings === null) return registry.list();
  const tasks = parts.tasks as Parameters<typeof resolvePipelines>[2];
  const { runs } = resolvePipelines(settings.pipelines, registry, tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
  return [...new Map(runs.map(({ model }) => [modelRef(model), model])).values()];
}

function effortOf({ engine }: ModelsSetting, { threads, seconds: each }: TuneOptions): TuneEffort {
  const cores = Math.min(readCapacity().cores, limits.enginesMax);
  const counts = Array.from({ length: cores }, (_, index) => index + 1);
  return { threads: threads ?? counts, engines: counts, seconds: each, arena: engine.arena };
}

/** What is known of this board already; of another board nothing is. */
function known({ version }: ModelsPlaceContext, { policy, board }: ModelsSetting): TuneFile {
  return policy.tuning.state === 'usable' ? { ...policy.tuning.file, shoal: version, board } : emptyTuning(board, version);
}

async function save({ stateDir }: ModelsSetting, tuning: TuneFile): Promise<void> {
  const file = tuneFileIn(stateDir);
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o750 });
    // Readable by the daemon's user, whoever ran the command.
    await writeDurably(file, `${JSON.stringify(tuning, null, 1)}\n`, 0o644);
  } catch (error) {
    throw new ShoalError('STORE_UNAVAILABLE', `${file} cannot be written: ${reasonOf(error)}; run this as the daemon's user or as root`);
  }
}

async function exportTuning(context: ModelsPlaceContext, { policy, board }: ModelsSetting, target: string): Promise<void> {
  const { tuning } = policy;
  if (tuning.state !== 'usable') throw new ShoalError('USAGE', `there is nothing to export: ${tuning.reason}`);
  await writeDurably(target, `${JSON.stringify(tuning.file, null, 1)}\n`, 0o644).catch((error: unknown) => {
    throw new ShoalError('USAGE', `${target} cannot be written: ${reasonOf(error)}`);
  });
  context.stdout.write(`${target}: ${Object.keys(tuning.file.models).length} models, for boards of the class ${board.class}\n`);
}

async function takeTuning(context: ModelsPlaceContext, setting: ModelsSetting, source: string, json: boolean): Promise<void> {
  const { file, taken, leftOut, differs } = importTuning(await readTuneFile(source), known(context, setting), setting.registry);
  if (taken.length > 0) await save(setting, file);
  if (json) context.stdout.write(`${JSON.stringify({ taken, left_out: leftOut, differs })}\n`);
  else {
    const said = [...taken.map((ref) => `${ref}: ${file.models[ref]?.winner}`), ...leftOut, ...differs];
    context.stdout.write(`${said.join('\n')}\n${taken.length} of ${taken.length + leftOut.length} models taken from ${source}\n`);
  }
  if (taken.length === 0) throw new Exit(exitCodes.failed);
}

function wholeNumbers(text: string): number[] {
  const counts = text.split(',').map(Number);
  const good = counts.length <= 16 && counts.every((count) => Number.isInteger(count) && count >= 1 && count <= 16);
  if (!good) throw new InvalidArgumentError('need whole numbers 1 .. 16 with commas between, such as 1,2');
  return [...new Set(counts)];
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 300)) throw new InvalidArgumentError('need 0 .. 300 (seconds)');
  return value;
}
