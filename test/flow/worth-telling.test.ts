import { test } from 'tap';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { Reporter } from '../../src/flow/report.js';
import { compileWorthTelling } from '../../src/flow/worth-telling.js';
import { doors, walkAnswer, walkHeader } from '../support/walk.js';

const night = { days: ['fri'], from: '22:00', to: '06:00', time_zone: 'Europe/Berlin' } as const;

async function report(pipeline: PipelineSpec, capturedAt: string, clockSynced: boolean, score: number | null = 0.9) {
  const reporter = new Reporter({ device: 'd', configHash: 'h', worthTelling: await compileWorthTelling([pipeline], () => {}) });
  const header = { ...walkHeader(1, 1, 0), capturedAt, clockSynced };
  const [result] = reporter.answered(header, [{ spec: pipeline }], walkAnswer(score), { queueMs: 0, attempt: 1 }).results;
  const { clock_synced } = JSON.parse(Buffer.from(result?.record.payload ?? []).toString()) as { clock_synced: boolean };
  return { outcome: result?.record.outcome, reason: result?.record.reason, sinks: result?.sinks, clock_synced, watched: result?.watched };
}

test('outside its hours a result is silent and says why; with a clock that may be wrong it is told and marked', async (t) => {
  const pipeline: PipelineSpec = { ...doors, report: { when: 'faces.size() > 0', active: night, trace: 'none' } };
  t.match(await report(pipeline, '2026-01-09T22:00:00.000Z', true), { outcome: 'published', reason: null, sinks: ['lan'] });
  t.match(await report(pipeline, '2026-01-10T05:00:00.000Z', true), {
    outcome: 'silent',
    reason: 'it is outside report.active: fri 22:00 - 06:00 Europe/Berlin',
    sinks: [],
  });
  t.match(await report(pipeline, '2026-01-10T05:00:00.000Z', false), { outcome: 'published', clock_synced: false });
  t.match(await report(pipeline, '2026-01-10T05:00:00.000Z', false, null), {
    outcome: 'silent',
    reason: 'report.when is false: faces.size() > 0',
  });
});

test('outside its hours nothing holds, so that an event ends by them', async (t) => {
  const pipeline: PipelineSpec = { ...doors, report: { ...doors.report, active: night } };
  t.match(await report(pipeline, '2026-01-09T22:00:00.000Z', true), { outcome: 'silent', watched: { sighting: { holds: true } } });
  t.match(await report(pipeline, '2026-01-10T05:00:00.000Z', true), { outcome: 'silent', watched: { sighting: { holds: false } } });
});
