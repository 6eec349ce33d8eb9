/**
 * Goal: events of one pipeline and input never overlap, start and end once, and are what a person would say happened.
 * Method: tables of moments against the pure machine; then random captures, gaps, reboots and clocks against what must always hold.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { type EventNow, type EventRules, type EventState, lapse, type Sighting, sight, type Telling } from '../../src/core/event.js';
import { eventId } from '../../src/core/id.js';

const rules: EventRules = { onAfterMs: 0, offAfterMs: 2000, cooldownMs: 0, updateEveryMs: 0 };
const names = ['doors', 'cam'] as const;

class Machine {
  state: EventState | null = null;
  readonly told: Telling[] = [];
  kernel = 1;
  boot = 1;
  seq = 0;
  readonly rules: EventRules;

  constructor(change: Partial<EventRules> = {}) {
    this.rules = { ...rules, ...change };
  }

  /** A capture at so many seconds; with a score it holds. */
  see(second: number, score: number | null, more: Partial<Sighting> & { nowMs?: number } = {}): this {
    const seq = more.seq ?? ++this.seq;
    const captureId = `c${this.boot}-${seq}`;
    const capturedAt = new Date(1_700_000_000_000 + second * 1000).toISOString();
    const { nowMs = second * 1000, ...change } = more;
    const base = { captureId, resultId: `r-${captureId}`, capturedAt, clockSynced: true, boot: this.boot, seq, monoMs: second * 1000 };
    const sighting = { ...base, holds: score !== null, score, labels: score === null ? [] : ['person'], ...change };
    const step = sight(this.state, sighting, this.rules, { monoMs: nowMs, kernel: this.kernel }, names);
    this.state = step.state;
    this.told.push(...step.tellings);
    return this;
  }

  /** The timer looks. */
  look(second: number, sinceSecond = 0): this {
    if (this.state === null) return this;
    const step = lapse(this.state, this.rules, { monoMs: second * 1000, kernel: this.kernel }, sinceSecond * 1000);
    this.state = step.state;
    this.told.push(...step.tellings);
    return this;
  }

  get phases(): string {
    return this.told.map(({ phase, end }) => (end === null ? phase : `${phase}:${end.reason}`)).join(' ');
  }
}

test('an event starts with the first capture that holds and ends when none has held for off_after_ms', (t) => {
  const machine = new Machine().see(0, null).see(1, 0.7).see(2, 0.9).see(3, 0.6).see(4, null).see(5, null).see(6, null).see(7, null);
  t.equal(machine.phases, 'start end:over');
  const [start, end] = machine.told;
  t.equal(start?.id, eventId('doors', 'cam', 'c1-2'));
  t.equal(end?.id, start?.id, 'one id');
  t.match(end, { number: 1, durationMs: 3000, end: { mark: { captureId: 'c1-5' } }, first: { captureId: 'c1-2' } });
  t.match(end?.tally, { captures: 6, held: 3, worst: 0.6, best: 0.9, bestCapture: { captureId: 'c1-3' }, labels: ['person'] });
  t.end();
});

const table: [string, Partial<EventRules>, (machine: Machine) => Machine, string][] = [
  ['a moment hidden is no end', {}, (m) => m.see(0, 1).see(1, null).see(2, 1).see(3, null).see(4, 1), 'start'],
  [
    'without patience each gap ends it',
    { offAfterMs: 0 },
    (m) => m.see(0, 1).see(1, null).see(2, 1).see(3, null),
    'start end:over start end:over',
  ],
  ['what holds too shortly never starts', { onAfterMs: 3000 }, (m) => m.see(0, 1).see(2, 1).see(2.5, null).see(3, 1).see(5, 1), ''],
  ['what holds long enough does', { onAfterMs: 3000 }, (m) => m.see(0, 1).see(2, 1).see(3, 1), 'start'],
  [
    'none starts while it cools',
    { offAfterMs: 0, cooldownMs: 5000 },
    (m) => m.see(0, 1).see(1, null).see(2, 1).see(5.9, 1),
    'start end:over',
  ],
  [
    'and one does afterwards',
    { offAfterMs: 0, cooldownMs: 5000 },
    (m) => m.see(0, 1).see(1, null).see(2, 1).see(6, 1),
    'start end:over start',
  ],
  [
    'updates keep their distance',
    { updateEveryMs: 2000 },
    (m) => m.see(0, 1).see(1, 1).see(2, 1).see(3, 1).see(4.5, 1),
    'start update update',
  ],
  ['an update needs something that holds', { updateEveryMs: 1000 }, (m) => m.see(0, 1).see(1.5, null).see(2, null), 'start'],
  ['a silent input ends it', {}, (m) => m.see(0, 1).look(59).look(60).look(61), 'start end:silence'],
  ['but not while a patient rule waits', { offAfterMs: 600_000 }, (m) => m.see(0, 1).look(599), 'start'],
  ['a capture after a silence ends one and starts another', {}, (m) => m.see(0, 1).see(100, 1), 'start end:silence start'],
  ['a run does not reach over a silence', { onAfterMs: 5000 }, (m) => m.see(0, 1).see(100, 1).see(104, 1), ''],
  ['the timer is silent when nothing is open', {}, (m) => m.see(0, null).look(1000), ''],
];

for (const [name, change, act, expected] of table) {
  test(name, (t) => {
    t.equal(act(new Machine(change)).phases, expected);
    t.end();
  });
}

