/**
 * `shoal models import`: a model that was made elsewhere becomes a model like any other, with a card that a person has confirmed.
 *
 * Guarantees: nothing is written before the card is confirmed and the model has run, and then in one rename; the file as made here
 * computes what the file as it came does, or nothing is written.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { nearest } from '../../core/suggest.js';
import { measureParity, type Parity } from '../../engine/workbench/parity.js';
import { createLog } from '../../ops/log.js';
import { cardShape, cardText, labelLines, licenceFile, readBounded } from '../../registry/card.js';
import { readDescription } from '../../registry/describe.js';
import { folderForNew } from '../../registry/model-folders.js';
import { checkPlace, versionFolder, writeModelFolder } from '../../registry/write-model.js';
import { tasks } from '../../tasks/index.js';
import { asFolderError } from '../catalogue/folder-error.js';
import { readAtStart } from '../catalogue/read-at-start.js';
import type { CommandContext } from '../command-context.js';
import { Exit, exitCodes } from '../exit.js';
import { type ModelsPlaceContext, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { confirm } from './confirm.js';
import { type Converted, type Cut, convert } from './convert.js';
import { type DraftedCard, draftCard } from './draft-card.js';
import { draftText, parityText } from './import-text.js';
import { readSource } from './read-source.js';
import { triedCaptures } from './tried-captures.js';

interface Options extends PlaceOptions, Cut {
  readonly task?: string;
  readonly as?: string;
  readonly labels?: string;
  readonly side?: number;
  readonly licence?: string;
  readonly licenceFile?: string;
  readonly upstream?: string;
  readonly card?: string;
  readonly draft?: string;
  readonly try?: readonly string[];
  readonly out?: string;
  readonly yes?: true;
}

const help = `
What it reads: an ONNX file, a TFLite file, or a TensorFlow.js model (model.json with its shards; GraphModel or LayersModel).

The card is drafted by looking at the graph; what is a guess is said, and you are asked. To mend it, write it to a file first:
  shoal models import yolo.onnx --task detect-objects --draft card.yaml
  $EDITOR card.yaml
  shoal models import yolo.onnx --card card.yaml

The model is then run beside the file as it came, on random inputs and on real captures, before anything is written.`;

const saidByCard = ['task', 'as', 'labels', 'side', 'licence', 'upstream', 'draft'];

/** Beyond this the passes changed what the model computes. */
const parityMax = 1e-3;

export function importCommand(context: ModelsPlaceContext): Command {
  return new Command('import')
    .description('make a model of your own ONNX, TFLite or TensorFlow.js file, with a card drafted by looking at it')
    .argument('<file or folder>', 'the model as it was exported')
    .option('--task <name>', 'what the model is for')
    .option('--as <name@version>', 'what the model is called; the name of the file and 1.0.0 without it')
    .option('--labels <file>', 'names of the classes, one a line, in their order')
    .option('--side <pixels>', 'side of the picture, where the file leaves it free', pixels)
    .option('--outputs <names...>', 'end at these tensors instead, before what is not known; TFLite and GraphModels')
    .option('--inputs <name=shape...>', 'begin at these nodes, or give free sizes, such as image=1x320x320x3; GraphModels')
    .option('--licence <spdx>', 'licence of the weights, such as Apache-2.0')
    .option('--licence-file <file>', 'its text, which belongs beside the weights')
    .option('--upstream <url>', 'where the model was made')
    .addOption(new Option('--card <file>', 'take this card, and all it says, instead of drafting one').conflicts(saidByCard))
    .option('--draft <file>', 'write the drafted card and its labels to a file, and stop')
    .option('--try <files...>', 'captures or folders to try it on; the samples of Shoal without it')
    .option('--out <folder>', "folder of models that gets <name>/<version>/; the board's own without it")
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('-y, --yes', 'do not ask whether the card is right')
    .addHelpText('after', help)
    .action((place: string, options: Options) => importModel(context, place, options));
}

async function importModel(context: ModelsPlaceContext, place: string, options: Options): Promise<void> {
  const source = await readSource(place);
  const converted = convert(source, options);
  const drafted = options.card === undefined ? await draft(source.file, converted, options) : await given(options.card);
  if (options.draft !== undefined) return writeDraft(context, options.draft, drafted);
  const { card, labels } = drafted;
  const task = taskNamed(card.task);
  task.fit({ ...card, labels });
  const out = options.out ?? folderForNew((await openModelsSetting(context, options)).paths);
  const folder = versionFolder(out, card);
  await checkPlace(folder);
  context.stdout.write(`${draftText(drafted)}\n`);
  const parity = await tryIt(converted, drafted, await triedCaptures(options.try, task));
  context.stdout.write(`${parityText(parity, source.format)}\n`);
  await agreed(context, options);
  const licence = await licenceText(options);
  await writeModelFolder(out, newModel(converted, drafted, licence)).catch((error: unknown) => {
    throw asFolderError(error, out, options.out === undefined ? undefined : 'name another folder with --out');
  });
  context.stdout.write(`\n${closing(folder, drafted, licence !== null)}\n`);
}

function taskNamed(name: string | undefined): (typeof tasks)[number] {
  const names = tasks.map((task) => task.name);
  if (name === undefined) throw new ShoalError('USAGE', `--task NAME says what the model is for; the tasks are ${names.join(', ')}`);
  const task = tasks.find((candidate) => candidate.name === name);
  const meant = nearest(name, names);
  const hint = meant === null ? `the tasks are ${names.join(', ')}` : `did you mean ${meant}?`;
  if (task === undefined) throw new ShoalError('USAGE', `"${name}" is no task; ${hint}`);
  return task;
}

