/**
 * The models that are to be had: cards with licence, labels and golden captures, without the files that are fetched.
 *
 * Guarantees: comes with the program, so that what a model is, what it costs to fetch and what its licence asks is known without a network; a
 * broken entry is a problem and hides no other. Fetches nothing.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { modelRef } from '../core/model.js';
import { nearest } from '../core/suggest.js';
import { type Card, readCard } from './card.js';
import { compareVersions, type RegistryProblem } from './registry.js';

export interface CatalogueEntry {
  readonly card: Card;
  /** Absolute: where the files lie that are not fetched. */
  readonly directory: string;
}

export interface Catalogue {
  /** By name, the newest version first. */
  readonly entries: readonly CatalogueEntry[];
  readonly problems: readonly RegistryProblem[];
}

/** Reads `<directory>/<name>/<version>/card.yaml`. Never throws for what it finds there; without the folder there are no entries. */
export async function openCatalogue(directory: string): Promise<Catalogue> {
  const entries: CatalogueEntry[] = [];
  const problems: RegistryProblem[] = [];
  for (const name of await foldersIn(directory)) {
    for (const version of await foldersIn(path.join(directory, name))) {
      const folder = path.resolve(directory, name, version);
      try {
        const { card } = await readCard(folder, { labels: false });
        if (card.source.download === undefined) throw new ShoalError('MODEL_INVALID', 'its source names nothing to download');
        entries.push({ card, directory: folder });
      } catch (error) {
        problems.push({ path: folder, reason: reasonOf(error) });
      }
    }
  }
  entries.sort((a, b) =>
    a.card.name < b.card.name ? -1 : a.card.name > b.card.name ? 1 : compareVersions(b.card.version, a.card.version),
  );
  return { entries, problems };
}

async function foldersIn(directory: string): Promise<string[]> {
  const found = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names = found.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  return names.sort().slice(0, limits.modelsMax);
}

/** By `name` (newest version) or `name@version`. Throws MODEL_MISSING, saying what there is. */
export function findEntry({ entries }: Catalogue, ref: string): CatalogueEntry {
  const [name = '', version] = ref.split('@', 2);
  const found = entries.find(({ card }) => card.name === name && (version === undefined || card.version === version));
  if (found !== undefined) return found;
  const versions = entries.filter(({ card }) => card.name === name).map(({ card }) => modelRef(card));
  if (versions.length > 0) throw new ShoalError('MODEL_MISSING', `"${ref}" is not in the catalogue, which has ${versions.join(', ')}`);
  const near = nearest(name, [...new Set(entries.map(({ card }) => card.name))]);
  const hint = near === null ? '"shoal models catalogue" shows what is' : `did you mean ${near}?`;
  throw new ShoalError('MODEL_MISSING', `"${ref}" is not in the catalogue; ${hint}`);
}
