/**
 * What a pipeline told as events says: the bytes on the wire, and a person who walks in, stands, is hidden for a moment and leaves.
 */
import { readFile } from 'node:fs/promises';
import { test } from 'tap';
import { type EventState, sight, type Telling } from '../../src/core/event.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import type { Observation } from '../../src/core/result.js';
import { sightThings } from '../../src/core/track.js';
import { encodeEvent, encodeState } from '../../src/core/watch.js';
import { golden, validator } from '../support/published-schema.js';
import { Corridor } from '../support/report-corridor.js';
import {
  crowdAt,
  crowdWatch,
  doors,
  doorsWatch,
  eventsOwed,
  everyMs,
  scoreAt,
  walkAnswer,
  walkHeader,
  walkRules,
  walkSighting,
} from '../support/walk.js';

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
      await golden(t, 'state-1.on', encodeState([{ state }], doorsWatch, '2026-01-01T00:00:00.000Z', true));
    if (before === null) await golden(t, 'state-1.off', encodeState([{ state }], doorsWatch, '2026-01-01T00:00:00.000Z', true));
  }
  await golden(t, 'state-1.unknown', encodeState([], doorsWatch, '2026-01-01T00:00:00.000Z', false));
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
  const at = { ...walkSighting(9), holds: true };
  const crowd = sightThings(null, at, crowdAt(9), { ...crowdWatch.rules, onAfterMs: 0 }, { monoMs: 1e9, kernel: 1 }, ['crowd', 'cam']);
  const [thing] = crowd.tellings.map((telling) => encodeEvent(telling, crowdWatch));
  await golden(t, 'event-1.thing', thing ?? new Uint8Array());
  t.ok(event(JSON.parse(Buffer.from(thing ?? []).toString())), JSON.stringify(event.errors));
  await golden(t, 'state-1.things', encodeState([{ state: crowd.state }], crowdWatch, '2026-01-01T00:00:00.000Z', true));
  await golden(
    t,
    'state-1.no-things',
    encodeState([{ state: { ...crowd.state, tracks: [] } }], crowdWatch, '2026-01-01T00:00:00.000Z', true),
  );
  const [about] = unscored.tellings.map((telling) => encodeEvent(telling, { ...doorsWatch, source: 'hall/1' }));
  await golden(t, 'event-1.source', about ?? new Uint8Array());
  t.ok(event(JSON.parse(Buffer.from(about ?? []).toString())), JSON.stringify(event.errors));
  const quiet = { ...unscored.state, open: null, run: null };
  const halls = [
    { source: 'hall/1', state: unscored.state },
    { source: 'hall/2', state: quiet },
  ];
  await golden(t, 'state-1.sources', encodeState(halls, doorsWatch, '2026-01-01T00:00:00.000Z', true));
  const states = await validator('state-1');
  for (const name of ['on', 'off', 'unknown', 'things', 'no-things', 'sources']) {
    t.ok(states(JSON.parse(await readFile(`test/flow/golden/state-1.${name}.json`, 'utf8'))), JSON.stringify(states.errors));
  }
});

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

test('things in a zone: one event each, the retained state tells all of them, and what has no box is complained of', async (t) => {
  const { report } = doors;
  const track = { boxes: 'faces', where: "score >= 0.5 && in_zone(box, 'left')", minIou: 0.3, maxGapMs: 2000 };
  const things: PipelineSpec = { ...doors, report: { ...report, events: { ...walkRules, onAfterMs: 0 }, track } };
  const zones = {
    cam: {
      left: [
        [0, 0],
        [0.5, 0],
        [0.5, 1],
        [0, 1],
      ],
    },
  } as const;
  const corridor = new Corridor(`${t.testdir()}/shoal.db`);
  t.teardown(() => corridor.stop());
  await corridor.restart([things], zones);
  t.equal(corridor.state().state, 'unknown');
  const at = (x: number, score = 0.9): Observation => ({
    score,
    label: 'person',
    box: { x_min: x, y_min: 0.1, x_max: x + 0.2, y_max: 0.9 },
  });
  await corridor.find(things, { faces: [at(0.1), at(0.8), at(0.3, 0.4)] });
  t.match(corridor.state(), { state: 'on', events: [{ box: { x_min: 0.1 } }] });
  await corridor.find(things, { faces: [at(0.1), at(0.32)] });
  await corridor.restart([things], zones);
  const told = await eventsOwed(corridor.store);
  t.match(told, [{ phase: 'start' }, { phase: 'start' }]);
  t.same(
    corridor.state().events?.map(({ id }) => id),
    told.map(({ id }) => id),
  );
  for (let i = 0; i < 12; i++) await corridor.find(things, { faces: [at(0.32)] });
  t.match((await eventsOwed(corridor.store)).at(-1), { phase: 'end', id: told[0]?.id, end_reason: 'over', box: { x_min: 0.1 } });
  t.match(corridor.state(), { state: 'on', events: [{ id: told[1]?.id }] });
  t.same(corridor.troubles, []);
  await corridor.find(things, { faces: [{ score: 1 }] });
  t.match(corridor.troubles, ['doors report.track what faces finds has no box to follow']);
  // From now on it is told as one event: those of things end.
  await corridor.restart([doors]);
  t.match((await eventsOwed(corridor.store)).at(-1), { phase: 'end', id: told[1]?.id, end_reason: 'removed' });
  t.equal(corridor.state().state, 'unknown');
});
