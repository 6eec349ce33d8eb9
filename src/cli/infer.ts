/**
 * `shoal infer`: one file through pipelines or tasks, in an engine of its own, without a daemon.
 *
 * Prints the results the daemon would publish. Nothing is stored, delivered or moved.
 */
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import type { CaptureHeader } from '../core/capture.js';
import type { Surroundings } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import { formOf } from '../core/form.js';
import { captureId } from '../core/id.js';
import { canRead, readableBy } from '../core/pipeline.js';
import type { ResultRecord } from '../core/settled.js';
import { whatIs } from '../core/sniff.js';
import type { Parts } from '../parts.js';
import type { CommandContext } from './command-context.js';
import { Exit, exitCodes } from './exit.js';
import { runText } from './explanation-text.js';
import { type InferOptions, planInference } from './infer-plan.js';
import { PlanRunner, quietSurroundings } from './plan-runner.js';
import { resultText, type ShownResult } from './result-text.js';
import { sniffFile } from './sniff-file.js';

export function inferCommand(context: CommandContext<Parts>): Command {
  return new Command('infer')
    .description('run one file through a pipeline or a task, or through all that can read it, and print the results')
    .argument(
      '<file>',
      'an image (JPEG, PNG, WebP, TIFF), a recording (WAV; FLAC and Ogg with ffmpeg), a table, a text, or any file to be identified',
    )
    .option('-c, --config <file>', 'configuration with pipelines and folders of models')
    .option('-p, --pipeline <name>', 'a pipeline of the configuration; without it, all of them')
    .option('-t, --task <name>', `a task with its default model: ${context.parts.tasks.map(({ name }) => name).join(', ')}`)
    .option('--json', 'print the payloads as JSON, one a line')
    .option('--explain', 'tell of every stage whether it ran and why, with the values that decided')
    .action(async (file: string, options: InferOptions) => {
      if (options.json && options.explain) throw new ShoalError('USAGE', 'ask for --json or --explain, not both');
      const records = await infer(context.parts, file, options);
      for (const record of records) context.stdout.write(`${shown(record, options)}\n`);
      if (records.some(({ outcome }) => outcome === 'failed')) throw new Exit(exitCodes.failed);
    });
}

function shown(record: ResultRecord, { json, explain }: InferOptions): string {
  const payload = Buffer.from(record.payload).toString();
  if (explain) return `${runText({ ...record, payload })}\n`;
  return json ? payload : resultText(JSON.parse(payload) as ShownResult);
}

/** A record for each pipeline. Throws CAPTURE_UNSUPPORTED and what planning and running throw. */
async function infer(parts: Parts, file: string, options: InferOptions): Promise<ResultRecord[]> {
  const surroundings = quietSurroundings();
  const header = await look(file, surroundings);
  const unsupported = (reader: string) =>
    new ShoalError('CAPTURE_UNSUPPORTED', `${file} is ${whatIs(header.mediaType)} (${header.mediaType}, told by its content); ${reader}`);
  const plan = await planInference(parts, options, header).catch((error: unknown) => {
    const nothingReadsIt = error instanceof ShoalError && error.code === 'MODEL_MISSING' && formOf(header.mediaType) === null;
    if (!nothingReadsIt || options.task !== undefined || options.pipeline !== undefined) throw error;
    throw unsupported(
      `Shoal looks into images, sounds, series of numbers and texts, and identifies other files once a model for it is installed`,
    );
  });
  const { pipelines } = plan;
  const unfit = pipelines.find((pipeline) => !canRead(pipeline, header));
  if (unfit !== undefined) throw unsupported(`${unfit.name} reads ${readableBy([unfit])}`);
  if (pipelines.length === 0) throw unsupported('no pipeline of the configuration reads that');
  const runner = await PlanRunner.of(plan, surroundings, header.input);
  try {
    return (await runner.run(header, await realpath(file))).map(({ record }) => record);
  } finally {
    await runner.stop();
  }
}

async function look(file: string, { clock }: Surroundings): Promise<CaptureHeader> {
  const { kind, mediaType, bytes } = await sniffFile(file);
  const wallMs = clock.wallMs();
  const capturedAt = new Date(wallMs).toISOString();
  const id = captureId(wallMs);
  return { id, input: 'file', name: basename(file), kind, mediaType, bytes, capturedAt, clockSynced: clock.synced(), boot: 1, seq: 1 };
}
