/** What the tests of the file sink and its child share. */
import type { Delivery, SinkContext } from '../../src/core/contracts.js';
import { testSurroundings } from '../support/surroundings.js';

export function delivery(number: number, text = 'x'.repeat((number * 7919) % 2000)): Delivery {
  const payload = Buffer.from(JSON.stringify({ number, text }));
  return {
    kind: 'result',
    seq: number,
    resultId: `r${number}`,
    pipeline: 'signs',
    input: 'inbox',
    lane: 'live',
    payload,
    redelivery: false,
  };
}

export function sinkContext(around = testSurroundings()): SinkContext {
  return {
    ...around,
    device: { id: 'd', name: 'D', site: 's' },
    connection: () => {
      throw new Error('a file sink needs no connection');
    },
    info: () => ({}),
    models: () => ({}),
    vitals: () => ({}),
    latest: { all: () => [], watch: () => () => {} },
  };
}
