/**
 * `shoal models calibrate`: fits how the scores of a model become what they say, on an operator's own samples with their truth, and keeps it on
 * this board where it holds on samples it was not fitted on.
 *
 * Guarantees: the model's file and card stay as they are; what is kept counts for the very file that was run, and `--undo` takes it away again.
 */
import { mkdir, realpath } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { writeDurably } from '../../config/write-durably.js';
import { type CalibrationMethod, isMixed, judgeCalibration, type StatedCalibration } from '../../core/calibration.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { type Model, type ModelVariant, modelRef } from '../../core/model.js';
import type { Task } from '../../core/task.js';
import { type ScoredSamples, scoreSamples } from '../../engine/workbench/score-samples.js';
import { createLog } from '../../ops/log.js';
import { type Calibrations, calibrationsFileIn, calibrationsText } from '../../registry/calibrations.js';
import { chooseVariant } from '../../registry/choose-variant.js';
import { readAtStart } from '../catalogue/read-at-start.js';
import { ProgressLine } from '../compile/progress-line.js';
import { Exit, exitCodes } from '../exit.js';
import { type ModelsPlaceContext, type ModelsSetting, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { calibrationText, skippedText } from './calibrate-text.js';

interface CalibrateOptions extends PlaceOptions {
  readonly samples?: string;
  readonly variant?: string;
  readonly method: CalibrationMethod | 'auto';
  readonly undo?: true;
  readonly json?: true;
}

const help = `
Samples: images, recordings or files as the model will see them, which it was not trained on. Beside each photo.jpg lies
photo.jpg.truth.json, what is in it, as a list of observations: [{"label": "cat", "box": {...}}], [] for nothing. Start from
what "shoal infer --task TASK --json photo.jpg" prints, and mend it. For read-text photo.jpg.txt does, the text a line a place;
places of an earlier stage lie beside it as photo.jpg.json (see "shoal models compile --help").
At least ${2 * limits.calibrationScoresMin} observations are needed, right and wrong ones: half fits, the other half judges. More is better.

Examples:
  shoal models calibrate ppocr-rec --samples ~/signs
  shoal models calibrate ppocr-rec --variant int8 --undo`;

export function calibrateCommand(context: ModelsPlaceContext): Command {
  return new Command('calibrate')
    .description('make the scores of a model say how often it is right, on your own samples with their truth')
    .argument('<model>', 'name or name@version')
    .option('--samples <folder>', 'samples with the truth beside each')
    .option('--variant <name>', 'the variant to calibrate; without it the one that runs on this board')
    .addOption(
      new Option('--method <method>', 'what to fit; auto takes what cross-validates better on the half that fits')
        .choices(['auto', 'temperature', 'isotonic'])
        .default('auto'),
    )
    .option('--undo', 'take away what was kept for this model, or for one variant of it')
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--dir <folder...>', 'folders to look through instead of the usual ones')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', help)
    .action(async (ref: string, options: CalibrateOptions) => {
      if ((options.samples === undefined) === (options.undo === undefined))
        throw new ShoalError('USAGE', 'name --samples FOLDER to calibrate with, or --undo to take a calibration away');
      const setting = await openModelsSetting(context, options);
      if (setting.calibrations.problem !== undefined) context.stderr.write(`shoal: ${setting.calibrations.problem}; it is written anew\n`);
      if (options.undo) await undo(context, ref, setting, options);
      else await calibrate(context, ref, setting, options);
    });
}

