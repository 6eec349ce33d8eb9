/**
 * Goal: what the store said it did is there after a SIGKILL, what it did not say may be, and nothing else is.
 * Method: a child acts at random and tells; it is killed at a random act; the file is compared with a model of what was told.
 * The control tells before the store has answered, and must be caught.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { resultId } from '../../src/core/id.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { testSurroundings } from '../support/surroundings.js';

const child = fileURLToPath(new URL('./child.js', import.meta.url));
type Knowledge = 'tried' | 'did';

class Model {
  readonly commits = new Map<string, Knowledge>();
  readonly acks = new Map<string, Knowledge>();
  readonly closes = new Map<string, Knowledge>();
  boot = 0;
  acts = 0;

  hear(line: string): void {
    const [verb = '', what = '', a = '', b = ''] = line.split(' ');
    if (verb === 'boot') {
      this.boot = Number(what);
      return;
    }
    this.acts++;
    const knowledge: Knowledge = verb === 'did' ? 'did' : 'tried';
    const note = (map: Map<string, Knowledge>, key: string) => {
      if (map.get(key) !== 'did') map.set(key, knowledge);
    };
    if (what === 'commit') note(this.commits, a);
    if (what === 'close') note(this.closes, a);
    if (what === 'ack') for (const id of b.split(',')) note(this.acks, `${a} ${id}`);
  }

  /** What the store has lost or invented. */
  async differences(store: SqliteStore): Promise<string[]> {
    const wrong: string[] = [];
    const open = await store.settled([...this.commits.keys()]);
    for (const [capture, knowledge] of this.commits) {
      const id = resultId(capture, 'signs');
      const found = await store.explain(id);
      if (found === null) {
        if (knowledge === 'did') wrong.push(`lost ${capture}`);
        continue;
      }
      if (!found.payload.startsWith(`bytes of ${capture} `)) wrong.push(`other bytes in ${capture}`);
      for (const { sink, state } of found.deliveries) {
        const ack = this.acks.get(`${sink} ${id}`);
        if (state === 'delivered' && ack === undefined) wrong.push(`${capture} is delivered to ${sink} without an acknowledgement`);
        if (state === 'owed' && ack === 'did') wrong.push(`the acknowledgement of ${capture} by ${sink} is lost`);
      }
      const closed = this.closes.get(capture);
      if (open.has(capture) && closed === 'did') wrong.push(`the closing of ${capture} is lost`);
      if (!open.has(capture) && closed === undefined) wrong.push(`${capture} is closed unasked`);
    }
    const known = await store.results({ limit: 1000 });
    for (const row of known) if (!this.commits.has(row.captureId)) wrong.push(`invented ${row.captureId}`);
    return wrong;
  }
}

/** Lets a child work on the file and kills it at the given act. */
async function round(path: string, seed: number, number: number, mode: string, model: Model, killAt: number): Promise<void> {
  const process_ = spawn(process.execPath, [child, path, String(seed), String(number), mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<string | null>((resolve) => process_.on('exit', (_, signal) => resolve(signal)));
  let text = '';
  let acts = 0;
  for await (const piece of process_.stdout) {
    text += piece;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      model.hear(line);
      if (line.startsWith('did') && ++acts === killAt) process_.kill('SIGKILL');
    }
  }
  if ((await ended) !== 'SIGKILL') throw new Error('the child ended by itself');
}

async function compare(path: string, model: Model): Promise<string[]> {
  const store = new SqliteStore(path, storeOptions.parse({}), testSurroundings(), () => {});
  const { boot } = await store.start(['lan', 'disk']);
  const wrong = await model.differences(store);
  if (boot <= model.boot) wrong.push(`boot ${boot} after boot ${model.boot}`);
  await store.stop();
  return wrong;
}

function seedOf(t: Test): number {
  const seed = Number(process.env.SHOAL_TEST_SEED ?? Date.now() % 1_000_000);
  t.comment(`seed ${seed}: repeat with SHOAL_TEST_SEED=${seed}`);
  return seed;
}

test('what was told to be done is there after a kill at any act, and nothing else', async (t) => {
  const seed = seedOf(t);
  const path = `${t.testdir()}/shoal.db`;
  const model = new Model();
  for (let number = 0; number < 6; number++) {
    const before = model.acts;
    await round(path, seed + number, number, 'honest', model, 1 + ((seed * 7919 + number * 104_729) % 250));
    t.ok(model.acts > before, 'the child was killed at work');
    t.same(await compare(path, model), [], `after kill ${number + 1}`);
  }
  t.ok([...model.commits.values()].includes('tried') || model.commits.size > 100, 'some acts were cut off or many done');
});

test('the comparison catches a store that answers before its commit', async (t) => {
  const seed = seedOf(t);
  const path = `${t.testdir()}/shoal.db`;
  const model = new Model();
  const wrong: string[] = [];
  for (let number = 0; number < 5 && wrong.length === 0; number++) {
    await round(path, seed + number, number, 'early', model, 8);
    wrong.push(...(await compare(path, model)));
  }
  t.ok(
    wrong.some((line) => line.startsWith('lost')),
    'lost commits were found',
  );
});
