/** Drift of a pipeline over restarts, with a real file and a clock that the test moves. */
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'tap';
import { writeDurably } from '../../src/config/write-durably.js';
import { limits } from '../../src/core/limits.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { seededRandom } from '../../src/core/random.js';
import { DriftWatch } from '../../src/flow/drift-watch.js';
import { ManualClock, record } from '../support/settled.js';
import { testSurroundings } from '../support/surroundings.js';
import { doors, walkAnswer } from '../support/walk.js';

test('a change of what is seen or said shows, once in the log; what is usual is remembered over restarts and learnt anew for other models', async (t) => {
  const file = `${t.testdir()}/drift.json`;
  const clock = new ManualClock();
  const random = seededRandom(5);
  const open = async (pipelines: readonly PipelineSpec[]) => {
    const around = testSurroundings(clock);
    const watch = new DriftWatch({ ...around, pipelines, file, write: writeDurably });
    await watch.start();
    /** So many captures, with scores, brightness and outcomes around these. */
    const see = (count: number, score: number, level: number, cheaper = false) => {
      for (let i = 0; i < count; i++) {
        const answer = { ...walkAnswer(random() < 0.2 ? null : score + 0.1 * random()), level: level + 0.1 * random() };
        const outcome = random() < 0.3 ? 'published' : 'silent';
        const reported = { results: [{ record: record('c', 'doors'), sinks: [] }], outcomes: [{ pipeline: 'doors', outcome }] } as const;
        const degraded = { cause: 'board', reason: 'hot', changes: [] } as unknown as NonNullable<
          Parameters<DriftWatch['saw']>[1][0]['degraded']
        >;
        watch.saw({ bytes: 1000 + Math.floor(500 * random()) }, [{ spec: doors, ...(cheaper ? { degraded } : {}) }], answer, reported);
        clock.advance(limits.driftEveryMs);
      }
    };
    const psi = (signal: string, end: 'psi' | 'low' | 'high' = 'psi') => {
      const name = end === 'psi' ? 'shoal_pipeline_drift_psi' : `shoal_pipeline_drift_psi_${end}`;
      return around.value(name, { pipeline: 'doors', signal });
    };
    return { watch, see, psi, around };
  };
  const usual = limits.driftReferenceValues + 2 * limits.driftHalfValues;
  const first = await open([doors]);
  first.see(20, 0.7, 0.4);
  t.match(first.watch.list(), [
    { signal: 'input.bytes', reference: 20, drift: null },
    { signal: 'input.level' },
    { signal: 'outcome' },
    { signal: 'faces.found' },
    { signal: 'faces.score' },
  ]);
  // Of a stage that finds nothing in a fifth of the captures, as many scores take longer.
  first.see(usual * 1.3, 0.7, 0.4);
  for (const { signal } of first.watch.list()) t.ok(first.psi(signal) < 0.1, `${signal}: ${first.psi(signal).toFixed(3)}`);
  const before = first.watch.list();
  clock.mono += 1;
  first.watch.saw({ bytes: 9_000_000 }, [{ spec: doors }], walkAnswer(0.1), { results: [], outcomes: [] });
  first.see(300, 0.1, 0.9, true);
  first.see(1, 0.7, 0.4);
  t.same(first.around.lines, [], 'nothing is said; a cheaper way of running is no drift');
  await first.watch.stop();
  t.ok(readFileSync(file).length < 20_000);

  const second = await open([doors]);
  t.equal(second.watch.list().length, before.length);
  t.ok(second.psi('faces.score') < 0.1 && second.watch.list()[0]?.drift !== null, 'a restart goes on');
  second.see(usual, 0.5, 0.4);
  t.ok(second.psi('faces.score', 'low') > 0.25 && second.psi('input.level') < 0.1, 'scores fell, and nothing else');
  t.ok(second.psi('faces.score', 'high') > second.psi('faces.score') && second.psi('faces.score') > second.psi('faces.score', 'low'));
  t.equal(
    second.around.lines.filter(({ message }) => /faces\.score is distributed differently.*shoal drift reset doors/.test(message)).length,
    1,
  );
  t.equal(second.around.lines.length, 1);
  t.equal(await second.watch.reset('windows'), false);
  t.equal(await second.watch.reset('doors'), true);
  t.same(second.watch.list(), []);
  t.equal(second.psi('faces.score'), 0);
  second.see(30, 0.5, 0.4);
  await second.watch.stop();

  const stages = doors.stages.map((stage) => ({ ...stage, model: 'm@2' }));
  t.equal((await open([doors])).watch.list()[0]?.reference, 30);
  t.same((await open([{ ...doors, stages }])).watch.list(), [], 'another model is another reference');
  writeFileSync(
    file,
    '{"schema":"shoal/drift/1","pipelines":{"doors":{"hash":"x","signals":{"a":{"learned":[],"edges":[1],"reference":[1]}}}}}',
  );
  const broken = await open([doors]);
  t.match(broken.around.lines, [{ level: 'warn', message: /not of the agreed form/ }]);
  t.same(broken.watch.list(), []);
  await broken.watch.stop();
});
