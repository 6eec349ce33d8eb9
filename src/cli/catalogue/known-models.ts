/**
 * All models there are for this board, each once: those that come with Shoal, those that were added, those of the catalogue.
 */
import path from 'node:path';
import type { Model } from '../../core/model.js';
import { modelRef } from '../../core/model.js';
import { type Card, readCard } from '../../registry/card.js';
import { openCatalogue } from '../../registry/catalogue.js';
import type { Registry } from '../../registry/registry.js';
import type { ModelsPlaceContext } from '../models-setting.js';

export interface KnownModel {
  readonly card: Card;
  /** Of the installed model, or of the entry of the catalogue. */
  readonly directory: string;
  readonly bundled: boolean;
  /** Null for a model that is to be had. */
  readonly model: Model | null;
}

/** What is installed as the registry lists it, then the rest of the catalogue; and what of the catalogue cannot be read. */
export async function knownModels(
  context: ModelsPlaceContext,
  registry: Registry,
): Promise<{ readonly models: readonly KnownModel[]; readonly problems: readonly string[] }> {
  const models: KnownModel[] = [];
  for (const model of registry.list()) {
    const { card } = await readCard(model.directory, { labels: false });
    models.push({ card, directory: model.directory, bundled: isBundled(context, model), model });
  }
  const { entries, problems } = await openCatalogue(context.catalogue);
  for (const { card, directory } of entries) {
    if (models.some((known) => modelRef(known.card) === modelRef(card))) continue;
    models.push({ card, directory, bundled: false, model: null });
  }
  return { models, problems: problems.map(({ path: where, reason }) => `${where}: ${reason}`) };
}

/** Whether it came with Shoal, and so is not an operator's to remove. */
export function isBundled({ modelsDirectories }: ModelsPlaceContext, { directory }: Model): boolean {
  return modelsDirectories.some((bundled) => directory.startsWith(`${path.resolve(bundled)}${path.sep}`));
}
