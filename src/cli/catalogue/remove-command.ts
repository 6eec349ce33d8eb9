/**
 * `shoal models remove`: takes an installed model away, at once and whole. What comes with Shoal stays, and so does what a pipeline needs.
 */
import path from 'node:path';
import { Command } from 'commander';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { type Model, modelRef } from '../../core/model.js';
import type { Task } from '../../core/task.js';
import { pinOf } from '../../registry/pins.js';
import type { Registry } from '../../registry/registry.js';
import { resolvePipelines } from '../../registry/resolve.js';
import { removeVersion } from '../../registry/stage-folder.js';
import { type ModelsPlaceContext, type ModelsSetting, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { asFolderError } from './folder-error.js';
import { isBundled } from './known-models.js';
import { readAtStart } from './read-at-start.js';

interface RemoveOptions extends PlaceOptions {
  readonly force?: true;
  readonly json?: true;
}

export function removeCommand(context: ModelsPlaceContext): Command {
  return new Command('remove')
    .description('remove a model that was added; not one that a pipeline runs, that is pinned, or that comes with Shoal')
    .argument('<model>', 'name@version, or name where one version is installed')
    .option('--force', 'even if a pipeline of the configuration runs it, or it is pinned')
    .option('-c, --config <file>', 'configuration whose folders and pipelines count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .action(async (ref: string, options: RemoveOptions) => {
      const setting = await openModelsSetting(context, options);
      const model = installed(setting.registry, ref);
      if (isBundled(context, model))
        throw new ShoalError('USAGE', `${modelRef(model)} comes with Shoal and stays; nothing runs it that names another`);
      if (!options.force) refuseUsed(model, setting, context.parts.tasks as readonly Task[]);
      const modelsFolder = path.dirname(path.dirname(model.directory));
      await removeVersion(modelsFolder, model).catch((error: unknown) => {
        throw asFolderError(error, modelsFolder);
      });
      const said = `${modelRef(model)} is removed from ${modelsFolder}.\n${readAtStart}\n`;
      context.stdout.write(options.json ? `${JSON.stringify({ model: modelRef(model), removed: true })}\n` : said);
    });
}

/** Exactly one. Throws USAGE. */
export function installed(registry: Registry, ref: string): Model {
  const [name = '', version] = ref.split('@', 2);
  const found = registry.versions(name).filter((model) => version === undefined || model.version === version);
  const [only, ...more] = found;
  if (only === undefined) throw new ShoalError('USAGE', `"${ref}" is not installed; "shoal models list" shows what is`);
  if (more.length > 0)
    throw new ShoalError('USAGE', `of ${name} there is more than one version: name one of ${found.map(modelRef).join(', ')}`);
  return only;
}

function refuseUsed(model: Model, { settings, registry, policy }: ModelsSetting, tasks: readonly Task[]): void {
  const ref = modelRef(model);
  if (pinOf(registry.pins, model.name)?.version === model.version) {
    throw new ShoalError('USAGE', `${ref} is pinned on this board: "shoal models pin ${model.name} --clear" first, or --force`);
  }
  if (settings === null) return;
  const { runs } = resolvePipelines(settings.pipelines, registry, tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
  const users = [...new Set(runs.filter((run) => modelRef(run.model) === ref).flatMap(({ pipelines }) => pipelines))];
  if (users.length === 0) return;
  const noun = users.length === 1 ? `the pipeline ${users[0]} runs` : `the pipelines ${users.join(', ')} run`;
  throw new ShoalError('USAGE', `${noun} ${ref}: change the configuration and restart the daemon first, or --force`);
}
