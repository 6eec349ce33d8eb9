/**
 * `npm run bench -- conditions`: what a condition costs, CPU per evaluation, over 1 to 2,000 observations.
 *
 * The usual ones of docs/pipelines.md, and the dearest that the limits let through: as long as is read, over every observation, and with
 * one macro in another. None can be answered early: every observation is looked at. Compiling is done once and not counted.
 */
import { type Condition, compileAcceptance, compileCondition } from '../src/core/condition.js';
import { limits } from '../src/core/limits.js';
import type { Observation } from '../src/core/result.js';
import { type Figure, figure, median } from './figure.js';

const counts = [1, 20, 200, limits.observationsMax];

/** Evaluations are repeated until they took this long. */
const roundMs = 100;
const rounds = 5;

/** A condition of repeated parts, `inner` joined by &&, with as many as are let through. */
async function longest(around: (inner: string) => string, part: string): Promise<Condition> {
  let last: Condition | null = null;
  for (let parts = 1; ; parts++) {
    const text = around(Array.from({ length: parts }, () => part).join(' && '));
    const next: Condition | null = await compileCondition(text, { lines: 'list' }).catch(() => null);
    if (next !== null) last = next;
    else if (last === null) throw new Error(`no length of this is let through: ${text}`);
    else return last;
  }
}

function observations(count: number): Observation[] {
  return Array.from({ length: count }, (_, i) => ({
    score: 0.5 + (i % 50) / 100,
    text: `line ${i} of a page`,
    box: { x_min: 0.1, y_min: 0.1, x_max: 0.5, y_max: 0.2 },
    values: { yaw_deg: i % 90 },
    of: i,
  }));
}

function cpuUs(evaluate: () => void): number {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    let runs = 0;
    const before = process.cpuUsage();
    const end = performance.now() + roundMs;
    do {
      evaluate();
      runs++;
    } while (performance.now() < end);
    const { user, system } = process.cpuUsage(before);
    // The first round is for the compiler.
    if (round > 0) times.push((user + system) / runs);
  }
  return median(times);
}

export async function conditions(): Promise<Figure[]> {
  const over = (text: string) => compileCondition(text, { lines: 'list' });
  const acceptance = await compileAcceptance('score >= 0.8');
  const asked: (readonly [name: string, evaluate: (found: readonly Observation[]) => void])[] = [
    ['accept, one by one: score >= 0.8', (found) => found.forEach((each) => void acceptance.evaluate(each))],
  ];
  const add = (name: string, condition: Condition) => asked.push([name, (lines) => void condition.evaluate({ lines })]);
  add('lines.size() > 0', await over('lines.size() > 0'));
  add('lines.exists(l, l.score >= 2.0)', await over('lines.exists(l, l.score >= 2.0)'));
  add('text and score, without a hit', await over("lines.exists(l, l.text.contains('Lot') && l.score >= 0.8)"));
  add('longest with one macro', await longest((inner) => `lines.all(l, ${inner})`, 'l.box.x_min + 0.1 < l.box.x_max'));
  add('longest with a macro in a macro', await longest((inner) => `lines.all(l, lines.all(m, ${inner}))`, 'l.box.x_min < m.box.x_max'));
  return counts.flatMap((count) => {
    const found = observations(count);
    return asked.map(([name, evaluate]) =>
      figure(
        `${name}, of ${count}`,
        cpuUs(() => evaluate(found)),
        'us',
        'lower',
      ),
    );
  });
}
