import { test } from 'tap';
import type { Capture, StreamPlace } from '../../src/core/capture.js';
import type { Engines } from '../../src/core/contracts.js';
import type { EngineAnswer, EngineJob } from '../../src/core/job.js';
import { limits } from '../../src/core/limits.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { Receipt, type Settlement } from '../../src/core/receipt.js';
import type { Stateful } from '../../src/core/task.js';
import { waitingRules } from '../../src/core/waiting.js';
import { Reporter } from '../../src/flow/report.js';
import { Schedule } from '../../src/flow/schedule.js';
import { StreamStates } from '../../src/flow/stream-states.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { storeOptions } from '../../src/store/options.js';
import { SqliteStore } from '../../src/store/store.js';
import { job, Lab, pipeline, setup, stage } from '../support/engine-lab.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const listening = (gaps: Stateful['gaps'] = 'reset', name = 'p', options = {}): PipelineSpec =>
  pipeline(name, [stage('remember', options, { as: 'said', stateful: { gaps } })], { reads: ['text'], from: ['mic'] });

function headerAt(place: StreamPlace | undefined, source?: string) {
  const { header } = job([]);
  const where = { ...(place === undefined ? {} : { stream: place }), ...(source === undefined ? {} : { source }) };
  return { ...header, input: 'mic', kind: 'text', mediaType: 'text/plain', ...where } as const;
}

const at = (from: number, to: number, id = 's1'): StreamPlace => ({ id, from, to });

const answerOf = (state: string | null, failed = false): EngineAnswer => ({
  pipelines: [
    {
      pipeline: 'p',
      state: failed ? 'failed' : 'done',
      observations: {},
      stages: [],
      ...(state === null ? {} : { states: { said: Buffer.from(state) } }),
    },
  ],
  decodeMs: 0,
  waitedMs: 0,
  totalMs: 0,
});

/** What the stage goes on with at a place. */
function asked(states: StreamStates, place: StreamPlace | undefined, specs = [listening()], source?: string) {
  const given = states.before(headerAt(place, source), specs)?.p?.said;
  return given === undefined ? null : [given.state === null ? null : Buffer.from(given.state).toString(), given.how];
}

test('a state goes on to the window it leads up to, and to no other', (t) => {
  const states = new StreamStates([listening()]);
  t.equal(asked(states, undefined), null, 'a capture that stands for itself is given nothing');
  t.strictSame(asked(states, at(0, 10)), [null, 'fresh']);
  states.answered(headerAt(at(0, 10)), [listening()], answerOf('one'));
  t.strictSame(asked(states, at(10, 20)), ['one', 'continued']);
  t.strictSame(asked(states, at(11, 20)), [null, 'reset: there is a gap before it']);
  t.strictSame(asked(states, at(5, 15)), [null, 'reset: it overlaps the window before']);
  t.strictSame(asked(states, at(10, 20, 's2')), [null, 'reset: the stream began anew']);
  t.match(asked(states, at(10, 20), [listening('reset', 'p', { gaps: 'x' })]), [null, /^reset: another model or other options/]);
  t.strictSame(asked(states, at(10, 20), [listening()], 'elsewhere'), [null, 'fresh'], 'each source has its own');
  t.end();
});

test('a gap is bridged where the task says that it may be, a new stream is not', (t) => {
  const specs = [listening('bridge')];
  const states = new StreamStates(specs);
  states.answered(headerAt(at(0, 1)), specs, answerOf('one'));
  t.strictSame(asked(states, at(7, 8), specs), ['one', 'continued']);
  t.strictSame(asked(states, at(7, 8, 's2'), specs), [null, 'reset: the stream began anew']);
  t.end();
});

test('what failed or was lost leaves the last good state, which does not lead up to what follows', (t) => {
  const specs = [listening()];
  const states = new StreamStates(specs);
  states.answered(headerAt(at(0, 10)), specs, answerOf('one'));
  states.answered(headerAt(at(10, 20)), specs, answerOf(null, true));
  t.strictSame(asked(states, at(20, 30)), [null, 'reset: the window before it failed']);
  states.lost(headerAt(at(10, 20)), specs, 'killed');
  t.strictSame(asked(states, at(20, 30)), [null, 'reset: killed']);
  t.strictSame(asked(states, at(10, 20)), ['one', 'continued'], 'the same window again would go on');
  states.answered(headerAt(at(20, 30)), specs, answerOf('two'));
  t.strictSame(asked(states, at(30, 40)), ['two', 'continued'], 'and it is forgotten with the next good one');
  states.answered(headerAt(at(10, 20)), specs, answerOf('late'));
  t.strictSame(asked(states, at(30, 40)), ['two', 'continued'], 'one that comes late changes nothing');
  t.end();
});

