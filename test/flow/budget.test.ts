import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import type { Pressure } from '../../src/core/pressure.js';
import { Budget } from '../../src/flow/budget.js';

const calm: Pressure = { steps: 0, reason: null };
const hot = { steps: 1, reason: 'it is hot' };

function budget(budgetMs: number | null): Budget {
  const cheaper = ['a', 'b'].map((step) => ({ steps: [step], stages: [] }));
  const report = { trace: 'summary' } as const;
  const spec: PipelineSpec = { name: 'p', from: [], reads: [], stages: [], budgetMs, hangMs: 1, priority: 5, report, sinks: [], cheaper };
  return new Budget(spec);
}

/** A capture each 100 ms, each measured at what its way costs; answers the level of each. */
function levels(of: Budget, fromMs: number, count: number, costs: readonly number[], spentMs = 0, pressure = calm): number[] {
  return Array.from({ length: count }, (_, i) => {
    const nowMs = fromMs + i * 100;
    const { level } = of.choose(spentMs, pressure, nowMs);
    of.measured(level, costs[level] ?? 0, nowMs);
    return level;
  });
}

test('what does not fit the budget runs in the first way that does, and says so', async (t) => {
  const of = budget(300);
  t.same(levels(of, 0, 4, [400, 200, 100]), [0, 1, 1, 1]);
  t.match(of.way.why, /as configured it takes up to 500 ms here, and budget_ms is 300$/);
  const narrow = budget(150);
  t.same(levels(narrow, 0, 4, [400, 200, 100]), [0, 1, 2, 2]);
  t.match(narrow.way.why, /with 1 step it takes up to 250 ms here, and budget_ms is 150/);
  const never = budget(50);
  t.same(levels(never, 0, 4, [400, 200, 100]), [0, 1, 2, 2], 'the cheapest, where none fits');
  t.same(levels(budget(1000), 0, 4, [400, 200, 100]), [0, 0, 0, 0]);
  t.same(levels(budget(null), 0, 4, [400, 200, 100]), [0, 0, 0, 0], 'without a budget nothing is too dear');
});

test('it tries the better way when nobody has measured it lately, less and less often while that fails', async (t) => {
  const of = budget(300);
  const seen = levels(of, 0, 6000, [400, 200, 100]);
  const tries = seen.flatMap((level, i) => (level === 0 && i > 0 ? [i / 10] : []));
  t.ok(tries.length >= 3 && tries.length <= 12, `${tries.length} tries in ten minutes`);
  const gaps = tries.slice(1).map((at, i) => at - (tries[i] ?? 0));
  t.ok((gaps.at(-1) ?? 0) > 2 * (gaps[0] ?? 0), `${gaps.join(', ')} s between them`);
  const cured = levels(of, 600_000, 3000, [150, 100, 50]);
  t.equal(cured.at(-1), 0, 'and stays when it fits again');
  t.equal(
    cured.slice(cured.indexOf(0)).every((level) => level === 0),
    true,
  );
});

test('captures that come seldom do not make it flap', async (t) => {
  for (const everyMs of [1000, 9000, 20_000, 60_000]) {
    const of = budget(300);
    let late = 0;
    for (let i = 0; i < 200; i++) {
      const { level } = of.choose(0, calm, i * everyMs);
      if (level === 0) late++;
      of.measured(level, level === 0 ? 400 : 200, i * everyMs);
    }
    t.ok(late <= 100 * (everyMs / 60_000) + 12, `one each ${everyMs} ms: ${late} of 200 in the dear way`);
  }
});

test('a late capture raises what a way is thought to cost, and never lowers it', async (t) => {
  const of = budget(300);
  of.measured(0, 400, 0);
  of.measured(0, 5, 100, true);
  t.equal(of.choose(0, calm, 200).level, 1);
});

test('waiting that counts makes it cheaper at once, and it is itself again two seconds after the queue is gone', async (t) => {
  const of = budget(300);
  t.equal(levels(of, 0, 20, [200, 100, 50]).at(-1), 0);
  t.equal(levels(of, 2000, 50, [200, 100, 50], 160).at(-1), 1);
  t.match(of.way.why, /of which 140 ms were left/);
  const after = levels(of, 7000, 60, [200, 100, 50]);
  t.equal(after[0], 0, 'the hold is over by then');
  t.equal(
    after.every((level) => level === 0),
    true,
  );
});

test('pressure makes it cheaper without any budget, with its reason, and it goes back when the board is well', async (t) => {
  const of = budget(null);
  t.equal(levels(of, 0, 5, [200, 100, 50], 0, hot).at(-1), 1);
  t.equal(of.way.why, 'it is hot');
  t.equal(levels(of, 500, 5, [200, 100, 50], 0, { steps: 7, reason: 'very' }).at(-1), 2, 'not beyond what it has');
  const back = levels(of, 1000 + limits.degradeHoldFirstMs, 60, [200, 100, 50]);
  t.same([back[0], back.at(-1)], [1, 0]);
});
