/**
 * `shoal models catalogue`: every model this board has or can have, with what it is worth, what it weighs and what its licence is.
 *
 * Asks no network: the catalogue comes with Shoal.
 */
import { Command } from 'commander';
import { modelRef } from '../../core/model.js';
import { chooseVariant, type VariantPolicy } from '../../registry/choose-variant.js';
import { costOf } from '../../registry/models-message.js';
import { type ModelsPlaceContext, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { renderTable } from '../table.js';
import { type KnownModel, knownModels } from './known-models.js';

export function catalogueCommand(context: ModelsPlaceContext): Command {
  return new Command('catalogue')
    .description('list every model, here or to be had: task, size, licence, accuracy and its source, cost as measured here')
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print an array of all models as JSON')
    .action(async (options: PlaceOptions & { json?: true }) => {
      const { registry, policy } = await openModelsSetting(context, options);
      const { models, problems } = await knownModels(context, registry);
      const told = models.map((known) => describe(known, context, policy));
      for (const problem of problems) context.stderr.write(`shoal: an entry of the catalogue is left out: ${problem}\n`);
      context.stdout.write(options.json ? `${JSON.stringify(told)}\n` : textOf(told));
    });
}

type Told = ReturnType<typeof describe>;

function describe({ card, bundled, model }: KnownModel, { parts }: ModelsPlaceContext, policy: VariantPolicy) {
  const choice = model === null ? null : chooseVariant(model, policy);
  const cost = model === null || choice === null ? null : costOf({ model, variant: choice.variant }, policy);
  const files = Object.entries(card.source.download ?? {}).map(([file, download]) => ({ file, ...download }));
  const fetched = new Map(files.map(({ sha256, bytes }) => [sha256, bytes]));
  return {
    name: card.name,
    version: card.version,
    task: card.task,
    title: card.title,
    licence: card.licence,
    commercial_use: card.commercial_use,
    bundled,
    installed: model !== null,
    /** Whether this Shoal has the task. */
    usable: parts.tasks.some(({ name }) => name === card.task),
    /** Of all variants. */
    bytes: Object.values(card.variants).reduce((sum, { bytes }) => sum + bytes, 0),
    /** Null for a model that is not fetched. */
    download_bytes: files.length === 0 ? null : [...fetched.values()].reduce((sum, bytes) => sum + bytes, 0),
    accuracy: card.quality,
    cost: cost === null ? null : { variant: choice?.variant.name, ...cost },
    upstream: card.source.upstream,
    files,
  };
}

function textOf(models: readonly Told[]): string {
  if (models.length === 0) return 'No models.\n';
  const rows = models.map((model) => [
    modelRef(model),
    model.task,
    model.bundled ? 'bundled' : model.installed ? 'installed' : 'to be had',
    `${(model.bytes / 1e6).toFixed(1)} MB`,
    model.cost === null ? '-' : `${model.cost.cpu_ms}`,
    `${model.licence}${model.commercial_use ? '' : ' (no commercial use)'}`,
    model.title,
  ]);
  const table = renderTable(['MODEL', 'TASK', 'STATE', 'SIZE', 'CPU MS HERE', 'LICENCE', 'WHAT'], rows);
  const figures = models.flatMap((model) =>
    model.accuracy.length === 0
      ? [`  ${modelRef(model)}: not evaluated\n`]
      : model.accuracy.map(
          ({ metric, value, data, measured_by }) => `  ${modelRef(model)}: ${metric} ${value} on ${data} (${measured_by})\n`,
        ),
  );
  const accuracy = `\nAccuracy, as stated or measured by:\n${figures.join('')}`;
  const strange = models.filter(({ usable }) => !usable).map((model) => `${modelRef(model)} is for ${model.task}`);
  const unusable = strange.length === 0 ? '' : `\nThis version of Shoal cannot run all of them: ${strange.join('; ')}.\n`;
  return `${table}\n${accuracy}${unusable}\n"shoal models add NAME" fetches one that is to be had; "shoal models licences" shows what licences ask.\n`;
}
