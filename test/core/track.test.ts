/**
 * Goal: each thing has an event of its own, and what one does is never told of another.
 * Method: tables of moments against the pure machine; random scenes of one thing against the machine of one event; and of many against
 * what must always hold.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { type EventState, type Sighting, sight, type Telling } from '../../src/core/event.js';
import { limits } from '../../src/core/limits.js';
import { lapseThings, sightThings, type Thing, type TrackingRules, type TracksState } from '../../src/core/track.js';

const rules: TrackingRules = {
  onAfterMs: 0,
  offAfterMs: 5000,
  cooldownMs: 0,
  updateEveryMs: 0,
  track: { minIou: 0.3, maxGapMs: 2000 },
};
const names = ['doors', 'cam'] as const;

function thing(x: number, more: Partial<Thing> = {}): Thing {
  return { box: { x_min: x, y_min: 0.2, x_max: x + 0.1, y_max: 0.9 }, label: 'person', score: 0.8, accepted: true, ...more };
}

class Scene {
  state: TracksState | null = null;
  readonly told: Telling[] = [];
  untracked = 0;
  kernel = 1;
  boot = 1;
  seq = 0;
  readonly rules: TrackingRules;

  constructor(change: Partial<TrackingRules> = {}) {
    this.rules = { ...rules, ...change };
  }

  /** A capture at so many seconds. */
  see(second: number, things: readonly Thing[], more: Partial<Sighting> = {}): this {
    const monoMs = Math.round(second * 1000);
    const seq = more.seq ?? ++this.seq;
    const captureId = `c${this.boot}-${seq}`;
    const mark = { captureId, resultId: `r-${captureId}`, capturedAt: new Date(monoMs).toISOString(), clockSynced: true };
    const sighting = { ...mark, boot: this.boot, seq, monoMs, holds: true, score: null, labels: [], ...more };
    const now = { monoMs, kernel: this.kernel };
    const step = sightThings(this.state, sighting, things, this.rules, now, names);
    // As it is kept: through JSON.
    this.state = JSON.parse(JSON.stringify(step.state)) as TracksState;
    this.told.push(...step.tellings);
    this.untracked += step.untracked;
    return this;
  }

  /** The timer looks. */
  look(second: number): this {
    if (this.state === null) return this;
    const step = lapseThings(this.state, this.rules, { monoMs: second * 1000, kernel: this.kernel }, 0);
    this.state = step.state;
    this.told.push(...step.tellings);
    return this;
  }

  /** Phases with the number of the event in the order of the starts. */
  get phases(): string {
    const ids = [...new Set(this.told.map(({ id }) => id))];
    return this.told.map(({ id, phase, end }) => `${phase}${ids.indexOf(id)}${end === null ? '' : `:${end.reason}`}`).join(' ');
  }
}

test('two things are two events, each with its own captures, scores and last box', (t) => {
  const scene = new Scene()
    .see(0, [thing(0.1, { score: 0.5 })])
    .see(1, [thing(0.12, { score: 0.7 }), thing(0.6, { score: 0.9, label: 'dog' })])
    .see(2, [thing(0.62, { label: 'dog' }), thing(0.14, { score: 0.6 })])
    .see(3, [thing(0.64, { label: 'dog' })])
    .see(6, [])
    .see(9, []);
  t.equal(scene.phases, 'start0 start1 end0:over end1:over');
  t.match(scene.told[2], {
    durationMs: 3000,
    box: { x_min: 0.14 },
    tally: { captures: 5, held: 3, worst: 0.5, best: 0.7, bestCapture: { captureId: 'c1-2' }, labels: ['person'] },
  });
  t.match(scene.told[3], { box: { x_min: 0.64 }, tally: { held: 3, best: 0.9, labels: ['dog'] } });
  t.end();
});

