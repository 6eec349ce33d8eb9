/**
 * What it costs a task to make the inputs of its first run on a sample, for the same model with different inputs.
 *
 * Guarantees: every candidate is visited in every round, rounds begin at another one each time, and the first round counts for nothing;
 * no model is run. Processor time is that of the whole process, so that the threads of the image library count: nothing else may run in it.
 */
import { limits } from '../../core/limits.js';
import type { Spread } from '../../core/workbench.js';
import { openFor } from '../open-form.js';
import type { Decoded } from '../stage.js';
import { spread } from './cost.js';
import { type Bench, readSample, type Sample } from './sample.js';

/** Thrown at the task where a model would run. */
class Prepared extends Error {}

/** Milliseconds of CPU, in the order of the benches, which share a task; the mean over the first `limits.prepareSamplesMax` samples. */
export async function measurePrepare(benches: readonly Bench[], samples: readonly Sample[]): Promise<Spread[]> {
  const few = samples.slice(0, limits.prepareSamplesMax);
  const spent = benches.map(() => new Array<number>(limits.prepareRounds).fill(0));
  for (const sample of few) {
    const [first] = benches;
    if (first === undefined) break;
    // One image in memory at a time.
    const decoded = await openFor(first.task.reads, await readSample(sample));
    for (let round = -1; round < limits.prepareRounds; round++) {
      for (let k = 0; k < benches.length; k++) {
        const i = (round + 1 + k) % benches.length;
        const ms = await prepareOnce(benches[i] ?? first, sample, decoded);
        const rounds = spent[i];
        if (round >= 0 && rounds !== undefined) rounds[round] = (rounds[round] ?? 0) + ms / few.length;
      }
    }
  }
  return spent.map(spread);
}

async function prepareOnce({ task, model }: Bench, sample: Sample, decoded: Decoded): Promise<number> {
  let cpuMs = 0;
  const end = new Prepared();
  try {
    await task.run({
      ...decoded,
      each: sample.each,
      model,
      options: task.options.parse({}),
      infer: () => Promise.reject(end),
      async measure(phase, work) {
        const before = process.cpuUsage();
        const made = await work();
        const { user, system } = process.cpuUsage(before);
        if (phase === 'preprocess') cpuMs += (user + system) / 1000;
        return made;
      },
    });
  } catch (error) {
    if (error !== end) throw error;
  }
  return cpuMs;
}
