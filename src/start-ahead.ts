/**
 * Imported before anything else: a daemon's first engine boots while the daemon loads its own parts, which takes as long.
 *
 * Deliberately knows nothing of the configuration: an engine needs none to boot, and one that is not wanted after all (a bad
 * configuration, another daemon running) ends with this process.
 */

import { engineEntry } from './engine/entry.js';
import { spawnAhead } from './engine/spawn.js';

const [command, ...rest] = process.argv.slice(2);
if (command === 'run' && !rest.includes('--help') && !rest.includes('-h')) spawnAhead(engineEntry);
