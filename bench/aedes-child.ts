/** A broker in a process of its own, for machines without Mosquitto; says its URL to its parent and ends with it. */
import { startAedes } from '../test/support/brokers.js';

const { url } = await startAedes();
process.on('disconnect', () => process.exit(0));
process.send?.(url);
