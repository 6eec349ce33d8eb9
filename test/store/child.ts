/**
 * A process that works on a store until it is killed. Each act is told on stdout before (`try`) and after (`did`) it is done;
 * pipes are written synchronously, so what was told survives the kill. With `early` it says `did` before the store has answered.
 */
import { writeSync } from 'node:fs';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { record } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';

const [path = '', seedText = '1', round = '0', mode = 'honest'] = process.argv.slice(2);
let state = Number(seedText) >>> 0;

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

function tell(line: string): void {
  writeSync(1, `${line}\n`);
}

const store = new SqliteStore(path, storeOptions.parse({ ack_interval_ms: 30 }), testSurroundings(), () => process.exit(70));
const { boot } = await store.start(['lan', 'disk']);
tell(`boot ${boot}`);
const open: string[] = [];
let number = 0;

async function act(words: string, work: () => Promise<unknown>): Promise<void> {
  tell(`try ${words}`);
  const done = work();
  if (mode === 'early') tell(`did ${words}`);
  await done;
  if (mode !== 'early') tell(`did ${words}`);
}

async function commit(again: boolean): Promise<void> {
  // Only an open one: a closed capture never comes again.
  const known = open[random(Math.max(1, open.length))];
  const id = again && known !== undefined ? known : `r${round}-${number++}`;
  const body = again && known !== undefined ? 'other bytes' : `bytes of ${id} ${'x'.repeat(random(3000))}`;
  const results = [{ record: record(id, 'signs', { payload: Buffer.from(body) }), sinks: ['lan', 'disk'] }];
  const words = body === 'other bytes' ? `repeat ${id}` : `commit ${id}`;
  await act(words, () => store.commit({ captureId: id, input: 'inbox', replayable: true, results }));
  if (body === 'other bytes') return;
  open.push(id);
}

async function acknowledge(): Promise<void> {
  const sink = random(2) === 0 ? 'lan' : 'disk';
  const owed = await store.owed(sink, 0, 1 + random(20));
  if (owed.length === 0) return;
  const names = owed.map((delivery) => delivery.resultId).join(',');
  await act(`ack ${sink} ${names}`, () =>
    store.acknowledge(
      sink,
      owed.map((delivery) => delivery.seq),
    ),
  );
}

async function close(): Promise<void> {
  const id = open.shift();
  if (id !== undefined) await act(`close ${id}`, () => store.close([id]));
}

async function hand(): Promise<void> {
  for (;;) {
    const dice = random(10);
    if (dice < 6) await commit(false);
    else if (dice < 7) await commit(true);
    else if (dice < 9) await acknowledge();
    else await close();
  }
}

await Promise.all(Array.from({ length: 12 }, hand));
