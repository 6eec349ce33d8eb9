/** A bundled model as shipped and its variants, opened side by side in one process with one thread each, as an engine opens them. */
import { createHash } from 'node:crypto';
import { asVariant, type Model } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import type { AudioPort, ImagePort, Task, TaskInput } from '../../src/core/task.js';
import { engineOptions } from '../../src/engine/options.js';
import { Session } from '../../src/engine/session.js';
import { readCard } from '../../src/registry/card.js';
import { shippedModel } from './shipped.js';

/** What a task is given of a capture. */
export interface Sample {
  readonly image: ImagePort | null;
  readonly audio: AudioPort | null;
  readonly each: readonly Observation[] | null;
}

export interface Answer {
  readonly observations: readonly Observation[];
  /** CPU of this process inside the model's runs. */
  readonly runCpuMs: number;
  readonly runs: number;
}

export interface Candidate {
  readonly name: string;
  /** Whether its file is the shipped one, byte for byte. */
  readonly unchanged: boolean;
  readonly bytes: number;
  look(sample: Sample): Promise<Answer>;
}

export const shippedName = 'as shipped';

const sessionOptions = { threads: 1, arena: engineOptions.parse({}).arena };

/** The model of the card as its package ships it. */
export async function openShipped(folder: string, task: Task): Promise<Candidate['look']> {
  const { card, model } = await readCard(folder);
  return looker(task, model, await Session.fromBytes(model, await shippedModel(card), `${card.name} as shipped`, sessionOptions));
}

/** The shipped model first, then the variants of the card in its order. */
export async function openCandidates(folder: string, task: Task): Promise<readonly Candidate[]> {
  const { card, model } = await readCard(folder);
  const bytes = await shippedModel(card);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const candidates: Candidate[] = [{ name: shippedName, unchanged: true, bytes: bytes.length, look: await openShipped(folder, task) }];
  for (const variant of model.variants) {
    const session = await Session.open(model, variant, sessionOptions);
    const unchanged = variant.sha256 === sha256;
    candidates.push({ name: variant.name, unchanged, bytes: variant.bytes, look: looker(task, asVariant(model, variant), session) });
  }
  return candidates;
}

function looker(task: Task, model: Model, session: Session): Candidate['look'] {
  task.fit(model);
  const options = task.options.parse({});
  return async (sample) => {
    let runCpuMs = 0;
    let runs = 0;
    const input: TaskInput<unknown> = {
      ...sample,
      series: null,
      text: null,
      file: null,
      model,
      options,
      async infer(feeds) {
        const before = process.cpuUsage();
        const outputs = await session.run(feeds);
        const { user, system } = process.cpuUsage(before);
        runCpuMs += (user + system) / 1000;
        runs++;
        return outputs;
      },
      measure: async (_, work) => work(),
    };
    return { observations: await task.run(input), runCpuMs, runs };
  };
}