test('a silence counts from the start of the daemon, not from before it', (t) => {
  const machine = new Machine().see(0, 1).look(150, 100);
  t.equal(machine.phases, 'start', 'it listened for 50 s');
  t.equal(machine.look(161, 100).phases, 'start end:silence');
  t.end();
});

test('what waited in a queue is no silence: it counts from when a capture was heard of', (t) => {
  t.equal(new Machine().see(0, 1, { nowMs: 50_000 }).look(100).phases, 'start');
  t.end();
});

test('a reboot of the board takes no time: the event goes on under its id, and its clock is not believed', (t) => {
  const machine = new Machine({ updateEveryMs: 1000 }).see(5000, 1).see(5001, 0.5);
  machine.kernel = 2;
  machine.boot = 2;
  machine.seq = 0;
  machine.see(3, 0.8).see(5, null).see(7.5, null);
  t.equal(machine.phases, 'start update end:over');
  t.equal(new Set(machine.told.map(({ id }) => id)).size, 1);
  t.equal(machine.told.at(-1)?.durationMs, 3000, '1 s before, 2 s after');
  t.end();
});

test('a reboot with nothing before the camera ends by silence', (t) => {
  const machine = new Machine().see(5000, 1);
  machine.kernel = 2;
  t.equal(machine.look(30, 10).phases, 'start');
  t.equal(machine.look(71, 10).phases, 'start end:silence');
  t.end();
});

test('an overtaken capture is counted and turns nothing', (t) => {
  const machine = new Machine({ offAfterMs: 0 }).see(0, 0.5).see(2, 0.6, { seq: 3 }).see(1, null, { seq: 2 });
  t.equal(machine.phases, 'start', 'no end');
  t.equal(machine.state?.run?.tally.captures, 3);
  machine.see(1, 0.9, { seq: 2 });
  t.match(machine.state?.run?.tally, { held: 3, best: 0.9 });
  machine.see(1, 1, { seq: 0 });
  t.equal(machine.state?.run?.tally.captures, 4, 'one from before the event is not counted');
  t.end();
});

test('what is watched no more ends, once', (t) => {
  const { state } = new Machine().see(0, 1);
  if (state === null) throw new Error('there is no state');
  const step = lapse(state, null, { monoMs: 1000, kernel: 1 }, 0);
  t.match(step.tellings, [{ phase: 'end', end: { reason: 'removed' } }]);
  t.same(lapse(step.state, null, { monoMs: 1000, kernel: 1 }, 0).tellings, []);
  t.end();
});

test('labels are bounded', (t) => {
  const machine = new Machine();
  for (let i = 0; i < 50; i++) machine.see(i / 10, 1, { labels: [`label-${i}`] });
  t.equal(machine.state?.run?.tally.labels.length, 16);
  t.end();
});

const stepArbitrary = fc.record({
  act: fc.constantFrom('see', 'see', 'see', 'see', 'look', 'reboot', 'restart', 'overtaken'),
  gapMs: fc.oneof({ weight: 8, arbitrary: fc.nat(3000) }, { weight: 1, arbitrary: fc.nat(200_000) }),
  score: fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1, noNaN: true })),
});
const rulesArbitrary = fc.record({
  onAfterMs: fc.nat(4000),
  offAfterMs: fc.oneof(fc.nat(4000), fc.constant(90_000)),
  cooldownMs: fc.nat(8000),
  updateEveryMs: fc.nat(6000),
});

test('whatever comes, events are well nested: one start, numbered updates, one end, never two open, none too early', (t) => {
  let [starts, ends] = [0, 0];
  fc.assert(
    fc.property(rulesArbitrary, fc.array(stepArbitrary, { minLength: 20, maxLength: 80, size: 'max' }), (own, steps) => {
      const machine = new Machine(own);
      const atMs: number[] = [];
      let now: EventNow = { monoMs: 1000, kernel: 1 };
      for (const { act, gapMs, score } of steps) {
        now = { ...now, monoMs: now.monoMs + gapMs };
        if (act === 'reboot') now = { monoMs: gapMs, kernel: now.kernel + 1 };
        if (act === 'reboot' || act === 'restart') [machine.boot, machine.seq, machine.kernel] = [machine.boot + 1, 0, now.kernel];
        else if (act === 'look') machine.look(now.monoMs / 1000);
        else machine.see(now.monoMs / 1000, score, act === 'overtaken' && machine.seq > 0 ? { seq: machine.seq } : {});
        while (atMs.length < machine.told.length) atMs.push(machine.state?.lastMs ?? 0);
        // As it is kept: through JSON.
        machine.state = JSON.parse(JSON.stringify(machine.state));
      }
      let open: Telling | null = null;
      const ids = new Set<string>();
      for (const telling of machine.told) {
        if (telling.phase === 'start') {
          if (open !== null || ids.has(telling.id) || telling.number !== 0 || telling.durationMs < own.onAfterMs) return false;
          ids.add(telling.id);
          starts++;
        } else if (open === null || telling.id !== open.id || telling.number !== open.number + 1) return false;
        if (telling.tally.held < 1 || telling.tally.held > telling.tally.captures || telling.durationMs < 0) return false;
        open = telling.phase === 'end' ? null : telling;
        if (telling.phase === 'end') ends++;
      }
      return (machine.state?.open ?? null)?.id === open?.id;
    }),
    { numRuns: 500 },
  );
  t.ok(starts > 500 && ends > 300, `${starts} starts and ${ends} ends were looked at`);
  t.end();
});
