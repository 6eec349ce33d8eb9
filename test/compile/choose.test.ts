import { test } from 'tap';
import { judge, pairedLoss } from '../../src/compile/choose.js';
import type { Evaluation, SampleScore } from '../../src/core/workbench.js';

const scores = (errors: (sample: number) => number, samples = 200): SampleScore[] =>
  Array.from({ length: samples }, (_, i) => ({ errors: errors(i), total: 20 }));

function evaluation(cpu: number, errors: (sample: number) => number): Evaluation {
  const spread = { median: cpu, min: cpu, max: cpu };
  return { name: 'one', scores: scores(errors), cpuMs: spread, wallMs: spread, memoryBytes: 0 };
}

const original = evaluation(20, (i) => (i % 10 === 0 ? 1 : 0));
const fused = evaluation(13, (i) => (i % 10 === 0 ? 1 : 0));

test('what is faster and as accurate is kept', async (t) => {
  const verdict = judge(
    evaluation(6, (i) => (i % 10 === 0 && i !== 10 ? 1 : i === 11 ? 1 : 0)),
    fused,
    original,
    0.0025,
  );
  t.match(verdict, { kept: true, loss: 0, reason: /^kept: it takes 46\.2 % of the CPU of the fused float/ });
  t.ok(verdict.bound > 0 && verdict.bound <= 0.0025, `bound ${verdict.bound}`);
});

test('what is less accurate is refused, however fast', async (t) => {
  const verdict = judge(
    evaluation(1, (i) => (i % 5 === 0 ? 1 : 0)),
    fused,
    original,
    0.0025,
  );
  t.match(verdict, { kept: false, loss: 0.005, reason: /^refused: at most .* allowed are 0\.25 %$/ });
});

test('a loss that is small by chance only is refused', async (t) => {
  // Two lines of two hundred went wrong altogether, two others right: the mean is nothing, the bound is not.
  const verdict = judge(
    evaluation(6, (i) => (i === 7 ? 20 : i % 10 === 0 && i > 180 ? 0 : i % 10 === 0 ? 1 : 0)),
    fused,
    original,
    0.0025,
  );
  t.ok(verdict.loss < 0.006, `loss ${verdict.loss}`);
  t.equal(verdict.kept, false);
});

test('what is no faster than the fused float is refused', async (t) => {
  const same = (i: number): number => (i % 10 === 0 ? 1 : 0);
  t.match(judge(evaluation(12.9, same), fused, original, 0.0025), { kept: false, reason: /no gain here/ });
  t.match(judge(evaluation(12.5, same), fused, original, 0.0025), { kept: true });
});

test('what could not run is refused with the reason', async (t) => {
  const broken = { ...evaluation(1, () => 0), scores: [], failure: 'two nodes with the same name' };
  t.match(judge(broken, fused, original, 1), { kept: false, reason: /cannot be judged: two nodes with the same name/ });
});

test('the bound is the same at every call, and wider for fewer samples', async (t) => {
  const few = pairedLoss(
    scores((i) => i % 2, 20),
    scores(() => 0, 20),
  );
  t.strictSame(
    few,
    pairedLoss(
      scores((i) => i % 2, 20),
      scores(() => 0, 20),
    ),
  );
  const many = pairedLoss(
    scores((i) => i % 2, 2000),
    scores(() => 0, 2000),
  );
  t.equal(few.loss, many.loss);
  t.ok(few.bound > many.bound && many.bound > many.loss);
});