async function draft(file: string, { model, sha256 }: Converted, options: Options): Promise<DraftedCard> {
  const named = /^([^@]+)@([^@]+)$/.exec(options.as ?? '');
  const [, name, version] = named ?? [];
  const suits = cardShape.shape.name.safeParse(name).success && cardShape.shape.version.safeParse(version).success;
  if (options.as !== undefined && !suits) {
    throw new ShoalError(
      'USAGE',
      `--as "${options.as}": expected NAME@VERSION of small letters, digits and hyphens, such as door-cam@1.0.0`,
    );
  }
  return draftCard({
    name: name ?? nameFrom(file),
    version: version ?? '1.0.0',
    task: taskNamed(options.task),
    model,
    file: path.basename(file),
    sha256,
    labels: options.labels === undefined ? null : labelLines(await readBounded(options.labels, limits.labelsBytesMax)),
    licence: options.licence ?? null,
    side: options.side ?? null,
    upstream: options.upstream ?? pathToFileURL(file).href,
  });
}

/** A file's or, for a model.json, its folder's name as a name of a model. */
function nameFrom(file: string): string {
  const base = path.basename(file) === 'model.json' ? path.basename(path.dirname(file)) : path.basename(file, path.extname(file));
  const name = base
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
  return name === '' ? 'imported' : name;
}

async function given(file: string): Promise<DraftedCard> {
  const { card, facts } = await readDescription(file);
  return { card, labels: facts.labels, remarks: [] };
}

async function writeDraft({ stdout }: CommandContext, file: string, drafted: DraftedCard): Promise<void> {
  const write = (name: string, text: string) =>
    writeFile(name, text, { flag: 'wx' }).catch(async (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST' && name !== file && (await readFile(name, 'utf8').catch(() => null)) === text) return;
      throw new ShoalError('USAGE', `${name} cannot be written (${cause.code ?? 'unknown'}); name a file in another folder with --draft`, {
        cause,
      });
    });
  const { labels } = drafted.card;
  const beside = labels === undefined ? null : path.join(path.dirname(file), labels);
  // First, since labels of something else may lie there; those that were given are as good as written.
  if (beside !== null) await write(beside, labelsText(drafted.labels));
  await write(file, cardText(drafted.card));
  stdout.write(
    `${draftText(drafted)}\nWritten to ${file}${beside === null ? '' : ` and ${beside}`}: mend what is not right, then name it with --card.\n`,
  );
}

async function tryIt({ original, model }: Converted, { card, labels }: DraftedCard, samples: readonly string[]): Promise<Parity> {
  const { name, version, task, inputs, outputs, params } = card;
  const facts = { name, version, task, inputs, outputs, params, labels };
  const parity = await measureParity({ model: facts, original, variant: model, samples }, createLog({ level: 'error', format: 'text' }));
  const [failed] = parity.samples.length === 0 ? parity.skipped : [];
  if (failed !== undefined) {
    throw new ShoalError(
      'MODEL_INVALID',
      `${task} gave no answer on any of the ${samples.length} captures it was tried on (${failed.reason}): nothing was written. Name other captures with --try, or mend the card and name it with --card`,
    );
  }
  const worst = Math.max(parity.random.largest ?? 0, parity.real.largest ?? 0);
  if (worst <= parityMax) return parity;
  const gap = Number.isFinite(worst)
    ? `by ${worst.toPrecision(2)} of its largest output, at most ${parityMax} are allowed`
    : 'in what is a number and what is none';
  throw new ShoalError(
    'MODEL_INVALID',
    `what was made of the file differs from it ${gap}: nothing was written. This is a defect of Shoal; please report it with the file`,
  );
}

async function agreed({ stderr }: CommandContext, { yes, card }: Options): Promise<void> {
  // Who wrote the card has said so.
  if (yes === true || card !== undefined) return;
  const answer = await confirm('Is this card right?', stderr);
  if (answer === true) return;
  const next = 'write the card to a file with --draft FILE, mend it, and name it with --card FILE';
  if (answer === false) throw new Exit(exitCodes.failed, `nothing was written; ${next}`);
  throw new ShoalError('USAGE', `nobody is there to confirm the card: call again with --yes where it is right, or ${next}`);
}

async function licenceText({ licenceFile: file, card }: Options): Promise<string | null> {
  if (file !== undefined) return readBounded(file, limits.labelsBytesMax);
  if (card === undefined) return null;
  return readFile(path.join(path.dirname(card), licenceFile), 'utf8').catch(() => null);
}

function labelsText(labels: readonly string[]): string {
  return `${labels.join('\n')}\n`;
}

function newModel(converted: Converted, { card, labels }: DraftedCard, licence: string | null): Parameters<typeof writeModelFolder>[1] {
  const { variant, model, recipe } = converted;
  const file = 'model.onnx';
  const recipeFile = `${variant}.recipe.json`;
  const sha256 = createHash('sha256').update(model).digest('hex');
  return {
    card: { ...card, variants: { [variant]: { file, sha256, bytes: model.length, recipe: recipeFile, cost: [] } }, pinned: {}, golden: [] },
    files: new Map<string, Uint8Array | string>([
      [file, model],
      [recipeFile, recipe],
      ...(card.labels === undefined ? [] : [[card.labels, labelsText(labels)] as const]),
      ...(licence === null ? [] : [[licenceFile, licence] as const]),
    ]),
    copies: new Map(),
  };
}

function closing(folder: string, { card }: DraftedCard, licensed: boolean): string {
  const licence = licensed ? '' : `\nPut the text of the licence (${card.licence}) beside the card, as the file ${licenceFile}.`;
  return `Written to ${folder}${licence}\nName "model: ${card.name}@${card.version}" in a stage for ${card.task}. ${readAtStart}`;
}

function pixels(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 16 || value > 4096) throw new InvalidArgumentError('Need a whole number of pixels, 16 to 4096.');
  return value;
}
