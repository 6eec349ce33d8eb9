import { test } from 'tap';
import type { EngineJob, StageState } from '../../src/core/job.js';
import { limits } from '../../src/core/limits.js';
import { readReply } from '../../src/engine/protocol.js';
import { job, Lab, pipeline, run, setup, stage } from '../support/engine-lab.js';
import { testSurroundings } from '../support/surroundings.js';

const remember = (as = 'said') => stage('remember', {}, { as, stateful: { gaps: 'reset' } });
const talks = (name: string, ...stages: readonly ReturnType<typeof stage>[]) => pipeline(name, stages, { reads: ['text'] });

function window(text: string, states?: EngineJob['states']): Partial<EngineJob> {
  const { header } = job([]);
  return {
    header: { ...header, kind: 'text', mediaType: 'text/plain' },
    content: { bytes: Buffer.from(text) },
    ...(states === undefined ? {} : { states }),
  };
}

const fresh: StageState = { state: null, how: 'fresh' };
const after = (text: string): StageState => ({ state: Buffer.from(text), how: 'continued' });
const words = (state: Uint8Array | undefined) => (state === undefined ? undefined : Buffer.from(state).toString());

test('a stateful stage goes on from what it kept, and its trace says so', async (t) => {
  const first = (await run([talks('p', remember())], window('a', { p: { said: fresh } }))).pipelines[0];
  t.match(first, { state: 'done', observations: { said: [{ label: 'a' }] }, stages: [{ stream: 'fresh' }] });
  t.equal(words(first?.states?.said), 'a');
  const second = (await run([talks('p', remember())], window('b', { p: { said: after('a') } }))).pipelines[0];
  t.match(second, { observations: { said: [{ label: 'ab' }] }, stages: [{ stream: 'continued' }] });
  t.equal(words(second?.states?.said), 'ab');
});

test('a capture that is no window of a stream stands for itself', async (t) => {
  const [alone] = (await run([talks('p', remember())], window('a'))).pipelines;
  t.match(alone, { observations: { said: [{ label: 'alone: a' }] } });
  t.notOk(alone !== undefined && 'states' in alone);
  t.notOk('stream' in (alone?.stages[0] ?? {}));
});

test('two pipelines share a stage only where they go on from the same', async (t) => {
  const pipelines = [talks('a', remember('x')), talks('b', remember('y')), talks('c', remember('z'))];
  const states = { a: { x: after('1') }, b: { y: after('1') }, c: { z: after('2') } };
  const [a, b, c] = (await run(pipelines, window('.', states))).pipelines;
  t.match(a?.stages, [{ state: 'ran' }]);
  t.match(b?.stages, [{ state: 'skipped: shared with a' }]);
  t.match(c?.stages, [{ state: 'ran' }]);
  t.strictSame([words(a?.states?.x), words(b?.states?.y), words(c?.states?.z)], ['1.', '1.', '2.'], 'each has its own to go on with');
});

test('what one stage keeps is bounded, and what a failed one would have kept is not kept', async (t) => {
  const [huge] = (await run([talks('p', remember())], window('huge', { p: { said: fresh } }))).pipelines;
  t.match(huge, { state: 'failed', error: { code: 'INFERENCE', message: /keeps 65537 bytes, 65536 bytes may go/ } });
  const [broken] = (await run([talks('p', remember())], window('throw', { p: { said: fresh } }))).pipelines;
  t.match(broken, { state: 'failed', stages: [{ stream: 'fresh' }] });
  t.notOk(broken !== undefined && 'states' in broken);
  const later = talks('p', remember(), stage('nobody', {}, { as: 'rest' }));
  const [failed] = (await run([{ ...later, reads: ['text'] }], window('a', { p: { said: fresh } }))).pipelines;
  t.equal(failed?.state, 'failed');
  t.equal(words(failed?.states?.said), 'a', 'a later failure takes nothing of an earlier stage');
});

test('an engine is not believed a state of the wrong kind or size', (t) => {
  const reply = (states: unknown) => ({
    type: 'answer',
    seq: 0,
    rssBytes: 1,
    answers: [
      { pipelines: [{ pipeline: 'p', state: 'done', observations: {}, stages: [], states }], decodeMs: 0, waitedMs: 0, totalMs: 0 },
    ],
  });
  t.ok(readReply(reply({ said: new Uint8Array(limits.stateBytesMax) })));
  t.throws(() => readReply(reply({ said: new Uint8Array(limits.stateBytesMax + 1) })), {
    code: 'ENGINE_PROTOCOL',
    message: /65536 bytes of state/,
  });
  t.throws(() => readReply(reply({ said: 'words' })), { code: 'ENGINE_PROTOCOL' });
  t.throws(() => readReply(reply([new Uint8Array(1)])), { code: 'ENGINE_PROTOCOL' });
  t.end();
});

test('a state goes through the channel both ways, so any engine goes on', async (t) => {
  const pools = [1, 2].map(() => new Lab(setup(testSurroundings(), [talks('p', remember())])));
  for (const pool of pools) await pool.start();
  t.teardown(() => Promise.all(pools.map((pool) => pool.stop(1000))));
  let state: StageState = fresh;
  for (const [i, word] of ['a', 'b', 'c'].entries()) {
    const answer = await pools[i % 2]?.submit({ ...job(['p']), ...window(word, { p: { said: state } }) });
    const kept = answer?.pipelines[0]?.states?.said;
    t.ok(kept instanceof Uint8Array);
    state = { state: kept ?? null, how: 'continued' };
  }
  t.equal(words(state.state ?? undefined), 'abc');
});
