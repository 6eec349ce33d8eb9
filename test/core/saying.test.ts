/**
 * Goal: a result is told when it says something else than the one told last, and never otherwise.
 * Method: tables of what is said, capture by capture, against the pure machine; then random captures and reboots against the plain rule.
 */
import fc from 'fast-check';
import { test } from 'tap';
import type { Observation } from '../../src/core/result.js';
import { type ChangeRules, judgeSaying, nothingSaid, notSure, type SaidState, wordsOf } from '../../src/core/saying.js';

class Listener {
  state: SaidState | null = null;
  seq = 0;
  boot = 1;
  kernel = 1;
  readonly rules: ChangeRules;
  /** For each capture: what is told, or `-`; `=N` where it says the same as capture N. */
  readonly told: string[] = [];

  constructor(updateEveryMs = 0) {
    this.rules = { updateEveryMs };
  }

  hear(second: number, what: string, seq = ++this.seq): this {
    const saying = { resultId: `r${seq}`, boot: this.boot, seq, monoMs: second * 1000, what };
    const judged = judgeSaying(this.state, saying, this.rules, { monoMs: second * 1000, kernel: this.kernel });
    this.state = JSON.parse(JSON.stringify(judged.state)) as SaidState;
    this.told.push(`${judged.isTold ? what : '-'}${judged.sameAs === null ? '' : `=${judged.sameAs.slice(1)}`}`);
    return this;
  }

  /** One capture a second. */
  all(...said: string[]): string {
    for (const what of said) this.hear(this.told.length, what);
    return this.told.join(' ');
  }
}

test('what is said again is not told, what changes is, and what is taken back', (t) => {
  t.equal(new Listener().all('a', 'a', 'b', 'b', 'a'), 'a -=1 b -=3 a');
  t.equal(new Listener().all('a', nothingSaid, nothingSaid, 'a'), `a ${nothingSaid} -=2 a`);
  t.equal(new Listener().all(notSure, notSure, 'a', notSure), `${notSure} -=1 a ${notSure}`);
  t.equal(new Listener().all(nothingSaid, nothingSaid, 'a'), '- - a', 'before anything was told there is nothing to take back');
  t.end();
});

test('the same is told again after so long, whatever it is', (t) => {
  t.equal(new Listener(2000).all('a', 'a', 'a', 'a', 'b', 'b', 'b'), 'a -=1 a=1 -=3 b -=5 b=5');
  t.equal(new Listener(2000).all(nothingSaid, nothingSaid, nothingSaid), `${nothingSaid} -=1 ${nothingSaid}=1`);
  t.end();
});

test('an overtaken capture is not told and changes nothing', (t) => {
  const listener = new Listener();
  listener.hear(0, 'a', 5).hear(1, 'b', 4).hear(2, 'a', 6);
  t.equal(listener.told.join(' '), 'a - -=5');
  listener.boot = 2;
  t.equal(listener.hear(3, 'b', 1).told.at(-1), 'b', 'a later start counts anew');
  t.end();
});

test('over a reboot of the board it goes on, and the time until a repetition stands still', (t) => {
  const listener = new Listener(10_000).hear(5000, 'a').hear(5004, 'a');
  [listener.kernel, listener.boot, listener.seq] = [2, 2, 0];
  listener.hear(100, 'a').hear(105, 'a').hear(106, 'a');
  t.equal(listener.told.join(' '), 'a -=1 -=1 -=1 a=1', '4 s before, 6 s after');
  t.end();
});

const said = (...words: (Partial<Observation> & { score?: number })[]) =>
  wordsOf([['lines', words.map((word) => ({ score: 0.5, ...word }))]]);

test('the words are the labels and texts, each as often; not their scores, places or order', (t) => {
  const box = { x_min: 0, y_min: 0, x_max: 1, y_max: 1 };
  t.equal(said({ text: 'A' }, { text: 'B' }), said({ text: 'B', score: 0.9, box }, { text: 'A', values: { yaw_deg: 1 } }));
  const different = [
    said(),
    said({ text: 'A' }),
    said({ text: 'A' }, { text: 'A' }),
    said({ label: 'A' }),
    said({ label: 'A', text: 'A' }),
    said({}),
    said({}, {}),
    said({ text: '' }),
    said({ text: 'A\nB' }),
    said({ text: 'A","B' }),
    wordsOf([['others', [{ score: 0.5, text: 'A' }]]]),
  ];
  t.equal(new Set(different).size, different.length, 'and each of these says something else');
  t.equal(wordsOf([['lines', []]]), wordsOf([]), 'a stage that did not run says as much as one that found nothing');
  t.end();
});

test('whatever comes, a result is told exactly when it differs from the one told last', (t) => {
  const step = fc.record({
    what: fc.constantFrom('a', 'b', nothingSaid, notSure),
    act: fc.constantFrom('hear', 'hear', 'hear', 'reboot', 'restart'),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const listener = new Listener();
      let last = nothingSaid;
      for (const [i, { what, act }] of steps.entries()) {
        if (act !== 'hear')
          [listener.boot, listener.seq, listener.kernel] = [listener.boot + 1, 0, listener.kernel + (act === 'reboot' ? 1 : 0)];
        const isTold = !(listener.hear(i, what).told.at(-1) ?? '').startsWith('-');
        if (isTold !== (what !== last)) return false;
        if (isTold) last = what;
      }
      return true;
    }),
  );
  t.end();
});
