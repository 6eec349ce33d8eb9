/**
 * Installs entries of catalogue/ into a fresh folder of models, with weights found by size and hash among the shared test data: what
 * `shoal models add` does, without the network.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildVariant, parseRecipe } from '../../src/compile/recipe.js';
import { readCard } from '../../src/registry/card.js';

/** The folder of models. Throws without SHOAL_TEST_DATA, or when the weights are not among the data. */
export async function installFromCatalogue(
  names: readonly string[],
  models = mkdtempSync(path.join(tmpdir(), 'shoal-models-')),
): Promise<string> {
  const data = process.env.SHOAL_TEST_DATA;
  if (data === undefined) throw new Error('SHOAL_TEST_DATA is not set');
  for (const name of names) {
    for (const version of readdirSync(path.join('catalogue', name))) {
      const target = path.join(models, name, version);
      mkdirSync(path.dirname(target), { recursive: true });
      cpSync(path.join('catalogue', name, version), target, { recursive: true });
      await fetchFiles(target, path.join(data, 'models'));
    }
  }
  return models;
}

async function fetchFiles(directory: string, weights: string): Promise<void> {
  const { card } = await readCard(directory, { labels: false });
  for (const [file, { sha256, bytes }] of Object.entries(card.source.download ?? {})) {
    const source = find(weights, bytes, sha256);
    const recipe = Object.values(card.variants).find((variant) => variant.file === file)?.recipe;
    const built =
      recipe === undefined ? source : buildVariant(source, parseRecipe(readFileSync(path.join(directory, recipe), 'utf8'), recipe));
    writeFileSync(path.join(directory, file), built);
  }
}

function find(folder: string, bytes: number, sha256: string): Buffer {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || statSync(file).size !== bytes) continue;
    const content = readFileSync(file);
    if (createHash('sha256').update(content).digest('hex') === sha256) return content;
  }
  throw new Error(`no file of ${bytes} bytes with SHA-256 ${sha256} is in ${folder}`);
}
