/**
 * Loads the configuration, or the last one that passed when the file at hand is bad (law 9).
 */
import { reasonOf } from '../core/errors.js';
import type { ConfigParts, ConfigSections } from './config-parts.js';
import { directoryOf, intactSet, readCurrent } from './keep-last-good.js';
import { type Loaded, type LoadOptions, loadConfig } from './load-config.js';
import { ConfigError } from './problem.js';
import { defaultStateDir } from './validate.js';

/**
 * Loads the file; when it is bad, the last configuration that passed. Throws the ConfigError of the file (exit 78) when there is none, or
 * when that no longer passes either (an upgrade, a secret gone). `stateDir` overrules where to look: what the file
 * says, as far as it can be understood, else the default.
 */
export async function loadOrLastGood<Sections extends ConfigSections>(
  path: string,
  parts: ConfigParts<Sections>,
  options: LoadOptions & { readonly stateDir?: string } = {},
): Promise<Loaded<Sections>> {
  try {
    return await loadConfig(path, parts, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const root = directoryOf(options.stateDir ?? error.stateDir ?? defaultStateDir(options.env ?? process.env));
    const name = await readCurrent(root);
    const kept = name === null ? null : await intactSet(root, name);
    if (kept === null) throw error;
    const loaded = await loadKept(kept, parts, options, error);
    return { ...loaded, source: 'last-good', complaint: error.message };
  }
}

async function loadKept<Sections extends ConfigSections>(
  kept: string,
  parts: ConfigParts<Sections>,
  { purpose, env, hostname }: LoadOptions,
  error: ConfigError,
): Promise<Loaded<Sections>> {
  try {
    return await loadConfig(kept, parts, { ...(purpose && { purpose }), ...(env && { env }), ...(hostname !== undefined && { hostname }) });
  } catch (keptError) {
    const problem = {
      severity: 'error' as const,
      place: { file: kept },
      path: '',
      message: `the last good configuration does not pass any more: ${reasonOf(keptError)}`,
      hint: 'mend the file',
    };
    throw new ConfigError(error.file, [...error.problems, problem], 'CONFIG_INVALID');
  }
}
