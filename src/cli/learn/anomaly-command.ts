/**
 * `shoal learn anomaly`: recordings of a machine that is well become a model of what is normal for it.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Command, Option } from 'commander';
import { ShoalError } from '../../core/errors.js';
import { formOf } from '../../core/form.js';
import { limits } from '../../core/limits.js';
import { whatIs } from '../../core/sniff.js';
import { openSeries } from '../../engine/series.js';
import { type Recording, refused } from '../../learn/anomaly/examples.js';
import { type AnomalyOptions, type LearnedAnomaly, learnAnomaly } from '../../learn/anomaly/learn-anomaly.js';
import { checkLearnedName, writeLearned } from '../../learn/write-learned.js';
import { folderForNew } from '../../registry/model-folders.js';
import { duration } from '../../tasks/anomaly-words.js';
import { asFolderError } from '../catalogue/folder-error.js';
import type { ModelsContext } from '../models-context.js';
import { openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { verifyHere } from '../models-verify.js';
import { sniffFile } from '../sniff-file.js';
import { anomalyText } from './anomaly-text.js';
import { hearWindows } from './hear-windows.js';
import { positive, socketOf, span, spanOption } from './options.js';
import { takeUpOrUndo } from './take-up.js';

interface Options extends PlaceOptions {
  readonly name?: string;
  readonly from?: readonly string[];
  readonly input?: string;
  readonly source?: string;
  readonly for: number;
  readonly channels?: readonly string[];
  readonly kind?: AnomalyOptions['kind'];
  readonly window: number;
  readonly hop?: number;
  readonly rate?: number;
  readonly level?: boolean;
  readonly falseAlarmEvery: number;
  readonly acceptDrift?: true;
  readonly out?: string;
  readonly socket?: string;
  readonly reload: boolean;
  readonly dryRun?: true;
  readonly json?: true;
}

const help = `
What was recorded must be normal, and all the machine usually does: every speed, idling, a cold start.
  shoal learn anomaly --input pump --for 10m                   (from the running daemon: all that the input offers meanwhile)
  shoal learn anomaly --name pump --from idle.csv --from running.csv
  shoal learn anomaly --name boiler --from last-month.csv      (a sample every minute or slower: three days at least)

A table needs a column named time, or --rate; every other column of numbers is a channel. What is learned is a version of the model NAME; learned
again it is the next, and "shoal learn undo NAME" takes the newest back. The running daemon takes it up at once (a reload; --no-reload leaves it).`;

export function anomalyCommand(context: ModelsContext): Command {
  return new Command('anomaly')
    .description('learn what is normal for a machine from an input of the daemon, or from recordings; a model for detect-anomaly')
    .option('--input <name>', 'listen to this input of the running daemon, while all is well')
    .addOption(spanOption('--for <duration>', 'how long to listen', '10m'))
    .option('--source <name>', 'of several that the input hears, such as an MQTT topic')
    .option('--from <files...>', 'recordings of the machine while all is well: CSV, TSV, JSON lines')
    .option('--name <name>', 'what the model is called, such as pump; the name of the input without it')
    .option('--channels <names>', 'learn from these alone, separated by commas', (text: string) => text.split(','))
    .addOption(
      new Option('--kind <kind>', 'windows of a signal, or a forecast of a slow series; by the rate without it').choices([
        'window',
        'forecast',
      ]),
    )
    .addOption(spanOption('--window <duration>', 'how long a window is that is judged as one', '1s'))
    .option('--hop <duration>', 'from the start of a window to the next; half a window without it', span)
    .option('--rate <Hz>', 'rows a second, where a table has no times', positive)
    .option('--level', 'the mean of a channel matters; the usual for 10 Hz and slower')
    .option('--no-level', 'it does not')
    .addOption(spanOption('--false-alarm-every <duration>', 'how seldom what is normal may exceed the threshold', '4w'))
    .option('--accept-drift', 'learn though the end of the recordings is unlike the rest')
    .option('--dry-run', 'say what would be learned, write nothing')
    .option('--out <folder>', "folder of models that gets <name>/<version>/; the board's own without it")
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--socket <path>', "the daemon's unix socket; that of the configuration without it")
    .option('--no-reload', 'leave the running daemon with the models it has')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', help)
    .action((options: Options, command: Command) => learn(context, command, options));
}

async function learn(context: ModelsContext, command: Command, options: Options): Promise<void> {
  const name = checkOptions(command, options);
  const setting = await openModelsSetting(context, options);
  const out = options.out ?? folderForNew(setting.paths);
  const socketPath = socketOf(context, setting.settings, options.socket);
  await checkLearnedName(out, { name, task: 'detect-anomaly' });
  const { recordings, windowS, hopS, live } =
    options.input === undefined ? await fromFiles(options) : await fromInput(context, options, options.input, socketPath);
  const startedMs = performance.now();
  const result = learnAnomaly(recordings, {
    name,
    windowS,
    hopS,
    falseAlarmEveryS: options.falseAlarmEvery,
    acceptDrift: options.acceptDrift === true,
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.channels === undefined ? {} : { channels: options.channels }),
    ...(options.level === undefined ? {} : { level: options.level }),
  });
  if (live) checkWindow(result, windowS);
  const tookMs = performance.now() - startedMs;
  const written =
    options.dryRun === true
      ? null
      : await writeLearned(out, result.learned, (model) => verifyHere(model, context, false)).catch((error: unknown) => {
          throw asFolderError(error, out, 'name another folder with --out');
        });
  const reloads = written !== null && options.reload && options.out === undefined;
  const takenUp = reloads ? await takeUpOrUndo(socketPath, out, written.ref) : null;
  const { quality, evidence, events } = result.learned;
  const answer = {
    model: written?.ref ?? null,
    folder: written?.folder ?? null,
    fit_ms: Math.round(tookMs),
    window: result.examples.window,
    taken_up: takenUp,
    events,
    quality,
    ...evidence,
  };
  context.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : anomalyText(result, { written, takenUp, tookMs }));
}

/** The name of the model. Throws USAGE for options that do not go together. */
function checkOptions(command: Command, { from, input, name, ...options }: Options): string {
  if ((from === undefined) === (input === undefined))
    throw new ShoalError('USAGE', 'name either recordings with --from, or an input of the running daemon with --input');
  if (input === undefined) {
    for (const option of ['for', 'source'] as const)
      if (command.getOptionValueSource(option) === 'cli') throw new ShoalError('USAGE', `--${option} goes with --input`);
    if (name === undefined) throw new ShoalError('USAGE', 'say what the model is called: --name pump');
    return name;
  }
  for (const option of ['window', 'hop', 'rate'] as const) {
    if (command.getOptionValueSource(option) === 'cli')
      throw new ShoalError('USAGE', `--${option} goes with --from: the windows of an input are those of its configuration`);
  }
  if (!(options.for <= limits.tapSecondsMax))
    throw new ShoalError('USAGE', `--for takes up to ${limits.tapSecondsMax / 86_400}d; for longer record a table and use --from`);
  return name ?? input.toLowerCase().replaceAll('_', '-');
}

