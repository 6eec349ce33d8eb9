import { test } from 'tap';
import { bestOf, errorsOf } from '../../src/compile/best-of.js';

interface Given {
  readonly ratio: number;
  readonly errors: number;
  readonly kept?: boolean;
  readonly floatShare?: number;
  readonly failure?: string;
}

function attempt(name: string, { ratio, errors, kept = false, floatShare = 0, failure }: Given) {
  const spread = { median: 1, min: 1, max: 1 };
  const scores = [{ errors, total: 100 }];
  const measured = { name, scores, cpuMs: spread, wallMs: spread, memoryBytes: 0 };
  const verdict = { kept, reason: '', loss: 0, bound: 0, cpuRatio: failure === undefined ? ratio : Number.NaN };
  return { name, floatShare, verdict, evaluation: failure === undefined ? measured : { ...measured, failure } };
}

const cases: readonly (readonly [string, Readonly<Record<string, Given>>])[] = [
  ['kept before refused, however accurate', { best: { ratio: 0.9, errors: 3, kept: true }, other: { ratio: 0.4, errors: 0 } }],
  [
    'the most accurate of those nearly as fast as the fastest',
    {
      fastest: { ratio: 0.4, errors: 3, kept: true },
      best: { ratio: 0.45, errors: 1, kept: true },
      slower: { ratio: 0.5, errors: 0, kept: true },
    },
  ],
  [
    'of refused ones the most accurate that is faster than the float',
    {
      slow: { ratio: 1.1, errors: 0 },
      best: { ratio: 0.9, errors: 4 },
      worse: { ratio: 0.3, errors: 5 },
    },
  ],
  [
    'of equal ones that with less in float',
    {
      more: { ratio: 0.4, errors: 1, kept: true, floatShare: 0.3 },
      best: { ratio: 0.44, errors: 1, kept: true, floatShare: 0.1 },
    },
  ],
  ['any that runs before one that does not', { broken: { ratio: 0.1, errors: 0, failure: 'no kernel' }, best: { ratio: 2, errors: 9 } }],
  ['the first where none runs', { best: { ratio: 1, errors: 0, failure: 'no kernel' }, other: { ratio: 1, errors: 0, failure: 'none' } }],
];
for (const [what, given] of cases) {
  test(`the best of several is ${what}`, (t) => {
    const all = Object.entries(given).map(([name, one]) => attempt(name, one));
    t.equal(bestOf([null, ...all])?.name, 'best');
    const order = what === 'the first where none runs' ? all : [...all].reverse();
    t.equal(bestOf(order)?.name, 'best', 'in any order');
    t.end();
  });
}

test('of none there is no best, and what gave no answer has endless errors', (t) => {
  t.equal(bestOf([]), null);
  t.equal(bestOf([null]), null);
  for (const nothing of [null, undefined, attempt('broken', { ratio: 1, errors: 0, failure: 'no kernel' })])
    t.equal(errorsOf(nothing), Number.POSITIVE_INFINITY);
  t.equal(errorsOf(attempt('one', { ratio: 1, errors: 3 })), 3);
  t.end();
});
