/**
 * `shoal models compile`: variants of a model, measured and judged here on the operator's own samples, as a model folder of its own.
 *
 * Guarantees: nothing is written before everything is measured, and then in one rename; an interruption at any moment leaves the folder
 * of models as it was and no process behind. Installs nothing: what is made is used when a configuration names it.
 */
import { Command, InvalidArgumentError } from 'commander';
import { modelRef } from '../../core/model.js';
import { runtimeVersion } from '../../engine/runtime-version.js';
import { readNature } from '../../ops/board.js';
import { createLog } from '../../ops/log.js';
import { licenceFile } from '../../registry/card.js';
import { fingerprintOf } from '../../registry/fingerprint.js';
import { checkPlace, versionFolder, writeModelFolder } from '../../registry/write-model.js';
import { tasks } from '../../tasks/index.js';
import { type ModelsPlaceContext, openModelsSetting } from '../models-setting.js';
import { watchSignals } from '../watch-signals.js';
import type { CompileOutcome } from './compile-protocol.js';
import { compileText } from './compile-text.js';
import { compiledModel, evidenceOf } from './compiled-model.js';
import { type CompileOptions, type CompilePlan, planCompile } from './plan-compile.js';
import { ProgressLine } from './progress-line.js';
import { runCompile } from './run-compile.js';

const help = `
Samples: at least 16 images (JPEG, PNG, WebP, TIFF) or WAV recordings of up to a minute, as the model will see them. One half
calibrates, the other half judges; no sample does both. Beside page.png may lie page.png.json, the places to read in it as
"shoal infer --task detect-text --json page.png" prints them, and page.png.txt, what stands there, a line a place.
Without these a sample is one line, and the answer of the model as it is counts as right.

Example:
  shoal models compile models/ppocr-det/4.0.0/model.onnx --calibrate ~/pages
  shoal models verify --dir compiled`;

export function compileCommand(context: ModelsPlaceContext): Command {
  return new Command('compile')
    .description('make faster variants of an ONNX model, measure and judge them here on your own samples, keep what wins')
    .argument('<model.onnx>', 'an ONNX file: one of an installed model, or a foreign one with --model or --card')
    .requiredOption('--calibrate <folder>', 'samples as the model will see them')
    .option('--task <name>', 'what the model must be for; an error when its card says something else')
    .option('--model <name>', 'take tensors, params and labels from the card of this installed model')
    .option('--card <file>', 'take them from this card.yaml, which may leave out "variants"')
    .option('--as <name@version>', 'what the new model is called; as its card says, with "-compiled" for an installed one')
    .option('--out <folder>', 'folder of models that gets <name>/<version>/', 'compiled')
    .option('--max-loss <percent>', 'errors a variant may make more than the original, in percent of what is counted', percent)
    .option('--json', 'print what was measured as JSON')
    .addHelpText('after', help)
    .action(async (file: string, options: CompileOptions) => void (await compileFile(context, file, options)));
}

/** Answers `name@version` of what was written; null when no variant is better than the model as it is. */
export async function compileFile(context: ModelsPlaceContext, file: string, options: CompileOptions): Promise<string | null> {
  const { registry } = await openModelsSetting(context, {});
  const plan = await planCompile(file, options, tasks, registry);
  const folder = versionFolder(options.out, plan);
  await checkPlace(folder);
  const interruption = watchSignals('nothing was written');
  try {
    const outcome = await measure(context, plan, options, interruption.signal);
    interruption.signal.throwIfAborted();
    const board = fingerprintOf(readNature(), runtimeVersion());
    const model = await compiledModel(plan, outcome, board, context.version);
    if (model !== null) await writeModelFolder(options.out, model);
    const written = model === null ? null : folder;
    const made = model === null ? null : modelRef(plan);
    if (options.json) {
      context.stdout.write(`${JSON.stringify({ ...evidenceOf(plan, outcome, board, context.version), out: written })}\n`);
      return made;
    }
    context.stdout.write(
      `${compileText(outcome, plan.task.metric, plan.task.alsoMetric)}\n\n${closing(plan, written, model?.copies.has(licenceFile) === true)}\n`,
    );
    return made;
  } finally {
    interruption.end();
  }
}

function closing(plan: CompilePlan, folder: string | null, licensed: boolean): string {
  if (folder === null) return 'Nothing was written: no variant is better here than the model as it is.';
  const licence = licensed
    ? ''
    : `\nPut the text of the licence (${plan.description.card.licence}) beside the card, as the file ${licenceFile}.`;
  return `Written to ${folder}${licence}\nTo use it, name its folder of models in paths.models_dirs and "model: ${plan.name}@${plan.version}" in a stage.`;
}

async function measure(
  context: ModelsPlaceContext,
  plan: CompilePlan,
  options: CompileOptions,
  signal: AbortSignal,
): Promise<CompileOutcome> {
  const line = new ProgressLine(context.stderr);
  const maxLoss = options.maxLoss ?? plan.task.metric.budget;
  const request = { file: plan.file, samples: options.calibrate, task: plan.task.name, model: plan.description.facts, maxLoss };
  try {
    return await runCompile(request, (progress) => line.show(progress), signal, createLog({ level: 'error', format: 'text' }));
  } finally {
    line.end();
  }
}

function percent(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 100)) throw new InvalidArgumentError('Need a number of percent, 0 to 100.');
  return value / 100;
}
