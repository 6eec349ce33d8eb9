/**
 * `shoal learn anomaly`: recordings of a machine that is well become a model of what is normal for it.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ShoalError } from '../../core/errors.js';
import { formOf } from '../../core/form.js';
import { whatIs } from '../../core/sniff.js';
import { openSeries } from '../../engine/series.js';
import type { Recording } from '../../learn/anomaly/examples.js';
import { type AnomalyOptions, learnAnomaly } from '../../learn/anomaly/learn-anomaly.js';
import { checkLearnedName, writeLearned } from '../../learn/write-learned.js';
import { folderForNew } from '../../registry/model-folders.js';
import { asFolderError } from '../catalogue/folder-error.js';
import type { ModelsContext } from '../models-context.js';
import { openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { verifyHere } from '../models-verify.js';
import { sniffFile } from '../sniff-file.js';
import { anomalyText } from './anomaly-text.js';

interface Options extends PlaceOptions {
  readonly name: string;
  readonly from: readonly string[];
  readonly channels?: readonly string[];
  readonly kind?: AnomalyOptions['kind'];
  readonly window: number;
  readonly hop?: number;
  readonly rate?: number;
  readonly level?: boolean;
  readonly falseAlarmEvery: number;
  readonly acceptDrift?: true;
  readonly out?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

const help = `
What was recorded must be normal, and all the machine usually does: every speed, idling, a cold start.
  shoal learn anomaly --name pump --from idle.csv --from running.csv
  shoal learn anomaly --name boiler --from last-month.csv      (a sample every minute or slower: three days at least)

A table needs a column named time, or --rate; every other column of numbers is a channel. What is learned is a version of the model NAME; learned
again it is the next, and "shoal learn undo NAME" takes the newest back.`;

export function anomalyCommand(context: ModelsContext): Command {
  return new Command('anomaly')
    .description('learn what is normal for a machine from recordings of it; a model for detect-anomaly')
    .requiredOption('--name <name>', 'what the model is called, such as pump')
    .requiredOption('--from <files...>', 'recordings of the machine while all is well: CSV, TSV, JSON lines')
    .option('--channels <names>', 'learn from these alone, separated by commas', (text: string) => text.split(','))
    .addOption(
      new Option('--kind <kind>', 'windows of a signal, or a forecast of a slow series; by the rate without it').choices([
        'window',
        'forecast',
      ]),
    )
    .option('--window <duration>', 'how long a window is that is judged as one', span, 1)
    .option('--hop <duration>', 'from the start of a window to the next; half a window without it', span)
    .option('--rate <Hz>', 'rows a second, where a table has no times', positive)
    .option('--level', 'the mean of a channel matters; the usual for 10 Hz and slower')
    .option('--no-level', 'it does not')
    .option('--false-alarm-every <duration>', 'how seldom what is normal may exceed the threshold', span, 28 * 86_400)
    .option('--accept-drift', 'learn though the end of the recordings is unlike the rest')
    .option('--dry-run', 'say what would be learned, write nothing')
    .option('--out <folder>', "folder of models that gets <name>/<version>/; the board's own without it")
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', help)
    .action((options: Options) => learn(context, options));
}

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `500ms`, `1s`, `10m`, `4w`; seconds without a unit. */
function span(text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/.exec(text) ?? [];
  const seconds = Number(number) * (units[unit] ?? Number.NaN);
  if (!(seconds > 0)) throw new InvalidArgumentError('need a number with ms, s, m, h, d or w, such as 500ms or 4w.');
  return seconds;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('need a number above 0.');
  return value;
}

async function learn(context: ModelsContext, options: Options): Promise<void> {
  const out = options.out ?? folderForNew((await openModelsSetting(context, options)).paths);
  await checkLearnedName(out, { name: options.name, task: 'detect-anomaly' });
  const recordings = await Promise.all(options.from.map((file) => readRecording(file, options.rate)));
  const startedMs = performance.now();
  const result = learnAnomaly(recordings, {
    name: options.name,
    windowS: options.window,
    hopS: options.hop ?? options.window / 2,
    falseAlarmEveryS: options.falseAlarmEvery,
    acceptDrift: options.acceptDrift === true,
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.channels === undefined ? {} : { channels: options.channels }),
    ...(options.level === undefined ? {} : { level: options.level }),
  });
  const tookMs = performance.now() - startedMs;
  const written =
    options.dryRun === true
      ? null
      : await writeLearned(out, result.learned, (model) => verifyHere(model, context, false)).catch((error: unknown) => {
          throw asFolderError(error, out, 'name another folder with --out');
        });
  const { quality, evidence, events } = result.learned;
  const { window } = result.examples;
  const answer = {
    model: written?.ref ?? null,
    folder: written?.folder ?? null,
    fit_ms: Math.round(tookMs),
    window,
    events,
    quality,
    ...evidence,
  };
  context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : anomalyText(result, written, tookMs));
}

/** Throws USAGE for a file that is no series, CAPTURE_DECODE for one that is broken. */
async function readRecording(file: string, rateHz: number | undefined): Promise<Recording> {
  const { mediaType } = await sniffFile(file);
  if (formOf(mediaType) !== 'series') {
    throw new ShoalError(
      'USAGE',
      `${file} is ${whatIs(mediaType)} (told by its content); a table of numbers is needed: CSV, TSV, JSON lines`,
    );
  }
  const series = openSeries(await readFile(file), mediaType);
  return { name: path.basename(file), series: rateHz === undefined ? series : { ...series, rateHz } };
}