const table: [string, Partial<TrackingRules>, (scene: Scene) => Scene, string][] = [
  [
    'one that is hidden for a moment is the same',
    {},
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(1, [])
        .see(2, [thing(0.12)])
        .see(3, [thing(0.13)]),
    'start0',
  ],
  [
    'not seen for longer, it is gone',
    {},
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(1, [])
        .see(3.1, [thing(0.1)]),
    'start0 end0:over start1',
  ],
  ['time in which nobody looked counts as none', {}, (s) => s.see(0, [thing(0.1)]).see(9, [thing(0.12)]), 'start0'],
  ['elsewhere is another', {}, (s) => s.see(0, [thing(0.1)]).see(1, [thing(0.5)]), 'start0 start1'],
  [
    'two that change places keep their events while they are seen to move',
    {},
    (s) => {
      for (let i = 0; i <= 8; i++) s.see(i / 5, [thing(0.1 + i * 0.02, { label: 'a' }), thing(0.26 - i * 0.02, { label: 'b' })]);
      return s;
    },
    'start0 start1',
  ],
  [
    'seen but not accepted it is not gone, and ends by off_after_ms',
    {},
    (s) => {
      s.see(0, [thing(0.1)]);
      for (let second = 1; second <= 6; second++) s.see(second, [thing(0.1, { accepted: false })]);
      return s;
    },
    'start0 end0:over',
  ],
  [
    'out of its zone for a moment it goes on',
    {},
    (s) => {
      s.see(0, [thing(0.1)]);
      for (let second = 1; second <= 4; second++) s.see(second, [thing(0.1, { accepted: false })]);
      return s.see(5, [thing(0.1)]);
    },
    'start0',
  ],
  [
    'what was never accepted has no event',
    {},
    (s) => s.see(0, [thing(0.1, { accepted: false })]).see(1, [thing(0.1, { accepted: false })]),
    '',
  ],
  [
    'where when is false nothing begins, and all that is seen stays the same',
    {},
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(1, [thing(0.1), thing(0.5)], { holds: false })
        .see(2, [thing(0.1)]),
    'start0',
  ],
  [
    'each must hold for on_after_ms',
    { onAfterMs: 1000 },
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(0.5, [thing(0.1), thing(0.5)])
        .see(1, [thing(0.1), thing(0.5)]),
    'start0',
  ],
  [
    'one that was missed on the way begins anew',
    { onAfterMs: 1000 },
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(0.5, [])
        .see(1, [thing(0.1)]),
    '',
  ],
  [
    'patience shorter than the gap ends it first',
    { offAfterMs: 500 },
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(0.5, [])
        .see(1, [])
        .see(1.5, [thing(0.1)]),
    'start0 end0:over start1',
  ],
  [
    'each cools by itself',
    { offAfterMs: 0, cooldownMs: 3000 },
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(1, [thing(0.1, { accepted: false })])
        .see(2, [thing(0.1), thing(0.5)])
        .see(3, [thing(0.1)])
        .see(4, [thing(0.1)]),
    'start0 end0:over start1 end1:over start2',
  ],
  [
    'updates are of one thing',
    { updateEveryMs: 1000 },
    (s) =>
      s
        .see(0, [thing(0.1)])
        .see(0.5, [thing(0.1), thing(0.5)])
        .see(1, [thing(0.1), thing(0.5)]),
    'start0 start1 update0',
  ],
  [
    'a silence ends all, once',
    {},
    (s) =>
      s
        .see(0, [thing(0.1), thing(0.5)])
        .look(60)
        .look(61)
        .look(62),
    'start0 start1 end0:silence end1:silence',
  ],
  ['also where a capture comes before the timer', {}, (s) => s.see(0, [thing(0.1)]).see(100, [thing(0.1)]), 'start0 end0:silence start1'],
  ['the timer is silent where nothing is followed', {}, (s) => s.see(0, []).look(1000), ''],
];

for (const [name, change, act, expected] of table) {
  test(name, (t) => {
    t.equal(act(new Scene(change)).phases, expected);
    t.end();
  });
}

test('an overtaken capture turns nothing', (t) => {
  const scene = new Scene({ offAfterMs: 0 }).see(0, [thing(0.1)]).see(1, [thing(0.1)], { seq: 3 });
  const before = scene.state;
  t.same(scene.see(0.5, [thing(0.5)], { seq: 2 }).state, before);
  t.equal(scene.phases, 'start0');
  t.end();
});

test('two that begin with one capture have two ids, also when one began to be followed earlier', (t) => {
  t.equal(new Set(new Scene().see(0, [thing(0.1), thing(0.5)]).told.map(({ id }) => id)).size, 2);
  const scene = new Scene({ offAfterMs: 0, cooldownMs: 500 });
  scene
    .see(0, [thing(0.1)])
    .see(0.2, [thing(0.1, { accepted: false })])
    .see(0.8, [thing(0.1), thing(0.5)]);
  t.equal(scene.phases, 'start0 end0:over start1 start2');
  t.end();
});

test('at most so many things are followed, the first ones; what is beyond is counted and begins when there is room', (t) => {
  const crowd = Array.from({ length: limits.tracksMax + 3 }, (_, i) => thing(i));
  const scene = new Scene().see(0, crowd).see(1, crowd);
  t.equal(scene.told.length, limits.tracksMax);
  t.equal(scene.untracked, 6);
  t.equal(scene.state?.tracks.length, limits.tracksMax);
  scene.see(2, crowd.slice(5)).see(4.5, crowd.slice(5));
  t.equal(scene.told.filter(({ phase }) => phase === 'start').length, limits.tracksMax + 3);
  const bytes = JSON.stringify(scene.state).length;
  t.ok(bytes < limits.tracksMax * 1024, `${bytes} bytes are written with a capture`);
  t.comment(`${bytes} bytes for ${scene.state?.tracks.length} things`);
  t.end();
});

test('a reboot of the board takes no time, and nobody is gone by it', (t) => {
  const scene = new Scene().see(5000, [thing(0.1)]).see(5001, [thing(0.1)]);
  scene.kernel = 2;
  scene.boot = 2;
  scene.seq = 0;
  scene.see(3, [thing(0.1)]).see(4, [thing(0.1)]);
  t.equal(scene.phases, 'start0');
  scene.see(5, []).see(8, []);
  t.match(scene.told.at(-1), { phase: 'end', durationMs: 3000 }, '1 s before, 2 s after');
  t.end();
});

