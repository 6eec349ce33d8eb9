/** A process that commits the series of test/support/walk.ts from where its predecessor died, until it is killed. It tells each commit. */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { ManualClock } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';
import { threefoldSettled, walkSighting } from '../support/walk.js';

const [path = '', count = '0'] = process.argv.slice(2);
const clock = new ManualClock();
clock.mono = 1e9;
const store = new SqliteStore(path, storeOptions.parse({ commit_interval_ms: 1 }), testSurroundings(clock), () => process.exit(70));
await store.start(['lan']);
let next = 0;
while (next < Number(count) && (await store.explain(walkSighting(next).resultId)) !== null) next++;
// What was settled comes again: a receipt may have died with the daemon.
for (let number = Math.max(0, next - 5); number < next; number++) await store.commit(threefoldSettled(number));
while (next < Number(count)) {
  const window = Array.from({ length: Math.min(7, Number(count) - next) }, (_, i) => next + i);
  next += window.length;
  // Slow enough for a kill to find it at work, whatever else the machine does.
  await sleep(15);
  await Promise.all(
    window.map(async (number) => {
      await store.commit(threefoldSettled(number));
      writeSync(1, `did ${number}\n`);
    }),
  );
}
await store.stop();
