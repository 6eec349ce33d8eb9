import { test } from 'tap';
import { compileAcceptance, compileCondition } from '../../src/core/condition.js';
import type { ConditionError } from '../../src/core/condition-error.js';
import { limits } from '../../src/core/limits.js';
import type { Observation } from '../../src/core/result.js';

const lines: Observation[] = [
  { score: 0.9, text: 'EXIT', label: 'line', box: { x_min: 0.5, y_min: 0, x_max: 1, y_max: 1 }, segment: { start_s: 1, end_s: 2.5 } },
  { score: 1, label: 'python', group: 'code', values: { yaw_deg: 31.5 } },
];
const compile = (text: string) => compileCondition(text, { lines: 'list' });

test('conditions answer over the observations of the stages', async (t) => {
  const cases: [string, boolean][] = [
    ['lines.exists(l, l.score >= 0.5)', true],
    ['lines.exists(l, l.score > 1)', false],
    ['lines.exists(l, l.score == 1)', true],
    ['lines.exists(l, 1 == l.score)', true],
    ['lines.all(l, l.score > 0.95)', false],
    ['size(lines) == 2 && lines[0].text == "EXIT"', true],
    ['lines[0].box.x_min * 2 > 0', true],
    ['2 * 0.5 == 1 && 1 + 0.5 == 1.5 && 1 - 0.5 < 1 && 3 / 2.0 > 1 && 3 % 2.0 == 1.0', true],
    ['lines[0].segment.end_s - lines[0].segment.start_s > 1', true],
    ['lines.filter(l, has(l.text)).size() == 1', true],
    ['lines[1].values.yaw_deg > 30', true],
    ['lines[1].values["yaw_deg"] * 2 > 100', false],
    ['lines.exists(l, has(l.values) && l.values.yaw_deg < -30.0)', false],
    ['lines[1].group == "code" && "yaw_deg" in lines[1].values', true],
    ['lines.exists(l, has(l.text) && l.text.startsWith("EX"))', true],
  ];
  for (const [text, holds] of cases) t.same((await compile(text)).evaluate({ lines }), { holds, trouble: null }, text);
});

test('what is not there makes a condition false, and the verdict says so', async (t) => {
  const asksText = await compile('lines.all(l, l.text != "")');
  t.same(asksText.evaluate({ lines }), { holds: false, trouble: { kind: 'missing', message: 'No such key: text' } });
  const beyond = (await compile('lines[7].score > 0.5')).evaluate({ lines });
  t.match(beyond, { holds: false, trouble: { kind: 'missing', message: /index 7/ } });
  t.match((await compile('lines[1].values.roll_deg > 0')).evaluate({ lines }), {
    holds: false,
    trouble: { kind: 'missing', message: /roll_deg/ },
  });
  t.match((await compile('lines.size() / 0 > 1')).evaluate({ lines }), { holds: false, trouble: { kind: 'failed' } });
});

test('a stage that did not run has no observations', async (t) => {
  t.same((await compile('lines.size() == 0')).evaluate({}), { holds: true, trouble: null });
});

test('a condition that cannot be used is refused with the place and what to do', async (t) => {
  const cases: [string, RegExp][] = [
    ['liens.size() > 0', /"liens" is no stage before this condition at line 1, column 1; did you mean lines\?/],
    ['lines.exists(l,\n  l.txt == "a")', /"txt" is no field of it at line 2, column 5; did you mean text\?/],
    ['lines.exists(l, l.score > "a")', /double > string at line 1, column 17/],
    ['1 + 2', /gives int, need true or false/],
    ['', /ends too early/],
    ['lines.size(', /ends too early at line 1, column 12/],
    ['lines[0].text.matches("^(a+)+$")', /matches\(\) is not available at line 1, column 1; use ==/],
    ['lines.exists(l, lines.exists(m, lines.exists(n, l.score < m.score + n.score)))', /nested more than 2 deep/],
    [`${'('.repeat(40)}true${')'.repeat(40)}`, /maxDepth/],
    [`true${' || true'.repeat(limits.conditionNodesMax)}`, /maxAstNodes|maxDepth/],
    [`true || "${'x'.repeat(limits.conditionCharsMax)}" == ""`, /characters long/],
    ['lines[0].constructor == 1', /"constructor" is no field/],
  ];
  for (const [text, message] of cases) {
    const error = await compile(text).then(
      () => null,
      (thrown: ConditionError) => thrown,
    );
    t.equal(error?.code, 'CONFIG_INVALID', text.slice(0, 60));
    t.match(error?.message, message);
  }
});

