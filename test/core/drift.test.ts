/** The index and its interval on distributions that are known, drawn by a seeded chance. */
import { test } from 'tap';
import { type DriftState, driftOf, largeDrift, newDrift, stability, withValue } from '../../src/core/drift.js';
import { limits } from '../../src/core/limits.js';
import { seededRandom } from '../../src/core/random.js';

const filled = limits.driftReferenceValues + 2 * limits.driftHalfValues - 1;

function fed(draw: (i: number) => number, count: number, state: DriftState = newDrift(), edges?: readonly number[]): DriftState {
  let next = state;
  for (let i = 0; i < count; i++) next = withValue(next, draw(i), edges);
  return next;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

test('what goes on as it was does not drift; what moves does, and how far orders them', (t) => {
  const random = seededRandom(7);
  let above = 0;
  for (let run = 0; run < 60; run++) {
    const drift = driftOf(fed(() => normal(random), filled));
    t.ok((drift?.psi ?? 1) < 0.1 && (drift?.low ?? 1) < 0.02, `run ${run}: ${drift?.psi.toFixed(3)}`);
    if ((drift?.low ?? 1) > 0) above++;
  }
  t.ok(above <= 6, `${above} of 60 intervals leave out that there is none`);
  const reference = fed(() => normal(random), limits.driftReferenceValues);
  const moved = [0, 0.3, 0.7, 1.5].map(
    (by) => driftOf(fed(() => normal(random) + by, 2 * limits.driftHalfValues - 1, reference))?.psi ?? 0,
  );
  t.same(
    moved,
    [...moved].sort((a, b) => a - b),
    moved.map((psi) => psi.toFixed(3)).join(' < '),
  );
  const far = driftOf(fed(() => normal(random) + 1.5, 2 * limits.driftHalfValues - 1, reference));
  t.ok((far?.low ?? 0) > largeDrift, `the whole interval is above: ${far?.low.toFixed(2)}`);
  t.end();
});

test('the interval holds the true index in about 95 of 100 draws, without drift, with little and with much', (t) => {
  const random = seededRandom(11);
  const p = [0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05];
  const draw = (shares: readonly number[], count: number) => {
    const upTo = shares.map((_, i) => shares.slice(0, i + 1).reduce((sum, share) => sum + share, 0));
    const counts = shares.map(() => 0);
    for (let i = 0; i < count; i++) {
      const value = random();
      const bin = Math.min(upTo.filter((end) => end <= value).length, shares.length - 1);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts;
  };
  for (const q of [
    p,
    [0.06, 0.12, 0.22, 0.28, 0.18, 0.09, 0.05],
    [0.1, 0.2, 0.25, 0.2, 0.15, 0.06, 0.04],
    [0.25, 0.25, 0.2, 0.1, 0.1, 0.06, 0.04],
  ]) {
    const truth = p.reduce((sum, share, i) => sum + (share - (q[i] ?? 0)) * Math.log(share / (q[i] ?? 1)), 0);
    let held = 0;
    for (let run = 0; run < 300; run++) {
      const { low, high } = stability(draw(p, 500), draw(q, 400));
      if (low <= truth && truth <= high) held++;
    }
    t.ok(held / 300 >= 0.91, `${truth.toFixed(3)}: ${((100 * held) / 300).toFixed(1)} %`);
  }
  t.end();
});

test('what is always the same, has few values or was never seen before has bins too', (t) => {
  const same = fed(() => 42, filled);
  t.equal(driftOf(same)?.low, 0);
  for (const other of [41, 43])
    t.ok((driftOf(fed(() => other, 2 * limits.driftHalfValues, same))?.low ?? 0) > largeDrift, `42, then ${other}`);
  const counts = fed((i) => i % 3, filled);
  t.equal(driftOf(counts)?.low, 0);
  t.ok((driftOf(fed((i) => i % 2, 2 * limits.driftHalfValues, counts))?.low ?? 0) > largeDrift, 'a third value does not come any more');
  const outcomes = fed((i) => (i % 10 === 0 ? 1 : 0), filled, newDrift(), [0.5, 1.5, 2.5]);
  t.ok((driftOf(fed((i) => (i % 2 === 0 ? 2 : 0), 2 * limits.driftHalfValues, outcomes, [0.5, 1.5, 2.5]))?.low ?? 0) > largeDrift);
  t.end();
});

test('it says nothing before it knows enough, skips what is no number, and goes on from its JSON', (t) => {
  t.equal(driftOf(newDrift()), null);
  const random = seededRandom(3);
  const early = fed(() => random(), limits.driftReferenceValues + limits.driftHalfValues - 1);
  t.equal(driftOf(early), null);
  t.equal(withValue(early, Number.NaN), early);
  const [left, right] = [0.5, 0.5].map((value) => withValue(JSON.parse(JSON.stringify(early)) as DriftState, value));
  t.same(left, withValue(early, 0.5));
  t.same(driftOf(right ?? early), driftOf(withValue(early, 0.5)));
  t.ok(driftOf(right ?? early) !== null);
  const cells = early.reference.length;
  t.ok(cells <= limits.driftBins + 2 && early.learned.length === 0, `${cells} bins`);
  t.equal(
    early.reference.reduce((sum, count) => sum + count, 0),
    limits.driftReferenceValues,
  );
  t.end();
});
