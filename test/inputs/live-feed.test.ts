/**
 * The corridor's end of a live input, with the real clock.
 */
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { LiveFeed } from '../../src/inputs/live/feed.js';
import { liveContext, TakingCorridor } from '../contracts/live-input-contract.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const line = (text: string) => ({ name: text, bytes: Buffer.from(`${text}\n`) });

test('a header says when and by whose clock', async (t) => {
  const corridor = new TakingCorridor();
  const feed = new LiveFeed('x', { piece: 'line', silentMs: null }, liveContext(`${t.testdir({})}/ledger`, testSurroundings()));
  feed.start(corridor.offer);
  feed.push({ ...line('hello there'), source: 'a/b', retained: true, deviceMs: Date.UTC(2020, 0, 1), stream: { id: 's', from: 0, to: 1 } });
  feed.push(line('again and again'));
  feed.stop();
  const [first, second] = corridor.taken.map(({ capture }) => capture.header);
  t.match(first, {
    name: 'hello there',
    kind: 'text',
    mediaType: 'text/plain',
    source: 'a/b',
    retained: true,
    bytes: 12,
    stream: { id: 's', from: 0, to: 1 },
  });
  t.equal(first?.capturedAt, '2020-01-01T00:00:00.000Z');
  t.notOk(second !== undefined && ('source' in second || 'retained' in second || 'stream' in second));
  t.ok(Math.abs(Date.parse(second?.capturedAt ?? '') - Date.now()) < 5000);
});

test('what is offered and not accepted is bounded, the rest is counted, and room is told', async (t) => {
  const around = testSurroundings();
  const feed = new LiveFeed('x', { piece: 'line', silentMs: null }, liveContext(`${t.testdir({})}/ledger`, around));
  const held: (() => void)[] = [];
  feed.start(() => new Promise((resolve) => held.push(resolve)));
  const returned: string[] = [];
  for (let i = 0; i < limits.liveOffersMax + 5; i++) feed.push({ ...line(`number ${i}`), onSettled: ({ kind }) => returned.push(kind) });
  t.equal(held.length, limits.liveOffersMax);
  t.equal(around.value('shoal_input_skipped_total', { input: 'x', reason: 'busy' }), 5);
  t.same(returned, ['returned', 'returned', 'returned', 'returned', 'returned']);
  const waiting = feed.untilRoom();
  held[0]?.();
  await waiting;
  t.ok(feed.push(line('one more')));
  const forever = feed.untilRoom();
  feed.stop();
  await forever;
  t.notOk(feed.push(line('late')), 'a stopped feed takes nothing');
});

test('silence is trouble, said once, and ends with the next word', async (t) => {
  const around = testSurroundings();
  const feed = new LiveFeed('x', { piece: 'frame', silentMs: 60 }, liveContext(`${t.testdir({})}/ledger`, around));
  const health = () => around.states.get('input:x');
  feed.start(new TakingCorridor().offer);
  t.equal(health()?.state, 'starting');
  feed.heard();
  t.equal(health()?.state, 'ok');
  await until('it is told', () => health()?.state === 'down');
  t.match(health()?.reason, /^no frame for/);
  feed.trouble('the cable is out');
  feed.trouble('the cable is out');
  t.equal(health()?.reason, 'the cable is out');
  await new Promise((resolve) => setTimeout(resolve, 150));
  t.equal(health()?.reason, 'the cable is out', 'silence does not hide why');
  feed.heard();
  t.equal(health()?.state, 'ok');
  feed.stop();
  t.same(
    around.lines.map(({ level }) => level),
    ['warn', 'warn', 'info'],
  );
});

test('a source that is made to wait is not silent', async (t) => {
  const around = testSurroundings();
  const feed = new LiveFeed('x', { piece: 'line', silentMs: 60 }, liveContext(`${t.testdir({})}/ledger`, around));
  const held: (() => void)[] = [];
  feed.start(() => new Promise((resolve) => held.push(resolve)));
  feed.heard();
  for (let i = 0; i < limits.liveOffersMax; i++) feed.push(line(`number ${i}`));
  t.notOk(feed.room);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.equal(around.states.get('input:x')?.state, 'ok');
  held[0]?.();
  await until('with room again, silence is told', () => around.states.get('input:x')?.state === 'down');
  feed.stop();
});

test('a source that is being opened may take its time; one that stays silent is told again and again', async (t) => {
  const around = testSurroundings();
  const told: string[] = [];
  const options = { piece: 'frame', silentMs: 50, onSilent: (reason: string) => told.push(reason) };
  const feed = new LiveFeed('x', options, liveContext(`${t.testdir({})}/ledger`, around));
  feed.start(new TakingCorridor().offer);
  feed.opened();
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.same([told, around.states.get('input:x')?.state], [[], 'starting']);
  feed.heard();
  await until('it is told twice', () => told.length >= 2);
  t.equal(told[0], 'no frame for 50 ms');
  t.equal(around.lines.filter(({ level }) => level === 'warn').length, 1, 'logged once');
  feed.stop();
});

test('a source that speaks and cannot be used is not silent', async (t) => {
  const clock = { nowMs: 0, monoMs: () => clock.nowMs, wallMs: () => Date.now(), synced: () => true };
  const around = testSurroundings(clock);
  const told: string[] = [];
  const options = { piece: 'picture', silentMs: 20, onSilent: (reason: string) => told.push(reason) };
  const feed = new LiveFeed('x', options, liveContext(`${t.testdir({})}/ledger`, around));
  feed.start(new TakingCorridor().offer);
  feed.trouble('the very same picture');
  for (let i = 0; i < 10; i++) {
    clock.nowMs += 15;
    feed.seen();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  t.same([told, around.states.get('input:x')?.reason], [[], 'the very same picture']);
  clock.nowMs += 21;
  await until('it is silent now', () => told.length > 0);
  feed.stop();
});