test('what is followed no more ends, once', (t) => {
  const { state } = new Scene().see(0, [thing(0.1), thing(0.5)]);
  if (state === null) throw new Error('there is no state');
  const step = lapseThings(state, null, { monoMs: 1000, kernel: 1 }, 0);
  t.match(step.tellings, [{ end: { reason: 'removed' } }, { end: { reason: 'removed' } }]);
  t.same(lapseThings(step.state, null, { monoMs: 1000, kernel: 1 }, 0).tellings, []);
  t.end();
});

const rulesArbitrary = fc.record({
  onAfterMs: fc.constantFrom(0, 0, 600, 2000),
  offAfterMs: fc.nat(4000),
  cooldownMs: fc.nat(4000),
  updateEveryMs: fc.nat(3000),
});
const momentArbitrary = fc.record({
  gapMs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 900 }) }, { weight: 1, arbitrary: fc.nat(90_000) }),
  score: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
});

test('a thing that is always in sight has the events that it would have alone before the input', (t) => {
  let told = 0;
  fc.assert(
    fc.property(rulesArbitrary, fc.array(momentArbitrary, { minLength: 20, maxLength: 60, size: 'max' }), (own, moments) => {
      // Gaps within the silence only, so that no track is lost by them.
      const scene = new Scene({ ...own, track: { minIou: 0.3, maxGapMs: 60_000 } });
      let state: EventState | null = null;
      const alone: Telling[] = [];
      let ms = 1000;
      for (const { gapMs, score } of moments) {
        ms += Math.min(gapMs, 59_000);
        scene.see(ms / 1000, [thing(0.1, { score: score ?? 0.1, accepted: score !== null }), thing(0.5, { accepted: false })]);
        const captureId = `c1-${scene.seq}`;
        const mark = {
          captureId,
          resultId: `r-${captureId}`,
          capturedAt: new Date(ms).toISOString(),
          clockSynced: true,
          boot: 1,
          seq: scene.seq,
        };
        const sighting = { ...mark, monoMs: ms, holds: score !== null, score, labels: score === null ? [] : ['person'] };
        const step = sight(state, sighting, own, { monoMs: ms, kernel: 1 }, names);
        state = step.state;
        alone.push(...step.tellings);
      }
      told += alone.length;
      const plain = ({ id: _, box: __, ...rest }: Telling) => rest;
      t.same(scene.told.map(plain), alone.map(plain));
      return true;
    }),
    { numRuns: 200 },
  );
  t.ok(told > 500, `${told} messages were compared`);
  t.end();
});

test('whatever is seen, events are well nested, ids are never used twice and nobody shares a box', (t) => {
  let starts = 0;
  const things = fc.array(fc.record({ x: fc.nat(8), accepted: fc.boolean(), label: fc.constantFrom('a', 'b') }), { maxLength: 5 });
  const step = fc.record({
    gapMs: fc.oneof({ weight: 9, arbitrary: fc.nat(1500) }, { weight: 1, arbitrary: fc.nat(200_000) }),
    things,
    act: fc.constantFrom('see', 'see', 'see', 'look', 'reboot', 'overtaken'),
  });
  fc.assert(
    fc.property(rulesArbitrary, fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (own, steps) => {
      const scene = new Scene(own);
      let ms = 1000;
      for (const { gapMs, things: seen, act } of steps) {
        ms += gapMs;
        if (act === 'reboot') [scene.kernel, scene.boot, scene.seq, ms] = [scene.kernel + 1, scene.boot + 1, 0, gapMs];
        else if (act === 'look') scene.look(ms / 1000);
        else {
          const all = seen.map(({ x, accepted, label }) => thing(x * 0.05, { accepted, label }));
          scene.see(ms / 1000, all, act === 'overtaken' && scene.seq > 0 ? { seq: scene.seq } : {});
        }
        const numbers = scene.state?.tracks.map(({ number }) => number) ?? [];
        if (new Set(numbers).size !== numbers.length) return false;
      }
      const open = new Map<string, Telling>();
      const ended = new Set<string>();
      for (const telling of scene.told) {
        const before = open.get(telling.id);
        if (telling.phase === 'start') {
          if (before !== undefined || ended.has(telling.id) || telling.number !== 0) return false;
          starts++;
        } else if (before === undefined || telling.number !== before.number + 1) return false;
        if (telling.box === undefined || telling.tally.labels.length !== 1) return false;
        if (telling.phase === 'end') ended.add(telling.id);
        if (telling.phase === 'end') open.delete(telling.id);
        else open.set(telling.id, telling);
      }
      const kept = scene.state?.tracks.flatMap((track) => track.open?.id ?? []) ?? [];
      return JSON.stringify(kept.sort()) === JSON.stringify([...open.keys()].sort());
    }),
    { numRuns: 300 },
  );
  t.ok(starts > 1000, `${starts} events were looked at`);
  t.end();
});
