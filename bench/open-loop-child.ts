/**
 * Asks a URL at a fixed rate over kept connections, whether earlier answers came or not: `open-loop-child.js URL RATE_HZ`.
 *
 * A latency counts from the moment a request was due, so a late start or a wait for a connection is in it. Takes the
 * milliseconds of a phase, answers with the latencies.
 */
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [url = '', rateHz = '100'] = process.argv.slice(2);
const gapMs = 1000 / Number(rateHz);
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

function ask(dueMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(performance.now() - dueMs));
    }).once('error', reject);
  });
}

async function phase(phaseMs: number): Promise<number[]> {
  const asked: Promise<number>[] = [];
  const began = performance.now();
  for (let dueMs = began; dueMs < began + phaseMs; dueMs += gapMs) {
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) await sleep(leftMs);
    asked.push(ask(dueMs));
  }
  return Promise.all(asked);
}

process.on('disconnect', () => process.exit(0));
process.on('message', (phaseMs: number) => {
  phase(phaseMs).then(
    (latencies) => process.send?.(latencies),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