test('a nested condition over very many observations is cut, not slow', async (t) => {
  const many = Array.from({ length: limits.observationsMax }, (_, i) => ({ score: i / limits.observationsMax }));
  const nested = await compile('lines.all(a, lines.all(b, a.score + b.score < 3.0))');
  const start = performance.now();
  const verdict = nested.evaluate({ lines: many });
  t.ok(performance.now() - start < 1000, 'bounded');
  t.match(verdict, { holds: true, trouble: { kind: 'cut', message: /2000 observations; the condition looked at the first 128/ } });
  t.match((await compile('lines.exists(a, a.score > 0.99)')).evaluate({ lines: many }), { holds: true, trouble: null });
});

test('a condition says which stages it speaks of, and refuses by name those that have not run', async (t) => {
  const both = await compileCondition('b.size() > 0 && a.exists(x, x.score > 0.5)', { a: 'list', b: 'list', c: 'list' });
  t.same(both.stages, ['a', 'b'], 'in the order of the pipeline');
  t.same((await compile('1 < 2')).stages, []);
  t.same((await compile('lines.exists(other, other.score > 0.5)')).stages, ['lines'], 'what a macro binds is no stage');
  await t.rejects(
    compileCondition('c.size() > 0', { a: 'list' }, { later: ['b', 'c'] }),
    /"c" has not run yet at this condition at line 1, column 1/,
  );
});

test('an acceptance answers over the fields of one observation', async (t) => {
  const [exit, python] = lines as [Observation, Observation];
  const cases: [string, Observation, boolean][] = [
    ['score >= 0.80', exit, true],
    ['score >= 1', exit, false],
    ['text == "EXIT" && label == "line"', exit, true],
    ['text.size() >= 4', exit, true],
    ['box.x_min > 0.4 && segment.end_s - segment.start_s > 1', exit, true],
    ['values.yaw_deg < 40', python, true],
    ['group == "code" && values["yaw_deg"] > 40.0', python, false],
    ['score >= 0.95 || text == "EXIT"', exit, true],
  ];
  for (const [text, observation, holds] of cases) {
    t.same((await compileAcceptance(text)).evaluate(observation), { holds, trouble: null }, text);
  }
  t.same((await compileAcceptance('text == "EXIT"')).evaluate(python), {
    holds: false,
    trouble: { kind: 'missing', message: 'No such field: text' },
  });
  t.equal((await compileAcceptance('score > 0.5')).looks, true);
  t.equal((await compileAcceptance('1 == 1')).looks, false);
});

test('an acceptance that cannot be used is refused with the place and what to do', async (t) => {
  const cases: [string, RegExp][] = [
    ['scroe > 0.5', /"scroe" is no field of an observation at line 1, column 1; did you mean score\?/],
    ['score', /gives double, need true or false/],
    ['score > "high"', /double > string/],
    ['values.exists(a, values.exists(b, values[a] > values[b]))', /may not be nested/],
    ['text.matches("a+")', /matches\(\) is not available/],
    ['box.x_mni > 0.5', /"x_mni" is no field of it .*did you mean x_min\?/],
    ['x'.repeat(limits.conditionCharsMax + 1), /characters long/],
  ];
  for (const [text, message] of cases) await t.rejects(compileAcceptance(text), { code: 'CONFIG_INVALID', message });
});
