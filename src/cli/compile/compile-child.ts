/**
 * The process that compiles: decoders, runtime and compiler, none of which runs in the command's own.
 *
 * Guarantees: writes no file; ends with its answer, or at once when the command is gone. Signals of the terminal are the command's to
 * take, which kills this process.
 */
import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { compileModel } from '../../compile/compile-model.js';
import type { CompiledVariant } from '../../compile/compiled.js';
import { recipeText } from '../../compile/recipe.js';
import type { Log } from '../../core/contracts.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { asVariant } from '../../core/model.js';
import { measureMemory } from '../../engine/workbench/memory.js';
import { readSampleFolder } from '../../engine/workbench/sample-folder.js';
import { SessionCalibrator } from '../../engine/workbench/session-calibrator.js';
import { type EvaluatorSetup, TaskEvaluator } from '../../engine/workbench/task-evaluator.js';
import { tasks } from '../../tasks/index.js';
import type { CompileOutcome, CompileReply, CompileRequest } from './compile-protocol.js';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** The share of the whole that reading the samples is given. */
const readingShare = 0.05;

function tell(step: string, detail: string, share: number): void {
  const message: CompileReply = { type: 'progress', step, detail, share };
  process.send?.(message);
}

async function compile(request: CompileRequest): Promise<CompileOutcome> {
  const task = tasks.find(({ name }) => name === request.task);
  if (task === undefined) throw new ShoalError('SHOAL_INTERNAL', `this build has no task ${request.task}`);
  const source = await readSource(request.file);
  const folder = await readSampleFolder(request.samples, task, (done, of) =>
    tell('reading samples', `${done} of ${of}`, (done / of) * readingShare),
  );
  let [step, share] = ['starting', readingShare];
  const onSample = (what: string, done: number, of: number) => tell(step, `${what}: sample ${done} of ${of}`, share);
  const { model } = request;
  const calibrator = new SessionCalibrator({
    task,
    model,
    samples: folder.calibration,
    onSample: (done, of) => onSample('calibration', done, of),
  });
  const memory: EvaluatorSetup['memory'] = (candidate, feeds) =>
    measureMemory({ model: asVariant(model, candidate), bytes: candidate.model, feeds }, silent);
  const evaluator = new TaskEvaluator({ task, model, samples: folder.heldOut, memory, onSample });
  const comparing = { samples: folder.calibration, memory: async () => 0, costFeeds: limits.costFeedsToChoose };
  const chooser = new TaskEvaluator({ task, model, ...comparing, onSample });
  const compiled = await compileModel(source, {
    calibrator,
    chooser,
    evaluator,
    budget: request.maxLoss,
    pixels: task.pixels?.(model) ?? null,
    thorough: request.thorough,
    progress: (message, part) => {
      [step, share] = [message, readingShare + part * (1 - readingShare)];
      tell(step, '', share);
    },
  });
  return {
    sourceSha256: createHash('sha256').update(source).digest('hex'),
    sourceBytes: source.length,
    calibration: calibrator.samples.length,
    heldOut: evaluator.samples.length,
    skipped: [...folder.skipped],
    original: compiled.original as CompileOutcome['original'],
    variants: compiled.variants.map((variant) => flat(variant, request.maxLoss)),
  };
}

function flat({ name, model, recipe, inputs, evaluation, verdict }: CompiledVariant, budget: number): CompileOutcome['variants'][number] {
  const { kept, reason, loss, bound } = verdict;
  // The float is the same function as the original: there is nothing to weigh.
  const weighed = name !== 'fp32' && Number.isFinite(loss) && Number.isFinite(bound);
  return {
    name,
    model: new Uint8Array(model),
    recipe: recipeText(recipe),
    ...(inputs === undefined ? {} : { inputs: inputs.map((spec) => ({ ...spec, shape: [...spec.shape] })) }),
    evaluation: evaluation as CompileOutcome['original'],
    kept,
    reason,
    ...(weighed ? { accuracy: { loss, bound, budget } } : {}),
  };
}

async function readSource(file: string): Promise<Uint8Array> {
  const found = await lstat(file).catch(() => null);
  if (found === null || found.size > limits.onnxBytesMax) {
    throw new ShoalError('MODEL_MISSING', `${file} cannot be read, or is larger than ${limits.onnxBytesMax / 1024 ** 3} GiB`);
  }
  return readFile(file);
}

process.once('message', (request: CompileRequest) => {
  const answer = (reply: CompileReply): void => {
    process.send?.(reply, undefined, undefined, () => process.exit(0));
  };
  compile(request).then(
    (outcome) => answer({ type: 'done', outcome }),
    (error: unknown) =>
      answer({ type: 'failed', code: error instanceof ShoalError ? error.code : 'SHOAL_INTERNAL', message: reasonOf(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