interface Given {
  readonly recordings: readonly Recording[];
  readonly windowS: number;
  readonly hopS: number;
  readonly live: boolean;
}

async function fromFiles({ from = [], rate, window, hop }: Options): Promise<Given> {
  const recordings = await Promise.all(from.map((file) => readRecording(file, rate)));
  return { recordings, windowS: window, hopS: hop ?? window / 2, live: false };
}

async function fromInput(context: ModelsContext, options: Options, input: string, socketPath: string): Promise<Given> {
  const source = options.source === undefined ? {} : { source: options.source };
  const windows = await hearWindows(context, { socketPath, input, seconds: options.for, ...source });
  const { lengthS, hopS } = windows.window;
  return { recordings: windows.recordings(), windowS: lengthS, hopS, live: true };
}

/** Throws LEARN_REFUSED where one window of the input is less than the model looks at. */
function checkWindow({ examples }: LearnedAnomaly, windowS: number): void {
  const { lengthS, hopS } = examples.window;
  if (lengthS <= windowS * 1.001) return;
  throw refused(
    `such a model looks at ${duration(lengthS)} at once, and a window of the input has ${duration(windowS)}: set window: { length_ms: ${Math.ceil(lengthS * 1000)}, hop_ms: ${Math.round(hopS * 1000)} } on the input, then learn`,
  );
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
