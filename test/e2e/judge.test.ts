/**
 * A judge that cannot say no is worth nothing: each promise is broken once, by hand.
 */
import { test } from 'tap';
import { type History, judge } from './judge.js';

const message = (id: string, more: { topic?: string; body?: string; reasonCode?: number } = {}) => ({
  topic: more.topic ?? 'acme/shoal/dock-7/result/signs/inbox',
  payload: Buffer.from(JSON.stringify({ id, body: more.body ?? `about ${id}` })),
  reasonCode: more.reasonCode ?? 0,
});
const all = (...ids: string[]) => ids.map((id) => message(id));

function history(more: Partial<History>): History {
  const ids = ['a', 'b', 'c', 'd'];
  return { expected: ids, commitOrder: ids, acked: all(...ids), received: all(...ids), ...more };
}

const violations = (more: Partial<History>) => judge(history(more)).violations;

test('a clean history has no violation, with duplicates, other topics and late repeats too', (t) => {
  t.same(violations({}), []);
  const repeats = all('a', 'b', 'a', 'b', 'c', 'd', 'b');
  const verdict = judge(history({ acked: repeats, received: [...repeats, message('x', { topic: 'acme/shoal/dock-7/status' })] }));
  t.same(verdict, { violations: [], delivered: 4, duplicates: 3, lostByBroker: 0 });
  t.end();
});

test('a result that was never acknowledged is missing', (t) => {
  t.same(violations({ acked: all('a', 'b', 'd') }), ['missing: c was never acknowledged']);
  t.end();
});

test('a negative acknowledgement is none', (t) => {
  t.same(violations({ acked: [...all('a', 'b', 'c'), message('d', { reasonCode: 0x97 })] }), ['missing: d was never acknowledged']);
  t.end();
});

test('an id with other bytes is found among acknowledgements, among arrivals, and across both', (t) => {
  const other = message('b', { body: 'else' });
  const expected = ['changed: b came with two different payloads'];
  t.same(violations({ acked: [...all('a', 'b', 'c', 'd'), other] }), expected);
  t.same(violations({ received: [...all('a', 'b', 'c', 'd'), other] }), expected);
  t.same(violations({ received: [message('a'), other, ...all('c', 'd')] }), expected);
  t.end();
});

test('first deliveries out of the order of the commits are found, also across pipelines of one input', (t) => {
  t.same(violations({ acked: all('a', 'c', 'b', 'd') }), ['order: b was first acknowledged after c (dock-7 result inbox)']);
  t.same(violations({ received: all('b', 'a', 'c', 'd') }), ['order: a was first received after b (dock-7 result inbox)']);
  const faces = message('a', { topic: 'acme/shoal/dock-7/result/faces/inbox' });
  t.same(violations({ received: [message('b'), faces, ...all('c', 'd')] }), ['order: a was first received after b (dock-7 result inbox)']);
  t.end();
});

test('order is promised for each lane and each input by itself', (t) => {
  const backlog = message('a', { topic: 'acme/shoal/dock-7/backlog/signs/inbox' });
  t.same(violations({ received: [message('b'), backlog, ...all('c', 'd')] }), []);
  const camera = message('a', { topic: 'acme/shoal/dock-7/result/signs/camera' });
  t.same(violations({ received: [message('b'), camera, ...all('c', 'd')] }), []);
  t.end();
});

test('an id nobody committed is invented, and a payload that is no result is one of those', (t) => {
  t.same(violations({ received: all('a', 'b', 'c', 'd', 'e') }), ['invented: e was never committed']);
  const garbage = { topic: 'shoal/dock-7/result/signs/inbox', payload: Buffer.from('{') };
  t.match(violations({ received: [...all('a', 'b', 'c', 'd'), garbage] }), [/^invented: unreadable/]);
  t.end();
});

test('an acknowledged result that never arrived is a violation only behind a broker that cannot forget', (t) => {
  t.same(violations({ received: all('a', 'b', 'd') }), []);
  t.equal(judge(history({ received: all('a', 'b', 'd') })).lostByBroker, 1);
  t.same(violations({ received: all('a', 'b', 'd'), brokerDurable: true }), ['lost: c was acknowledged and never arrived']);
  t.end();
});

test('a thousand violations are told in a few lines', (t) => {
  const ids = Array.from({ length: 1000 }, (_, i) => `r${i}`);
  const told = judge({ expected: ids, commitOrder: ids, acked: [], received: [] }).violations;
  t.equal(told.length, 6);
  t.equal(told[5], '... and 995 more of this kind');
  t.end();
});
