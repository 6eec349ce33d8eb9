/**
 * The smallest relay that keeps order: sends in order with a window, and after a loss goes on from the oldest unacknowledged.
 * For tests of sinks; the daemon's own is in flow/.
 */
import type { Delivery, Sink } from '../../src/core/contracts.js';
import { ShoalError } from '../../src/core/errors.js';

export interface Relayed {
  readonly acknowledged: Set<string>;
  readonly refused: Map<string, string>;
  /** `deliver` calls, redeliveries included. */
  sent: number;
}

/** Resolves when every delivery was acknowledged or refused. `pace` is waited for before each. */
export async function relayAll(sink: Sink, deliveries: readonly Delivery[], pace?: () => Promise<void>): Promise<Relayed> {
  const relayed: Relayed = { acknowledged: new Set(), refused: new Map(), sent: 0 };
  const tried = new Set<string>();
  const open = () => deliveries.filter(({ resultId }) => !relayed.acknowledged.has(resultId) && !relayed.refused.has(resultId));
  for (let left = open(); left.length > 0; left = open()) {
    await ready(sink);
    await round(sink, left, relayed, tried, pace);
  }
  return relayed;
}

/** Until the first loss. */
async function round(
  sink: Sink,
  deliveries: readonly Delivery[],
  relayed: Relayed,
  tried: Set<string>,
  pace?: () => Promise<void>,
): Promise<void> {
  const flying = new Set<Promise<void>>();
  let lost = false;
  for (const delivery of deliveries) {
    while (flying.size >= sink.window && !lost) await Promise.race(flying);
    await pace?.();
    if (lost) break;
    relayed.sent++;
    const { resultId } = delivery;
    const flight: Promise<void> = sink
      .deliver({ ...delivery, redelivery: tried.has(resultId) })
      .then(
        () => void relayed.acknowledged.add(resultId),
        (error: unknown) => {
          if (error instanceof ShoalError && error.code === 'DELIVERY_REFUSED') relayed.refused.set(resultId, error.message);
          else lost = true;
        },
      )
      .finally(() => flying.delete(flight));
    tried.add(resultId);
    flying.add(flight);
  }
  await Promise.all(flying);
}

function ready(sink: Sink): Promise<void> {
  return new Promise((resolve) => {
    let unwatch: (() => void) | null = null;
    const look = (up: boolean) => {
      if (!up) return;
      resolve();
      queueMicrotask(() => unwatch?.());
    };
    unwatch = sink.watch(look);
  });
}

/** Deliveries as the daemon would owe them: JSON with an id, padded to `bytes`. */
export function deliveriesOf(count: number, bytes = 300, pipeline = 'signs', input = 'inbox'): Delivery[] {
  return Array.from({ length: count }, (_, i) => {
    const resultId = `result-${String(i).padStart(5, '0')}`;
    const payload = Buffer.from(JSON.stringify({ schema: 'shoal/result/1', id: resultId, seq: i, fill: 'é'.repeat(bytes / 2) }));
    return { kind: 'result', seq: i + 1, resultId, pipeline, input, lane: 'live', payload, redelivery: false } as const;
  });
}
