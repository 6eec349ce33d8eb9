import { test } from 'tap';
import { FairQueue } from '../../src/core/fair-queue.js';
import { limits } from '../../src/core/limits.js';
import { Rate } from '../../src/core/rate.js';

const item = (input: string, priority: number, since: number) => ({ input, priority, since });

/** Takes all there is, charging each input what one of its captures costs. */
function order(queue: FairQueue<ReturnType<typeof item>>, costs: Readonly<Record<string, number>> = {}, nowMs = 0): string[] {
  const inputs: string[] = [];
  for (let next = queue.next(nowMs); next !== undefined; next = queue.next(nowMs)) {
    queue.take(next);
    queue.charge(next.input, costs[next.input] ?? 1);
    inputs.push(next.input);
  }
  return inputs;
}

test('what is urgent comes first, within it in the order of arrival', async (t) => {
  const queue = new FairQueue<ReturnType<typeof item>>();
  const [late, first, second] = [item('a', 5, 0), item('a', 1, 1), item('a', 1, 2)];
  for (const each of [late, first, second]) queue.push(each);
  t.same([queue.size, queue.waiting('a'), queue.waiting('b')], [3, 3, 0]);
  t.equal(queue.next(0), first);
  t.equal(queue.next(0), first, 'it stays until it is taken');
  queue.take(first);
  queue.take(first);
  t.equal(queue.next(0), second);
  queue.putBack(first);
  t.equal(queue.next(0), first);
  t.equal(
    queue.next(0, ({ priority }) => priority > 1),
    late,
    'one that may not go yet is passed over',
  );
  t.equal(queue.takeOldest('a'), late);
  t.same(queue.drain(), [first, second]);
  t.equal(queue.size, 0);
});

test('inputs of one priority share the engines by what their captures cost, not by how many there are', async (t) => {
  const queue = new FairQueue<ReturnType<typeof item>>();
  for (let i = 0; i < 40; i++) queue.push(item('flood', 5, i));
  for (let i = 0; i < 4; i++) queue.push(item('slow', 5, 100 + i));
  const taken = order(queue, { flood: 10, slow: 30 });
  t.equal(taken.slice(0, 16).filter((input) => input === 'slow').length, 4, 'a quarter of the turns is half of the time');
  t.same(taken.slice(-20), Array(20).fill('flood'));
  queue.push(item('flood', 5, 0));
  queue.push(item('idle', 5, 1));
  t.same(order(queue), ['flood', 'idle'], 'who comes late starts level: nothing is saved up');
  for (let i = 0; i < 50; i++) queue.charge('idle', 100);
  queue.push(item('idle', 5, 0));
  order(queue, { idle: 100 });
  for (let i = 0; i < 8; i++) queue.push(item('new', 5, 10 + i));
  for (let i = 0; i < 8; i++) queue.push(item('idle', 5, 20 + i));
  const shared = order(queue, { idle: 100, new: 100 }).slice(0, 8);
  t.ok(shared.filter((input) => input === 'idle').length >= 3, `one that worked alone before has its share: ${shared.join(' ')}`);
});

test('what waits long has a turn in so many, however busy what is urgent is, and no more', async (t) => {
  const queue = new FairQueue<ReturnType<typeof item>>();
  for (let i = 0; i < 100; i++) queue.push(item('urgent', 0, limits.agedMs + i));
  for (let i = 0; i < 20; i++) queue.push(item('old', 9, i));
  const taken = order(queue, {}, limits.agedMs + 50).slice(0, 96);
  t.equal(taken.filter((input) => input === 'old').length, Math.floor(96 / limits.agedTurns));
  const young = new FairQueue<ReturnType<typeof item>>();
  for (let i = 0; i < 40; i++) young.push(item('urgent', 0, i));
  young.push(item('old', 9, 0));
  t.equal(order(young, {}, limits.agedMs - 1).indexOf('old'), 40, 'not before it is old');
});

test('a rate lets through what is even but for jitter, and no more than its share of what is not', async (t) => {
  const jittery = new Rate(5);
  let passed = 0;
  for (let i = 0; i < 500; i++) {
    const nowMs = i * 200 + ((i * 7919) % 190) - 95;
    if (jittery.waitMs(nowMs) > 0) continue;
    jittery.take(nowMs);
    passed++;
  }
  t.equal(passed, 500);
  const flooded = new Rate(5);
  let taken = 0;
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
    if (flooded.waitMs(nowMs) > 0) continue;
    flooded.take(nowMs);
    taken++;
  }
  t.ok(taken >= 300 && taken <= 302, `${taken} in a minute`);
  t.equal(new Rate(2).waitMs(0), 0);
});
