/**
 * `shoal models add`: a model of the catalogue, a folder or an archive becomes one of this board.
 *
 * Guarantees: what is installed was hashed, suits its task and opened in an engine of its own, or nothing is; an interruption at any moment
 * leaves the folder of models as it was. Installing what is installed already, whole, is no error.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { type Model, modelRef } from '../../core/model.js';
import { openArchive } from '../../registry/archive.js';
import { type Card, readCard } from '../../registry/card.js';
import { findEntry, openCatalogue } from '../../registry/catalogue.js';
import { installArchive, installEntry, installFolder } from '../../registry/install.js';
import { folderForNew } from '../../registry/model-folders.js';
import type { Registry } from '../../registry/registry.js';
import { openSources } from '../../registry/sources.js';
import { verifyModel } from '../../registry/verify.js';
import { compileFile } from '../compile/compile-command.js';
import { ProgressLine } from '../compile/progress-line.js';
import type { ModelsContext } from '../models-context.js';
import { type ModelsSetting, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { verifyHere } from '../models-verify.js';
import { type TuneOptions, tuneModels } from '../tune.js';
import { watchSignals } from '../watch-signals.js';
import { addedText } from './added-text.js';
import { asFolderError } from './folder-error.js';
import { versionFolderIn } from './version-folder.js';

interface AddOptions extends PlaceOptions {
  readonly acceptLicence?: true;
  readonly compile?: string;
  readonly tune?: true;
  readonly json?: true;
}

/** What is to be installed, from wherever. */
interface Wanted {
  readonly card: Card;
  readonly install: (folder: string, signal: AbortSignal) => Promise<string>;
}

const help = `
A model of the catalogue is fetched over HTTPS from the sources of the configuration (models.sources), then from the address
its card pins. A board without a network takes an archive or a folder that "shoal models export" wrote on another.

Examples:
  shoal models add fastestdet
  shoal models add ./fastestdet-1.0.0.tar`;

export function addCommand(context: ModelsContext): Command {
  return new Command('add')
    .description('fetch a model of the catalogue, or take one from a folder or an archive; verify it; install it whole or not at all')
    .argument('<model>', 'name or name@version of the catalogue; or the path (with a slash, or ending in .tar) of a folder or archive')
    .option('--accept-licence', 'install a model whose licence forbids commercial use')
    .option('--compile <samples>', 'then make faster variants of it from these samples, as "shoal models compile" does')
    .option('--tune', 'then measure its variants on this board, as "shoal models tune" does')
    .option('-c, --config <file>', 'configuration whose folders and sources count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', help)
    .action(async (what: string, options: AddOptions) => {
      if (options.compile !== undefined && (await stat(options.compile).catch(() => null))?.isDirectory() !== true)
        throw new ShoalError('USAGE', `--compile ${options.compile} is no folder of samples`);
      const ref = await add(context, what, options);
      const compiled = options.compile === undefined ? null : await compileAdded(context, ref, options.compile, options);
      const refs = compiled === null ? [ref] : [ref, compiled];
      if (options.tune) await tuneModels(context, await openModelsSetting(context, options), refs, tuneOptionsOf(options));
    });
}

/** Answers `name@version`. */
async function add(context: ModelsContext, what: string, options: AddOptions): Promise<string> {
  const setting = await openModelsSetting(context, options);
  const line = new ProgressLine(context.stderr);
  const wanted = await find(context, what, setting, line);
  const ref = modelRef(wanted.card);
  if (await installedAlready(wanted.card, setting.registry)) {
    context.stdout.write(
      options.json ? `${JSON.stringify({ model: ref, installed: true, already: true })}\n` : `${ref} is installed already.\n`,
    );
    return ref;
  }
  checkUsable(wanted.card, context, options.acceptLicence === true);
  const target = folderForNew(setting.paths);
  const interruption = watchSignals('nothing was installed');
  try {
    const folder = await wanted.install(target, interruption.signal).catch((error: unknown) => {
      throw asFolderError(error, target);
    });
    line.end();
    const after = await openModelsSetting(context, options);
    const said = await addedText(wanted.card, folder, setting, after);
    context.stdout.write(
      options.json ? `${JSON.stringify({ model: ref, installed: true, already: false, folder, ...said.json })}\n` : said.text,
    );
    return ref;
  } finally {
    line.end();
    interruption.end();
  }
}

