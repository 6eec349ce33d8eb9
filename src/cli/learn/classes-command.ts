/**
 * `shoal learn classes`: sounds, images, series or texts of a few kinds, learned from some examples of each.
 *
 * Guarantees: nothing is written before the classes were told apart on samples that took no part in the fit, and before the written model gave
 * the answers of the fit in an engine.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Model } from '../../core/model.js';
import type { Examples } from '../../learn/classes/fit-classes.js';
import { type Classes, figuresOf, learnClasses, learnedClasses } from '../../learn/classes/learn-classes.js';
import { scoreRow, softmax } from '../../learn/classes/logistic.js';
import { groupNumbers } from '../../learn/classes/samples.js';
import { checkLearnedName, writeLearned } from '../../learn/write-learned.js';
import { folderForNew } from '../../registry/model-folders.js';
import { asFolderError } from '../catalogue/folder-error.js';
import { readAtStart } from '../catalogue/read-at-start.js';
import type { ModelsContext } from '../models-context.js';
import { openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { verifyHere } from '../models-verify.js';
import { classesText } from './classes/classes-text.js';
import { readFolders, readTable, type Samples } from './classes/read-samples.js';
import { type ClassSubject, subjectOf } from './classes/subjects.js';
import { TaskEngine } from './classes/task-engine.js';
import { positive, socketOf } from './options.js';
import { sentenceOf, takeUpOrUndo } from './take-up.js';

interface ClassesOptions extends PlaceOptions {
  readonly name: string;
  readonly label?: readonly string[];
  readonly text?: string;
  readonly embedding?: string;
  readonly group?: RegExp;
  readonly ignore?: readonly string[];
  readonly sure: number;
  readonly rate?: number;
  readonly window?: number;
  readonly level?: true;
  readonly out?: string;
  readonly socket?: string;
  readonly reload: boolean;
  readonly json?: true;
}

const help = `
A class needs ${limits.learnSamplesMin} different samples, 20 are better; all samples are of one kind: WAV sounds, images, series (CSV) or texts.
  shoal learn classes --name workshop --label knock=knocks --label drill=drills --label other=room --ignore other
  shoal learn classes --name spam --text messages.tsv        (a label, a tab and a text a line)

Where one speaker, machine or day gave several samples, keep them together, or the figures are too good:
  --group '^([a-z]+)_'   takes what stands before the first _ of a file's name as where it comes from

Nothing is written where classes cannot be told apart on samples that were held out. "shoal learn undo NAME" takes a version back.`;

export function classesCommand(context: ModelsContext): Command {
  return new Command('classes')
    .description('learn to tell a few kinds of sounds, images, series or texts apart, from some examples of each')
    .requiredOption('--name <name>', 'what the model is called: small letters, digits and hyphens')
    .option('--label <label=folder...>', 'a class and the folder of its samples')
    .addOption(new Option('--text <file>', 'texts instead: a label, a tab and a text a line').conflicts('label'))
    .option('--embedding <model>', 'the model whose embedding the classes are learned on; the usual one without it')
    .option('--group <pattern>', 'what of a file name says where a sample comes from; those are judged together', pattern)
    .option('--ignore <labels...>', 'classes that are learned but never told, such as the background')
    .option('--sure <share>', 'of what is told so much is to be right, 0.5 .. 1', share, 0.95)
    .option('--rate <Hz>', 'of series: rows a second, where a table has no times', positive)
    .option('--window <seconds>', 'of series: length of a window; the shortest sample without it', positive)
    .option('--level', 'of series: the mean of a channel tells a class too')
    .option('--out <folder>', "folder of models that gets <name>/<version>/; the board's own without it")
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--socket <path>', "the daemon's unix socket; that of the configuration without it")
    .option('--no-reload', 'leave the running daemon with the models it has')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', help)
    .action((options: ClassesOptions) => learn(context, options));
}

async function learn(context: ModelsContext, options: ClassesOptions): Promise<void> {
  const { registry, paths, settings } = await openModelsSetting(context, options);
  const folder = options.out ?? folderForNew(paths);
  const given = await samplesOf(options);
  const { labels, samples, copies } = given;
  const place = {
    embedding: options.embedding,
    find: (ref: string) => registry.find(ref),
    defaultFor: (task: string) => registry.defaultFor(task),
  };
  const wish = { rateHz: options.rate, windowS: options.window, level: options.level === true };
  const subject = subjectOf(given.form, place, wish);
  await checkLearnedName(folder, { name: options.name, task: subject.task.name });
  const ignore = options.ignore ?? [];
  const stray = ignore.find((label) => !labels.includes(label));
  if (stray !== undefined) throw new ShoalError('USAGE', `--ignore ${stray} is none of the labels: ${labels.join(', ')}`);
  if (!options.json) context.stderr.write(`looking at ${samples.length} ${subject.things} ...\n`);
  const { params: own, ...looked } = await subject.rowsOf(samples);
  const classOf = Int32Array.from(samples, ({ label }) => label);
  const examples: Examples = { ...looked, classOf, groupOf: groupNumbers(samples), classes: labels.length };
  const classes = learnClasses(examples, samples, labels, options.sure);
  if (!options.json) context.stdout.write(`${classesText(classes, subject.things, subject.on, copies)}\n\n`);
  const params = { ...own, min_score: classes.judgement.minScore, ...(ignore.length === 0 ? {} : { ignore }) };
  const about = { name: options.name, task: subject.task.name, things: subject.things, on: subject.on, params };
  const learned = learnedClasses(classes, about, await subject.modelOf(classes.fitted.linear));
  const judge = async (model: Model) => {
    const problems = await verifyHere(model, context, true);
    return problems.length > 0 ? problems : answersDiffer(model, subject, examples, classes, given);
  };
  const written = await writeLearned(folder, learned, judge).catch((error: unknown) => {
    throw asFolderError(error, folder, options.out === undefined ? undefined : 'name another folder with --out');
  });
  const reloads = options.reload && options.out === undefined;
  const takenUp = reloads ? await takeUpOrUndo(socketOf(context, settings, options.socket), folder, written.ref) : null;
  const stage = `{ task: ${learned.task}, model: ${written.ref}, as: kinds }`;
  context.stdout.write(
    options.json
      ? `${JSON.stringify({ model: written.ref, folder: written.folder, task: learned.task, on: subject.on, taken_up: takenUp, ...figuresOf(classes) })}\n`
      : `${written.ref} is in ${written.folder}. A stage of it:\n  - ${stage}\n${takenUp === null ? readAtStart : sentenceOf(takenUp, written.ref)}\n`,
  );
}

function samplesOf({ label, text, group }: ClassesOptions): Promise<Samples> {
  if (text !== undefined) {
    if (group !== undefined) throw new ShoalError('USAGE', '--group is for files, the lines of a table have no names');
    return readTable(text);
  }
  if (label === undefined) throw new ShoalError('USAGE', 'name the classes: --label LABEL=FOLDER for each, or --text FILE');
  return readFolders(label, group ?? null);
}

/** Two ways to add the same numbers. */
const scoreTolerance = 0.01;

