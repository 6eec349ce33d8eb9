/**
 * What a pipeline told as events says: the bytes on the wire, and a person who walks in, stands, is hidden for a moment and leaves.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Test, test } from 'tap';
import type { CaptureHeader } from '../../src/core/capture.js';
import { type EventState, sight, type Telling } from '../../src/core/event.js';
import { encodeEvent, encodeState } from '../../src/core/watch.js';
import { type Reported, Reporter } from '../../src/flow/report.js';
import { States, watchesOf } from '../../src/flow/states.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { ManualClock } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';
import { doors, doorsWatch, eventsOwed, everyMs, scoreAt, walkAnswer, walkHeader, walkRules, walkSighting } from '../support/walk.js';

async function validator(name: string) {
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  addFormats.default(ajv);
  return ajv.compile(JSON.parse(await readFile(`docs/schema/${name}.json`, 'utf8')) as object);
}

async function golden(t: Test, name: string, bytes: Uint8Array): Promise<void> {
  const path = `test/flow/golden/${name}.json`;
  const text = `${Buffer.from(bytes).toString()}\n`;
  if (process.env.UPDATE_GOLDEN) await writeFile(path, text);
  t.equal(text, await readFile(path, 'utf8'), name);
}

test('messages of events and states are frozen, byte for byte, and follow the published JSON Schemas', async (t) => {
  const told: Telling[] = [];
  let state: EventState | null = null;
  for (let number = 0; number < 120 && !told.some(({ phase }) => phase === 'end'); number++) {
    const sighting = { ...walkSighting(number), labels: ['person'] };
    const step = sight(state, sighting, walkRules, { monoMs: 1e9, kernel: 1 }, ['doors', 'cam']);
    const before: EventState | null = state;
    state = step.state;
    told.push(...step.tellings);
    if (step.tellings[0]?.phase === 'start')
      await golden(t, 'state-1.on', encodeState(state, doorsWatch, '2026-01-01T00:00:00.000Z', true));
    if (before === null) await golden(t, 'state-1.off', encodeState(state, doorsWatch, '2026-01-01T00:00:00.000Z', true));
  }
  await golden(t, 'state-1.unknown', encodeState(null, doorsWatch, '2026-01-01T00:00:00.000Z', false));
  const event = await validator('event-1');
  for (const phase of ['start', 'update', 'end'] as const) {
    const telling = told.find((candidate) => candidate.phase === phase);
    if (telling === undefined) throw new Error(`no ${phase} was told`);
    const bytes = encodeEvent(telling, doorsWatch);
    await golden(t, `event-1.${phase}`, bytes);
    t.ok(event(JSON.parse(Buffer.from(bytes).toString())), JSON.stringify(event.errors));
  }
  const unscored = sight(null, { ...walkSighting(9), score: null }, { ...walkRules, onAfterMs: 0 }, { monoMs: 1e9, kernel: 1 }, [
    'doors',
    'cam',
  ]);
  t.ok(
    unscored.tellings.every((telling) => event(JSON.parse(Buffer.from(encodeEvent(telling, doorsWatch)).toString()))),
    'without a score',
  );
  t.notOk(event({ schema: 'shoal/event/1', id: 'x' }), 'the schema can say no');
  const states = await validator('state-1');
  for (const name of ['on', 'off', 'unknown']) {
    t.ok(states(JSON.parse(await readFile(`test/flow/golden/state-1.${name}.json`, 'utf8'))), JSON.stringify(states.errors));
  }
});

/** A daemon's part from the reporter to the store, started again and again on one file. */
class Corridor {
  readonly clock = new ManualClock();
  readonly #path: string;
  #store: SqliteStore | null = null;
  #states: States | null = null;
  #reporter: Reporter | null = null;
  boot = 0;

  constructor(path: string) {
    this.#path = path;
    this.clock.mono = 5000;
  }

