/** Whether what was told is one event, as an operator wants it. */
import type { Test } from 'tap';
import type { Told } from './person-play.js';

export function isOneEvent(t: Test, told: readonly Told[], what: string): void {
  const count = (phase: string) => told.filter((message) => message.phase === phase).length;
  t.equal(count('start'), 1, `${what}: one start`);
  t.equal(count('end'), 1, `${what}: one end`);
  t.ok(count('update') <= 6, `${what}: ${count('update')} updates`);
  t.equal(new Set(told.map(({ id }) => id)).size, 1, `${what}: one id`);
  const numbers = [...new Set(told.map(({ number }) => number))];
  t.same(
    numbers,
    numbers.map((_, i) => i),
    `${what}: numbered`,
  );
  t.match(told.at(-1), { schema: 'shoal/event/1', phase: 'end', end_reason: 'over' });
  t.comment(`${what}: ${JSON.stringify(told.at(-1))}`);
}