/** Why the model as written is not what was fitted: its answers for some samples, evenly spread, against the fit's own. */
async function answersDiffer(
  model: Model,
  subject: ClassSubject,
  examples: Examples,
  classes: Classes,
  { labels, samples }: Samples,
): Promise<readonly string[]> {
  const engine = new TaskEngine(subject.task, model, 'fp32', { min_score: 0 });
  const stride = Math.max(1, Math.ceil(samples.length / limits.learnTriedMax));
  try {
    for (let i = 0; i < samples.length; i += stride) {
      const sample = samples[i];
      if (sample === undefined) continue;
      const expected = sharesOf(i, examples, classes);
      const [found] = await engine.run((await subject.shown?.(sample)) ?? sample);
      if (found === undefined) continue;
      const share = expected[labels.indexOf(found.label ?? '')] ?? -1;
      if (Math.abs(share - found.score) > scoreTolerance) {
        return [`for ${sample.name} it answers ${found.label} ${found.score}, the fit ${share.toFixed(4)}`];
      }
    }
    return [];
  } finally {
    await engine.stop();
  }
}

/** Mean over the rows of a sample of the probabilities of the fit on all. */
function sharesOf(sample: number, { rows, sampleOf, classes }: Examples, { fitted }: Classes): Float64Array {
  const own = [...sampleOf.keys()].filter((row) => sampleOf[row] === sample);
  const shares = new Float64Array(classes);
  const scores = new Float64Array(classes);
  for (const row of own) {
    scoreRow(rows, row, fitted.linear, scores);
    softmax(scores);
    for (let k = 0; k < classes; k++) shares[k] = (shares[k] ?? 0) + (scores[k] ?? 0) / own.length;
  }
  return shares;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new InvalidArgumentError(`expected a regular expression, such as '^([a-z]+)_': ${(error as Error).message}`);
  }
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0.5 && value <= 1)) throw new InvalidArgumentError('expected a share from 0.5 to 1, such as 0.95');
  return value;
}
