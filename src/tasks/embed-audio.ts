/**
 * embed-audio: a recording, or each window of it, as a direction in a space where what sounds alike lies close: an embedding.
 *
 * Any model of sound with one output [1, n] of floats serves; the card says how a window of sound is put before it. The numbers are divided
 * by their length (L2), so that the dot product of two embeddings of one model is their similarity; that of a recording points where those
 * of its windows point together. Embeddings of different models must not be compared. Rounded to four decimals. The score is always 1.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { cosineDistance } from './cosine-distance.js';
import { unitLength } from './embed-image.js';
import { outputOf, readParams, unfit } from './model-params.js';
import { SoundWindows, soundWindowParams } from './sound-windows.js';

const options = z.strictObject({
  per: z
    .enum(['recording', 'window'])
    .default('recording')
    .describe('One embedding of the recording, or one of each window with its time.'),
  hop_ms: z
    .int()
    .min(20)
    .max(600_000)
    .default(500)
    .describe('From the start of a window to that of the next, milliseconds; each costs a model run.'),
});

type Options = z.infer<typeof options>;

const params = z.strictObject(soundWindowParams);

function embeddingOutput(model: ModelFacts): string {
  const { name, shape } = outputOf(model);
  const size = shape[1] ?? 0;
  if (shape.length === 2 && size >= 2 && size <= limits.embeddingMax) return name;
  throw unfit(model, `its output "${name}" is [${shape.join(',')}], an embedding is [1,n] with 2 to ${limits.embeddingMax} numbers`);
}

function direction(values: Float32Array, model: ModelFacts): number[] {
  const embedding = unitLength(values);
  if (embedding !== null) return embedding;
  throw new ShoalError('INFERENCE', `${modelRef(model)} gave an embedding without a direction: all zero or not finite`);
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { audio, model } = input;
  if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'embed-audio listens to audio, and this capture is none');
  const { rate_hz: rateHz } = readParams(params, model);
  const windows = new SoundWindows(model);
  const output = embeddingOutput(model);
  const samples = await input.measure('preprocess', () => audio.samples(rateHz));
  const found: Observation[] = [];
  const together: number[] = [];
  for (const start of windows.starts(samples.length, Math.max(1, Math.round((input.options.hop_ms * rateHz) / 1000)))) {
    const outputs = await input.infer(await input.measure('preprocess', () => windows.feeds(samples, start)));
    const embedding = direction(floats(outputs, output), model);
    for (const [i, value] of embedding.entries()) together[i] = (together[i] ?? 0) + value;
    if (input.options.per === 'window' && found.length < limits.observationsMax) {
      found.push({ score: 1, segment: windows.segment(start, samples.length), embedding });
    }
  }
  return input.options.per === 'window' ? found : [{ score: 1, embedding: direction(Float32Array.from(together), model) }];
}

export const embedAudio: Task<Options> = {
  name: 'embed-audio',
  summary: 'Turns a recording, or each window of it, into numbers that say how alike two sound.',
  reads: 'audio',
  takesEach: false,
  options,
  metric: cosineDistance,
  fit(model) {
    readParams(params, model);
    embeddingOutput(model);
    new SoundWindows(model);
  },
  run,
};