async function compileAdded(context: ModelsContext, ref: string, samples: string, options: AddOptions): Promise<string | null> {
  const setting = await openModelsSetting(context, options);
  const file = setting.registry.find(ref)?.variants[0]?.path;
  if (file === undefined) throw new ShoalError('MODEL_MISSING', `${ref} is gone again`);
  const json = options.json === undefined ? {} : { json: options.json };
  return compileFile(context, file, { calibrate: samples, out: folderForNew(setting.paths), ...json });
}

function tuneOptionsOf({ config, stateDir, json }: AddOptions): TuneOptions {
  return { seconds: 2, ...(config && { config }), ...(stateDir && { stateDir }), ...(json && { json }) };
}

async function find(context: ModelsContext, what: string, setting: ModelsSetting, line: ProgressLine): Promise<Wanted> {
  const verify = (model: Model): Promise<readonly string[]> => {
    line.show({ step: `verifying ${modelRef(model)}`, detail: 'files, task, tensors', share: 1 });
    return verifyHere(model, context, false);
  };
  if (!what.includes('/') && !what.endsWith('.tar')) {
    const entry = findEntry(await openCatalogue(context.catalogue), what);
    const sources = await openSources(setting.modelsOptions, setting.configFiles);
    const onProgress = (file: string, bytes: number, of: number): void =>
      line.show({ step: `fetching ${file}`, detail: `${(bytes / 1e6).toFixed(1)} of ${(of / 1e6).toFixed(1)} MB`, share: bytes / of });
    const onRefusal = (reason: string): void => {
      line.end();
      context.stderr.write(`shoal: a source is passed over: ${reason}\n`);
    };
    const fetch = { sources, verify, onProgress, onRefusal, ...(context.fetch === undefined ? {} : { fetch: context.fetch }) };
    return { card: entry.card, install: (folder, signal) => installEntry(entry, folder, { ...fetch, signal }) };
  }
  const found = await stat(what).catch(() => null);
  if (found === null)
    throw new ShoalError('MODEL_MISSING', `${what} is no folder or archive; a model of the catalogue is named without a slash`);
  if (found.isDirectory()) {
    const directory = await versionFolderIn(path.resolve(what));
    const { card } = await readCard(directory, { labels: false });
    return { card, install: (folder, signal) => installFolder(directory, folder, { verify, signal }) };
  }
  const archive = await openArchive(what);
  return { card: archive.card, install: (folder, signal) => installArchive(archive, folder, { verify, signal }) };
}

/** True for the very files of the card; throws USAGE when another model has the name, or the one that is there is damaged. */
async function installedAlready(card: Card, registry: Registry): Promise<boolean> {
  const known = registry.versions(card.name).find(({ version }) => version === card.version);
  if (known === undefined) return false;
  const wanted = Object.values(card.variants).map(({ sha256 }) => sha256);
  const there = known.variants.map(({ sha256 }) => sha256);
  if (wanted.some((hash) => !there.includes(hash))) {
    throw new ShoalError('USAGE', `${modelRef(card)} is there already with other files, in ${known.directory}; a version never changes`);
  }
  const { problems } = await verifyModel(known);
  if (problems.length === 0) return true;
  throw new ShoalError(
    'USAGE',
    `${modelRef(card)} is there already, but damaged: ${problems.join('; ')}; "shoal models remove ${modelRef(card)}", then add it again`,
  );
}

function checkUsable(card: Card, { parts }: ModelsContext, accepted: boolean): void {
  const tasks = parts.tasks.map(({ name }) => name);
  if (!tasks.includes(card.task)) {
    throw new ShoalError(
      'USAGE',
      `${modelRef(card)} is for ${card.task}, which this version of Shoal does not know; it knows ${tasks.join(', ')}`,
    );
  }
  if (card.commercial_use || accepted) return;
  const note = card.licence_note === undefined ? '' : ` ${reasonOf(card.licence_note.trim())}`;
  throw new ShoalError(
    'USAGE',
    `the licence of ${modelRef(card)}, ${card.licence}, forbids commercial use.${note} Say --accept-licence if your use is none`,
  );
}
