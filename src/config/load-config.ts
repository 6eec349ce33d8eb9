/**
 * File -> validated, complete, frozen settings; or every problem at once.
 *
 * Guarantees: the same files, environment and host name give the same settings, hash and texts. Throws nothing but ShoalError: a
 * ConfigError with all problems (CONFIG_INVALID, or CONFIG_UNREADABLE when the main file itself cannot be read). Needs no device and no model.
 */
import { hostname as osHostname } from 'node:os';
import { configHash, deepFreeze } from './canonical.js';
import type { ConfigParts, ConfigSections, Settings } from './config-parts.js';
import { nodeAt, parseTree, placeOf, type TreeNode } from './config-tree.js';
import { fetchSecrets } from './fetch-secrets.js';
import { filesHash } from './files-hash.js';
import { fillVariables, mergeTrees, type Variables } from './merge-tree.js';
import { ConfigError, formatPath, type Problem } from './problem.js';
import { readSources, type SourceFile } from './source-file.js';
import { validateTree } from './validate.js';

export interface LoadOptions {
  /** `check` (elsewhere, without credentials) turns missing secrets into warnings. Default `run`. */
  readonly purpose?: 'run' | 'check';
  readonly env?: Variables['env'];
  readonly hostname?: string;
  /** Stands for `conf.d` beside the file. */
  readonly extrasDirectory?: string;
}

export interface Loaded<Sections extends ConfigSections = ConfigSections> {
  readonly settings: Settings<Sections>;
  /** What every result carries: 16 hex digits over the resolved settings. */
  readonly configHash: string;
  /** 16 hex digits over the files as written: tells two texts with one meaning apart. */
  readonly filesHash: string;
  readonly path: string;
  readonly files: readonly SourceFile[];
  readonly warnings: readonly Problem[];
  readonly source: 'file' | 'last-good';
  /** With `last-good`: what is wrong with the file that should have run. */
  readonly complaint: string | null;
}

export async function loadConfig<Sections extends ConfigSections>(
  path: string,
  parts: ConfigParts<Sections>,
  options: LoadOptions = {},
): Promise<Loaded<Sections>> {
  const variables = { env: options.env ?? process.env, hostname: options.hostname ?? osHostname() };
  const sources = await readSources(path, options.extrasDirectory);
  const problems = [...sources.problems];
  const tree = sources.unreadable ? null : mergeFiles(path, sources.files, problems);
  const broken = hasErrors(problems);
  const filled = tree === null ? null : fillVariables(tree, variables, problems);
  const stateDir = findStateDir(filled, sources.files);
  if (filled === null || broken) {
    throw new ConfigError(path, problems, sources.unreadable ? 'CONFIG_UNREADABLE' : 'CONFIG_INVALID', stateDir);
  }
  const unfilled = new Set(problems.map((problem) => problem.path));
  const found: Problem[] = [];
  const settings = await validateTree(path, filled, parts, variables, found);
  problems.push(...found.filter((problem) => problem.path === '' || !unfilled.has(problem.path)));
  if (settings === null || hasErrors(problems)) throw new ConfigError(path, problems, 'CONFIG_INVALID', stateDir);
  for (const trouble of await fetchSecrets(settings, options.purpose ?? 'run', variables.env.CREDENTIALS_DIRECTORY)) {
    const { path: at, severity, message, hint } = trouble;
    problems.push({ severity, place: placeOf(filled, at, path), path: formatPath(at), message, hint });
  }
  if (hasErrors(problems)) throw new ConfigError(path, problems, 'CONFIG_INVALID', stateDir);
  return {
    settings: deepFreeze(settings),
    configHash: configHash(settings),
    filesHash: filesHash(sources.files),
    path,
    files: sources.files,
    warnings: problems,
    source: 'file',
    complaint: null,
  };
}

function mergeFiles(path: string, files: readonly SourceFile[], problems: Problem[]): TreeNode | null {
  let merged: TreeNode | null = null;
  for (const file of files) {
    const before = problems.length;
    const tree = parseTree(file, problems);
    if (tree === null && problems.length === before && file.path === path) {
      problems.push({ severity: 'error', place: { file: path }, path: '', message: 'the file is empty', hint: 'begin with version: 1' });
    }
    if (tree !== null) merged = merged === null ? tree : mergeTrees(merged, tree);
  }
  return merged;
}

function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** The state directory of a configuration that may be broken elsewhere; by eye when it is not even YAML. */
function findStateDir(tree: TreeNode | null, files: readonly SourceFile[]): string | null {
  const written = nodeAt(tree, ['paths', 'state_dir'])?.value;
  if (typeof written === 'string') return written.startsWith('/') ? written : null;
  if (tree !== null) return null;
  return /^[ \t]*state_dir:[ \t]*["']?(\/[^\s"'#$]+)/m.exec(files[0]?.text ?? '')?.[1] ?? null;
}
