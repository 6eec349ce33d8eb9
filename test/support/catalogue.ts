/**
 * The entries of catalogue/ as installed models, their files taken from the shared test data by hash instead of the network.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildVariant, parseRecipe } from '../../src/compile/recipe.js';
import { reasonOf } from '../../src/core/errors.js';
import type { Model } from '../../src/core/model.js';
import { type Card, readCard } from '../../src/registry/card.js';
import { openRegistry } from '../../src/registry/registry.js';

export interface Assembled {
  /** A folder of models, for `openRegistry`. */
  readonly directory: string;
  /** `name/version` of the entries in it. */
  readonly models: readonly string[];
  /** Entries that could not be made here, and why. */
  readonly left: readonly { readonly entry: string; readonly reason: string }[];
}

/** `name/version` of every entry of the catalogue. */
export function catalogueEntries(): string[] {
  return readdirSync('catalogue')
    .flatMap((name) => readdirSync(path.join('catalogue', name)).map((version) => `${name}/${version}`))
    .sort();
}

/** `data` is the folder with the shared test data, whose models/ is searched; with `only`, the entries of these names. Of a damaged card it throws. */
export async function assembleCatalogue(data: string, only?: readonly string[]): Promise<Assembled> {
  const files = filesByHash(path.join(data, 'models'));
  const directory = mkdtempSync(path.join(tmpdir(), 'shoal-catalogue-'));
  const models: string[] = [];
  const left: { entry: string; reason: string }[] = [];
  for (const entry of catalogueEntries().filter((each) => only?.includes(path.dirname(each)) ?? true)) {
    const { card } = await readCard(path.resolve('catalogue', entry), { labels: false });
    const made = makeFiles(card, entry, files);
    if (typeof made === 'string') {
      left.push({ entry, reason: made });
      continue;
    }
    cpSync(path.join('catalogue', entry), path.join(directory, entry), { recursive: true });
    for (const [name, bytes] of made) writeFileSync(path.join(directory, entry, name), bytes);
    models.push(entry);
  }
  return { directory, models, left };
}

/** One entry as an installed model. Throws, saying why, when it cannot be made here. */
export async function catalogueModel(data: string, name: string): Promise<Model> {
  const { directory, left } = await assembleCatalogue(data, [name]);
  const model = (await openRegistry([directory])).find(name);
  if (model === null) throw new Error(`${name}: ${left[0]?.reason ?? 'no such entry in the catalogue'}`);
  return model;
}

/** The files to fetch, built where a variant has a recipe; or why that cannot be done here. */
function makeFiles(card: Card, entry: string, files: ReadonlyMap<string, string>): [string, Uint8Array][] | string {
  const made: [string, Uint8Array][] = [];
  for (const [name, { sha256 }] of Object.entries(card.source.download ?? {})) {
    const file = files.get(sha256);
    if (file === undefined) return `${name} is not in the shared test data`;
    const source = readFileSync(file);
    const recipe = Object.values(card.variants).find((variant) => variant.file === name)?.recipe;
    if (recipe === undefined) {
      made.push([name, source]);
      continue;
    }
    const text = readFileSync(path.join('catalogue', entry, recipe), 'utf8');
    try {
      made.push([name, buildVariant(source, parseRecipe(text, recipe))]);
    } catch (error) {
      return reasonOf(error);
    }
  }
  return made;
}

function filesByHash(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const each of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = path.join(each.parentPath, each.name);
    if (each.isFile()) found.set(createHash('sha256').update(readFileSync(file)).digest('hex'), file);
  }
  return found;
}