  get store(): SqliteStore {
    if (this.#store === null) throw new Error('it is not started');
    return this.#store;
  }

  async restart(): Promise<void> {
    await this.stop();
    const around = testSurroundings(this.clock);
    this.#store = new SqliteStore(this.#path, storeOptions.parse({ commit_interval_ms: 1 }), around, () => {});
    this.boot = (await this.#store.start(['lan'])).boot;
    this.#states = new States(watchesOf([doors], 'dock-7', 'abc'), this.#store, around);
    await this.#states.start();
    const worthTelling = await compileWorthTelling([doors], () => {});
    this.#reporter = new Reporter({ device: 'dock-7', configHash: 'abc', worthTelling });
  }

  async stop(): Promise<void> {
    this.#states?.stop();
    await this.#store?.stop();
  }

  async take(header: CaptureHeader, report: (reporter: Reporter) => Reported): Promise<Reported> {
    if (this.#reporter === null) throw new Error('it is not started');
    const reported = report(this.#reporter);
    await this.store.commit({ captureId: header.id, input: header.input, replayable: false, results: reported.results });
    return reported;
  }

  state(): { state: string; event?: { id: string } } {
    const [message] = this.#states?.all() ?? [];
    return JSON.parse(Buffer.from(message?.payload ?? []).toString());
  }
}

test('a person who walks in, stands 40 s, is hidden for 1 s and leaves is one event, whatever restarts', async (t) => {
  const corridor = new Corridor(`${t.testdir()}/shoal.db`);
  t.teardown(() => corridor.stop());
  await corridor.restart();
  t.equal(corridor.state().state, 'unknown');
  let lost = 0;
  const outcomes = new Set<string>();
  for (let number = 0; number < 300; number++) {
    const second = (number * everyMs) / 1000;
    // The daemon dies and comes back while nobody, and while somebody is there, hidden, and gone.
    if ([4, 20, 30.4, 49, 51, 58].includes(second)) {
      await corridor.restart();
      const here = second >= 8.4 && second < 53;
      t.equal(corridor.state().state, here ? 'on' : 'off', `at ${second} s`);
      t.equal(corridor.state().event?.id, here ? String((await eventsOwed(corridor.store))[0]?.id) : undefined);
    }
    const header = walkHeader(number, corridor.boot, corridor.clock.mono);
    // An engine is killed, and takes what it had with it.
    const crashed = second >= 25 && second < 26;
    if (crashed) lost++;
    const reported = await corridor.take(header, (reporter) =>
      crashed
        ? reporter.unanswered(header, [doors], { outcome: 'failed', reason: 'its engine was killed' }, { queueMs: 0, attempt: 1 })
        : reporter.answered(header, [{ spec: doors }], walkAnswer(scoreAt(second)), { queueMs: 1, attempt: 1 }),
    );
    for (const { outcome, reason = '' } of reported.outcomes) outcomes.add(`${outcome}: ${reason}`);
    corridor.clock.advance(everyMs);
  }
  t.equal(lost, 5, 'the engine did die');
  const messages = await eventsOwed(corridor.store);
  const count = (phase: string) => messages.filter((message) => message.phase === phase).length;
  t.equal(count('start'), 1);
  t.equal(count('end'), 1);
  t.ok(count('update') >= 3 && count('update') <= 6, `${count('update')} updates`);
  t.same(new Set(messages.map(({ id }) => id)).size, 1);
  t.match(messages.at(-1), { end_reason: 'over', duration_ms: 42_000, captures: { held: 200 } });
  t.equal(corridor.state().state, 'off');
  t.same([...outcomes].sort(), [
    'failed: its engine was killed',
    'silent: it is told as part of an event (report.mode: events)',
    'silent: report.when is false: faces.size() > 0',
  ]);
  const results = (await corridor.store.owed('lan', 0, 128)).filter(({ kind }) => kind === 'result');
  t.equal(results.length, lost, 'only failures are told one by one');
});