async function calibrate(context: ModelsPlaceContext, ref: string, setting: ModelsSetting, options: CalibrateOptions): Promise<void> {
  const { model, variant } = wanted(ref, setting, options.variant);
  const task = taskOf(model, context);
  const folder = await realpath(options.samples ?? '').catch((cause: unknown) => {
    throw new ShoalError('USAGE', `the folder of samples ${options.samples} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const seen = await look(context, model, variant, folder);
  for (const line of skippedText(seen)) context.stderr.write(`shoal: ${line}\n`);
  checkEnough(seen, task);
  const judged = judgeCalibration(seen.fit, seen.judge, options.method);
  const stated: StatedCalibration = {
    ...judged.calibration,
    samples: seen.fit.length + seen.judge.length,
    calibrated_on: `${seen.samples} samples of ${folder}, ${new Date().toISOString().slice(0, 10)}`.slice(0, 2000),
    ece_before: decimals(judged.eceBefore),
    ece_after: decimals(judged.eceAfter),
  };
  // Rounding may make them equal, and the file states what it holds.
  const kept = judged.better && stated.ece_after < stated.ece_before;
  if (kept) {
    const own = setting.calibrations.models[modelRef(model)] ?? {};
    const entry = { sha256: variant.sha256, calibration: stated };
    await save(setting, { ...setting.calibrations.models, [modelRef(model)]: { ...own, [variant.name]: entry } });
  }
  const told = {
    model: modelRef(model),
    variant: variant.name,
    kept,
    ...stated,
    brier_before: judged.brierBefore,
    brier_after: judged.brierAfter,
  };
  if (options.json) context.stdout.write(`${JSON.stringify(told)}\n`);
  else context.stdout.write(calibrationText(told, seen, kept ? `Kept in ${calibrationsFileIn(setting.stateDir)}.\n${readAtStart}` : null));
  if (!kept) throw new Exit(exitCodes.failed);
}

/** Throws USAGE for what there is not. */
function wanted(ref: string, { registry, policy }: ModelsSetting, name: string | undefined): { model: Model; variant: ModelVariant } {
  const model = registry.find(ref);
  if (model === null) throw new ShoalError('USAGE', `there is no model "${ref}"; "shoal models list" shows those there are`);
  const variant = name === undefined ? chooseVariant(model, policy)?.variant : model.variants.find((each) => each.name === name);
  if (variant !== undefined) return { model, variant };
  throw new ShoalError('USAGE', `${modelRef(model)} has no variant "${name}", only ${model.variants.map((each) => each.name).join(', ')}`);
}

function taskOf(model: Model, { parts }: ModelsPlaceContext): Task {
  const tasks = parts.tasks as unknown as readonly Task[];
  const task = tasks.find(({ name }) => name === model.task);
  if (task === undefined)
    throw new ShoalError('USAGE', `${modelRef(model)} is for ${model.task}, which this version of Shoal does not know`);
  if (task.metric.right !== undefined) return task;
  const able = tasks.filter(({ metric }) => metric.right !== undefined).map(({ name }) => name);
  throw new ShoalError(
    'USAGE',
    `${modelRef(model)} is for ${task.name}, whose score is no claim that can be right or wrong; models of ${able.join(', ')} can be calibrated`,
  );
}

async function look(context: ModelsPlaceContext, model: Model, variant: ModelVariant, folder: string): Promise<ScoredSamples> {
  const line = new ProgressLine(context.stderr);
  try {
    return await scoreSamples(
      { model, variant, folder },
      createLog({ level: 'error', format: 'text' }),
      ({ progress: { what, done, of } }) => line.show({ step: what, detail: `${done} of ${of}`, share: done / of }),
    );
  } finally {
    line.end();
  }
}

/** Throws USAGE, with what was found and what is needed. */
function checkEnough({ fit, judge, samples, without }: ScoredSamples, task: Task): void {
  const all = [...fit, ...judge];
  if (samples === 0) {
    const why = without.length === 0 ? 'there is no sample that it can use' : `none of ${without.length} samples has its truth beside it`;
    throw new ShoalError('USAGE', `${why}: lay NAME.truth.json beside each, as "shoal models calibrate --help" says`);
  }
  if (fit.length < limits.calibrationScoresMin || judge.length < limits.calibrationScoresMin) {
    throw new ShoalError(
      'USAGE',
      `${task.name} found ${all.length} things in ${samples} samples, ${fit.length} in the half that fits and ${judge.length} in the one that judges; at least ${limits.calibrationScoresMin} are needed in each: fewer say nothing of a score`,
    );
  }
  if (!isMixed(fit)) {
    const right = fit[0]?.right === true;
    throw new ShoalError(
      'USAGE',
      `all ${fit.length} things found in the half that fits are ${right ? 'right' : 'wrong'}, so nothing tells a good score from a bad one: ${right ? 'add samples that are hard' : 'check that the truth is of these samples and written as the task answers'}`,
    );
  }
}

/** A calibration of a model that is gone can be taken away too. */
async function undo(context: ModelsPlaceContext, ref: string, setting: ModelsSetting, { variant, json }: CalibrateOptions): Promise<void> {
  const { models } = setting.calibrations;
  const found = setting.registry.find(ref);
  const name = Object.hasOwn(models, ref) || found === null ? ref : modelRef(found);
  const own = Object.hasOwn(models, name) ? (models[name] ?? {}) : {};
  if (Object.keys(own).length === 0 || (variant !== undefined && !Object.hasOwn(own, variant))) {
    const there = Object.entries(models).flatMap(([key, variants]) => Object.keys(variants).map((each) => `${key}, variant ${each}`));
    const what = variant === undefined ? name : `${name}, variant ${variant},`;
    throw new ShoalError('USAGE', `${what} is not calibrated on this board; ${there.length === 0 ? 'nothing is' : there.join('; ')}`);
  }
  const { [name]: _, ...others } = models;
  const left = variant === undefined ? {} : Object.fromEntries(Object.entries(own).filter(([key]) => key !== variant));
  await save(setting, Object.keys(left).length === 0 ? others : { ...others, [name]: left });
  const gone = variant === undefined ? Object.keys(own) : [variant];
  context.stdout.write(
    json
      ? `${JSON.stringify({ model: name, undone: gone })}\n`
      : `${name} is no longer calibrated on this board (${gone.join(', ')}).\n${readAtStart}\n`,
  );
}

async function save({ stateDir }: ModelsSetting, models: Calibrations['models']): Promise<void> {
  const file = calibrationsFileIn(stateDir);
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o750 });
    // Readable by the daemon's user, whoever ran the command.
    await writeDurably(file, calibrationsText(models), 0o644);
  } catch (error) {
    throw new ShoalError('STORE_UNAVAILABLE', `${file} cannot be written: ${reasonOf(error)}; run this as the daemon's user or as root`);
  }
}

function decimals(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
