/**
 * `shoal models licences`: what whoever runs or passes on these models must comply with.
 *
 * Shows what the cards state; it is no legal advice, and says so where a card knows less than one would wish.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { modelRef } from '../../core/model.js';
import { licenceFile } from '../../registry/card.js';
import { type ModelsPlaceContext, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { type KnownModel, knownModels } from './known-models.js';

export function licencesCommand(context: ModelsPlaceContext): Command {
  return new Command('licences')
    .description('show the licence of every model on this board: its text, who is to be named, what to know')
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--all', 'also those of the catalogue that are not installed')
    .option('--json', 'print the answer as JSON')
    .action(async (options: PlaceOptions & { json?: true; all?: true }) => {
      const { registry } = await openModelsSetting(context, options);
      const { models } = await knownModels(context, registry);
      const told = await Promise.all(models.filter(({ model }) => options.all || model !== null).map(describe));
      context.stdout.write(options.json ? `${JSON.stringify(told)}\n` : told.map(textOf).join('\n'));
    });
}

type Told = Awaited<ReturnType<typeof describe>>;

async function describe({ card, directory, model, bundled }: KnownModel) {
  return {
    model: modelRef(card),
    title: card.title,
    licence: card.licence,
    commercial_use: card.commercial_use,
    text: await present(path.join(directory, licenceFile)),
    attribution: card.attribution ?? null,
    note: card.licence_note ?? null,
    origin: card.source.note ?? null,
    upstream: card.source.upstream,
    /** Whose work the golden captures are, where that is told. */
    samples: await present(path.join(directory, 'golden', 'SOURCES.md')),
    bundled,
    installed: model !== null,
  };
}

async function present(file: string): Promise<string | null> {
  return (await stat(file).catch(() => null))?.isFile() === true ? file : null;
}

function textOf({ model, title, licence, commercial_use, text, attribution, note, origin, upstream, samples }: Told): string {
  const lines: [string, string | null][] = [
    ['licence', `${licence}${commercial_use ? '' : '; it forbids commercial use'}`],
    ['text', text ?? 'missing: the text of the licence belongs beside the weights'],
    ['attribution', attribution ?? 'see the text'],
    ['note', note],
    ['origin', origin],
    ['upstream', upstream],
    ['golden captures', samples],
  ];
  const shown = lines.flatMap(([key, value]) => (value === null ? [] : [`  ${key.padEnd(16)}${value.trim().replace(/\s+/g, ' ')}\n`]));
  return `${model}  ${title}\n${shown.join('')}`;
}