test('the states of more streams than the limit are forgotten, the longest quiet first', (t) => {
  const specs = [listening()];
  const states = new StreamStates(specs);
  for (let i = 0; i <= limits.streamStatesMax; i++) states.answered(headerAt(at(0, 1), `${i}`), specs, answerOf('x'));
  t.strictSame(asked(states, at(1, 2), specs, '0'), [null, 'fresh']);
  t.strictSame(asked(states, at(1, 2), specs, '1'), ['x', 'continued']);
  t.end();
});

test('only streams that something is kept of are looked at in order', (t) => {
  const states = new StreamStates([listening(), pipeline('q', [stage('remember')], { from: ['other'] })]);
  states.begin(headerAt(at(0, 1)));
  t.notOk(states.mayGo(headerAt(at(1, 2))));
  t.ok(states.mayGo(headerAt(at(1, 2), 'another source')));
  t.ok(states.mayGo(headerAt(undefined)), 'what stands for itself waits for nobody');
  const other = { ...headerAt(at(0, 1)), input: 'other' };
  states.begin(other);
  t.ok(states.mayGo(other));
  t.ok(states.end(headerAt(at(0, 1))) && states.mayGo(headerAt(at(1, 2))));
  t.notOk(states.end(headerAt(at(0, 1))), 'twice changes nothing');
  t.end();
});

test('windows go one after the other through two engines; one that dies takes its window along, and the next begins afresh', async (t) => {
  const around = testSurroundings();
  const specs = [listening()];
  const store = new SqliteStore(`${t.testdir()}/shoal.db`, storeOptions.parse({ commit_interval_ms: 1 }), around, () => {});
  await store.start([]);
  const pool = new Lab(setup(around, specs, { count: 2 }));
  await pool.start();
  await until('both engines are ready', () => pool.pids.length === 2 && pool.free(true));
  const said: string[] = [];
  let running = 0;
  let most = 0;
  /** The real engines; what they were asked and answered is noted. */
  const engines: Engines = {
    start: () => pool.start(),
    stop: (ms) => pool.stop(ms),
    free: (solo) => pool.free(solo),
    watch: (onFree) => pool.watch(onFree),
    run: (asked) => pool.run(asked),
    async runBatch(jobs: readonly EngineJob[]) {
      most = Math.max(most, ++running);
      try {
        const answers = await pool.runBatch(jobs);
        for (const {
          pipelines: [answer],
        } of answers)
          said.push(`${answer?.observations.said?.[0]?.label} (${answer?.stages[0]?.stream})`);
        return answers;
      } finally {
        running--;
      }
    },
  };
  const reporter = new Reporter({ device: 'd', configHash: 'h', worthTelling: await compileWorthTelling(specs, () => {}) });
  const waiting = () => waitingRules('keep_latest', { when_full: 'drop_newest', max_waiting: 64 });
  const schedule = new Schedule({
    ...around,
    pipelines: specs,
    engines,
    store,
    reporter,
    waiting,
    pressure: () => ({ steps: 0, reason: null }),
  });
  schedule.start();
  const settled: Settlement[] = [];
  const words = ['a', 'b', 'c', 'crash', 'd', 'e', 'alone'];
  for (const [i, word] of words.entries()) {
    const place = word === 'alone' ? undefined : at(i, i + 1);
    const capture: Capture = { header: headerAt(place), content: { bytes: Buffer.from(word) } };
    await schedule.offer(capture, new Receipt((settlement) => settled.push(settlement)));
  }
  await until('all are settled', () => settled.length === words.length);
  schedule.stop();
  await schedule.drained();
  await pool.stop(1000);
  await store.stop();
  const inOrder = said.filter((each) => !each.startsWith('alone'));
  t.match(inOrder.slice(0, 3), ['a (fresh)', 'ab (continued)', 'abc (continued)']);
  t.match(inOrder[3], /^d \(reset: the window before it was lost: the engine died: it was ended by SIGKILL/);
  t.equal(inOrder[4], 'de (continued)');
  t.ok(said.some((each) => each.startsWith('alone: alone')));
  t.match(
    settled.map((each) => (each.kind === 'stored' ? each.outcomes[0]?.outcome : each.kind)).filter((outcome) => outcome === 'failed'),
    ['failed'],
  );
  t.ok(most <= 2, 'the window that stands for itself may run beside one of the stream');
});
