/**
 * The entries of catalogue/ as installed models, their weights taken from the shared test data by hash instead of the network.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';

interface Source {
  readonly download?: Readonly<Record<string, { readonly sha256: string }>>;
}

export interface Assembled {
  /** A folder of models, for `openRegistry`. */
  readonly directory: string;
  /** `name/version` of the entries in it. */
  readonly models: readonly string[];
  /** Entries left out: a file they fetch is not in the shared test data, or is made by a recipe. */
  readonly left: readonly string[];
}

/** `name/version` of every entry of the catalogue. */
export function catalogueEntries(): string[] {
  return readdirSync('catalogue')
    .flatMap((name) => readdirSync(path.join('catalogue', name)).map((version) => `${name}/${version}`))
    .sort();
}

/** `data` is the folder with the shared test data, whose models/ is searched. */
export function assembleCatalogue(data: string): Assembled {
  const files = filesByHash(path.join(data, 'models'));
  const directory = mkdtempSync(path.join(tmpdir(), 'shoal-catalogue-'));
  const models: string[] = [];
  const left: string[] = [];
  for (const entry of catalogueEntries()) {
    const folder = path.join('catalogue', entry);
    const { source, variants } = parse(readFileSync(path.join(folder, 'card.yaml'), 'utf8')) as {
      source: Source;
      variants: Record<string, { recipe?: string }>;
    };
    const wanted = Object.entries(source.download ?? {}).map(([name, { sha256 }]) => ({ name, file: files.get(sha256) }));
    if (wanted.some(({ file }) => file === undefined) || Object.values(variants).some(({ recipe }) => recipe !== undefined)) {
      left.push(entry);
      continue;
    }
    cpSync(folder, path.join(directory, entry), { recursive: true });
    for (const { name, file = '' } of wanted) copyFileSync(file, path.join(directory, entry, name));
    models.push(entry);
  }
  return { directory, models, left };
}

function filesByHash(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const each of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = path.join(each.parentPath, each.name);
    if (each.isFile()) found.set(createHash('sha256').update(readFileSync(file)).digest('hex'), file);
  }
  return found;
}
