/**
 * What a pipeline told on change says, from the reporter to the store: what is new, and nothing else.
 */
import { test } from 'tap';
import type { Explanation } from '../../src/core/contracts.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import type { Observation } from '../../src/core/result.js';
import { golden, validator } from '../support/published-schema.js';
import { Corridor } from '../support/report-corridor.js';
import { doors, everyMs } from '../support/walk.js';

const lines = (...texts: string[]): Record<string, Observation[]> => ({ faces: texts.map((text) => ({ score: 0.9, text })) });

test('told on change: what is new, what is not sure and what is taken back, over restarts; failures always', async (t) => {
  const signs: PipelineSpec = {
    ...doors,
    abstain: 'false',
    report: { when: 'faces.size() > 0', onChange: { updateEveryMs: 0 }, trace: 'none' },
  };
  const corridor = new Corridor(`${t.testdir()}/shoal.db`);
  t.teardown(() => corridor.stop());
  await corridor.restart([signs]);
  const schema = await validator('result-1');
  const bodyOf = ({ payload }: Explanation) => {
    const body = JSON.parse(payload) as Record<string, unknown>;
    t.ok(schema(body), JSON.stringify(schema.errors));
    return body;
  };
  const [owed, none] = [[{ sink: 'lan', state: 'owed' }], []];
  t.match(await corridor.find(signs, lines()), { outcome: 'silent', reason: 'report.when is false: faces.size() > 0', deliveries: none });
  const first = await corridor.find(signs, lines('EXIT', 'A'));
  t.match(first, { outcome: 'published', reason: null, deliveries: owed });
  t.match(bodyOf(first), { outcome: 'published', holds: true });
  const same = await corridor.find(signs, lines('A', 'EXIT'));
  t.match(same, { outcome: 'silent', reason: `it says the same as ${first.id}`, deliveries: none });
  t.match(bodyOf(same), { outcome: 'silent', reason: `it says the same as ${first.id}`, same_as: first.id, holds: true });
  await corridor.restart([signs]);
  t.match(await corridor.find(signs, lines('EXIT', 'A')), { outcome: 'silent', deliveries: none }, 'a restart repeats nothing');
  t.match(await corridor.find(signs, {}, { state: 'failed', error: { code: 'X', message: 'broken' } }), {
    outcome: 'failed',
    deliveries: owed,
  });
  t.match(await corridor.find(signs, lines('EXIT', 'A')), { outcome: 'silent' }, 'a failure says nothing');
  const unsure = await corridor.find(signs, lines('EXIT'), { state: 'abstained' });
  t.match(unsure, { outcome: 'abstained', deliveries: owed });
  t.match(bodyOf(unsure), { holds: false });
  t.match(await corridor.find(signs, lines('EXIT'), { state: 'abstained' }), {
    outcome: 'silent',
    reason: `it says the same as ${unsure.id} (abstain is true: false)`,
    deliveries: none,
  });
  const again = await corridor.find(signs, lines('A', 'EXIT'));
  t.match(again, { outcome: 'published', deliveries: owed });
  const back = await corridor.find(signs, lines());
  const reason = `it is no longer as ${again.id} said (report.when is false: faces.size() > 0)`;
  t.match(back, { outcome: 'published', reason, deliveries: owed });
  await golden(t, 'result-1.taken-back', Buffer.from(back.payload));
  t.match(bodyOf(back), { outcome: 'published', reason, holds: false, same_as: undefined });
  t.match(await corridor.find(signs, lines()), { outcome: 'silent', deliveries: none });
});

test('told again after so long, and told outside its hours not at all, what was said then least', async (t) => {
  const beating: PipelineSpec = { ...doors, report: { onChange: { updateEveryMs: 3 * everyMs }, trace: 'none' } };
  const corridor = new Corridor(`${t.testdir()}/shoal.db`);
  t.teardown(() => corridor.stop());
  await corridor.restart([beating]);
  const outcomes: string[] = [];
  for (let i = 0; i < 7; i++) outcomes.push((await corridor.find(beating, lines('A'))).outcome);
  t.same(outcomes, ['published', 'silent', 'silent', 'published', 'silent', 'silent', 'published']);
  const all = await corridor.store.owed('lan', 0, 128);
  const bodies = all.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()));
  t.match(bodies[1], { outcome: 'published', same_as: bodies[0].id, reason: /told again/, holds: true });
  // The walk begins on a Thursday, at midnight.
  const active = { days: ['fri'], from: '00:00', to: '24:00', time_zone: 'UTC' } as const;
  const asleep: PipelineSpec = { ...beating, report: { ...beating.report, active } };
  await corridor.restart([asleep]);
  t.match(await corridor.find(asleep, lines('B')), { outcome: 'silent', reason: /^it is outside report.active/ });
  await corridor.restart([beating]);
  t.match(await corridor.find(beating, lines('A')), { outcome: 'silent' }, 'what was found meanwhile was not said');
});
