/**
 * A person who walks in, stands, is hidden for a moment and leaves, as a sequence of observations: what a pipeline says of 60 s at 5 Hz.
 */
import type { CaptureHeader } from '../../src/core/capture.js';
import type { Store } from '../../src/core/contracts.js';
import type { EventRules, Sighting } from '../../src/core/event.js';
import { resultId } from '../../src/core/id.js';
import type { EngineAnswer } from '../../src/core/job.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import type { Observation } from '../../src/core/result.js';
import { nothingSaid, notSure } from '../../src/core/saying.js';
import type { Settled } from '../../src/core/settled.js';
import type { Thing } from '../../src/core/track.js';
import type { ChangeWatch, EventWatch, TrackWatch } from '../../src/core/watch.js';
import { record } from './settled.js';

export const everyMs = 200;
export const walkRules: EventRules = { onAfterMs: 400, offAfterMs: 3000, cooldownMs: 1000, updateEveryMs: 10_000 };

/** What is seen at so many seconds: nobody, or a score. */
export function scoreAt(second: number): number | null {
  if (second < 8 || second >= 50 || (second >= 30 && second < 31)) return null;
  return 0.6 + 0.3 * Math.sin(second / 7) ** 2;
}

export const doors: PipelineSpec = {
  name: 'doors',
  from: ['cam'],
  reads: ['image'],
  stages: [{ as: 'faces', task: 'detect-faces', model: 'm@1', variant: 'fp32', options: {} }],
  budgetMs: null,
  hangMs: 30_000,
  priority: 5,
  report: { when: 'faces.size() > 0', events: walkRules, trace: 'none' },
  sinks: ['lan'],
};

export const doorsWatch: EventWatch = {
  kind: 'event',
  pipeline: 'doors',
  input: 'cam',
  rules: walkRules,
  sinks: ['lan'],
  device: 'dock-7',
  configHash: 'abc',
};

export function walkHeader(number: number, boot: number, monoMs: number): CaptureHeader {
  return {
    id: `c${String(number).padStart(5, '0')}`,
    input: 'cam',
    name: `${number}.png`,
    kind: 'image',
    mediaType: 'image/png',
    bytes: 1,
    capturedAt: new Date(Date.UTC(2026, 0, 1) + number * everyMs).toISOString(),
    clockSynced: true,
    boot,
    seq: number + 1,
    monoMs,
  };
}

export function walkAnswer(score: number | null): EngineAnswer {
  const faces: Observation[] = score === null ? [] : [{ score, label: 'person', box: { x_min: 0.4, y_min: 0.2, x_max: 0.6, y_max: 0.9 } }];
  return { pipelines: [{ pipeline: 'doors', state: 'done', observations: { faces }, stages: [] }], decodeMs: 1, waitedMs: 0, totalMs: 2 };
}

/** The same series once a second and for ever, as the corridor would hand it to the store. */
export function walkSighting(number: number): Sighting {
  const score = scoreAt(number % 60);
  const { id: captureId, capturedAt, clockSynced, boot, seq } = walkHeader(number, 1, 0);
  const mark = { captureId, resultId: resultId(captureId, 'doors'), capturedAt, clockSynced, boot, seq };
  return { ...mark, monoMs: number * 1000, holds: score !== null, score, labels: [] };
}

export function walkSettled(number: number): Settled {
  const sighting = walkSighting(number);
  const results = [{ record: record(sighting.captureId, 'doors', { input: 'cam' }), sinks: [], watched: { watch: doorsWatch, sighting } }];
  return { captureId: sighting.captureId, input: 'cam', replayable: false, results };
}

const { sinks, device, configHash } = doorsWatch;
const place = { input: 'cam', sinks, device, configHash };
export const crowdWatch: TrackWatch = {
  ...place,
  kind: 'tracks',
  pipeline: 'crowd',
  rules: { ...walkRules, track: { minIou: 0.3, maxGapMs: 2000 } },
};
export const wordsWatch: ChangeWatch = { ...place, kind: 'change', pipeline: 'words', rules: { updateEveryMs: 15_000 } };

/** Two who walk to and fro past each other, one of them as `scoreAt` says. */
export function crowdAt(number: number): readonly Thing[] {
  const at = (x: number, score: number): Thing => {
    return { box: { x_min: x, y_min: 0.2, x_max: Number((x + 0.2).toFixed(5)), y_max: 0.9 }, label: 'person', score, accepted: true };
  };
  const score = scoreAt(number % 60);
  const other = number % 25 < 20 ? [at(0.7, 0.5)] : [];
  return score === null ? other : [...other, at(0.1 + 0.02 * (number % 5), score)];
}

/** What is said at so many seconds: nothing, one thing, another, and that nobody knows. */
export function wordsAt(number: number): string {
  return [nothingSaid, 'one', 'one', 'another', notSure][Math.floor(number / 7) % 5] ?? nothingSaid;
}

/** The same capture to a pipeline that is told as one event, to one that is told as an event a thing, and to one that is told on change. */
export function threefoldSettled(number: number): Settled {
  const { captureId, monoMs, boot, seq, ...mark } = walkSighting(number);
  const own = (pipeline: string) => resultId(captureId, pipeline);
  const sighting: Sighting = { ...mark, captureId, monoMs, boot, seq, resultId: own('crowd'), holds: true };
  const payload = Buffer.from(JSON.stringify({ id: own('words'), outcome: 'published', holds: true }));
  const results = [
    ...walkSettled(number).results,
    { record: record(captureId, 'crowd', { input: 'cam' }), sinks: [], watched: { watch: crowdWatch, sighting, things: crowdAt(number) } },
    {
      record: record(captureId, 'words', { input: 'cam', payload }),
      sinks: [],
      said: { watch: wordsWatch, saying: { resultId: own('words'), boot, seq, monoMs, what: wordsAt(number) } },
    },
  ];
  return { captureId, input: 'cam', replayable: false, results };
}

/** Every message of an event that is owed to a sink, in order. */
export async function eventsOwed(store: Store, sink = 'lan'): Promise<Record<string, unknown>[]> {
  const messages: Record<string, unknown>[] = [];
  for (let after = 0; ; ) {
    const page = await store.owed(sink, after, 128);
    const last = page.at(-1);
    if (last === undefined) return messages;
    for (const { kind, payload } of page) if (kind === 'event') messages.push(JSON.parse(Buffer.from(payload).toString()));
    after = last.seq;
  }
}
