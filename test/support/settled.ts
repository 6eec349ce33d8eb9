/** Builders of what the corridor hands to the store, and a clock that a test moves. */
import type { Clock } from '../../src/core/contracts.js';
import { resultId } from '../../src/core/id.js';
import type { ResultRecord, Settled } from '../../src/core/settled.js';

export function record(captureId: string, pipeline: string, change: Partial<ResultRecord> = {}): ResultRecord {
  return {
    id: resultId(captureId, pipeline),
    captureId,
    captureName: `${captureId}.png`,
    pipeline,
    input: 'inbox',
    outcome: 'published',
    reason: null,
    payload: Buffer.from(JSON.stringify({ capture: captureId, pipeline })),
    trace: '{}',
    ...change,
  };
}

/** One capture with one result, owed to `sinks`. */
export function settled(captureId: string, sinks: readonly string[], change: Partial<ResultRecord> = {}): Settled {
  return { captureId, input: 'inbox', replayable: false, results: [{ record: record(captureId, 'signs', change), sinks }] };
}

export class ManualClock implements Clock {
  mono = 1_000_000;
  wall = Date.UTC(2026, 0, 1);
  isSynced = true;

  monoMs(): number {
    return this.mono;
  }

  wallMs(): number {
    return this.wall;
  }

  synced(): boolean {
    return this.isSynced;
  }

  advance(ms: number): void {
    this.mono += ms;
    this.wall += ms;
  }
}
