/**
 * A daemon that is wrong on purpose: it marks a delivery as delivered when it hands it over, not when it is acknowledged.
 * The control of the fault tests: what judges the real one must find what this one loses.
 */
import { loadConfig } from '../../src/config/load-config.js';
import { Daemon } from '../../src/daemon.js';
import { parts } from '../../src/parts.js';

const path = process.argv[process.argv.indexOf('--config') + 1] ?? '';
const daemon = new Daemon(await loadConfig(path, parts), 'control', { relay: { markDelivered: 'at-hand-over' } });
process.once('SIGTERM', () => void daemon.stop().then(() => process.exit(0)));
await daemon.start();
