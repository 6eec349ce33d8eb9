/**
 * detect-sound-anomaly: how unusual the sound of a machine is, by an autoencoder that was trained on the sound of a healthy one.
 *
 * The model sees a few frames of log-mel bands and draws them again; what it never heard it draws badly. `values.error` is the mean squared
 * difference over the recording, in the unit of the features, and what counts: against a threshold found on one's own machine,
 * `threshold` of the stage or of the card, the label is `anomaly` above it and `normal` up to it. The score is error / (error + threshold):
 * 0.5 at the threshold, growing with the error, never 1. Where nobody has calibrated a threshold there is no label, and the score, against
 * the card's reference error instead, only orders recordings.
 *
 * Source: DCASE 2020 challenge task 2, baseline; mlcommons/tiny, anomaly_detection/common.py and 01_test.py.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentScores } from './different-scores.js';
import { onlyTensor, readParams } from './model-params.js';
import { SoundFeatures, soundFeatureParams } from './sound-features.js';
import { soundInput } from './sound-windows.js';

const options = z.strictObject({
  threshold: z
    .number()
    .positive()
    .optional()
    .describe(
      "The error above which a sound is an anomaly; without it the card's. Take it from values.error of recordings that are as they should be.",
    ),
  piece_s: z
    .number()
    .min(0.5)
    .max(limits.audioSecondsMax)
    .optional()
    .describe('Judges pieces of this length, seconds, each on its own; without it the recording as a whole.'),
});

type Options = z.infer<typeof options>;

const params = z.strictObject({
  rate_hz: z.int().positive(),
  /** Frames in a row that the model sees at once; they move on by one. */
  frames: z.int().positive().max(1024),
  features: soundFeatureParams,
  threshold: z.union([z.number().positive(), z.literal('not calibrated')]),
  /** An error as the model makes it on what it was trained on: the scale of the score while there is no threshold. */
  reference_error: z.number().positive(),
});

function fit(model: ModelFacts): void {
  const { features, rate_hz: rateHz, frames } = readParams(params, model);
  const { width } = new SoundFeatures(features, rateHz);
  soundInput(model, frames, width);
  onlyTensor(model, 'outputs', [1, frames * width]);
}

/** Mean squared error of each run of the model, the first at the first frame. */
async function errors(input: TaskInput<Options>, samples: Float32Array): Promise<Float32Array> {
  const { frames, features: given, rate_hz: rateHz } = readParams(params, input.model);
  const features = new SoundFeatures(given, rateHz);
  const { width } = features;
  const { name, shape } = soundInput(input.model, frames, width);
  const output = onlyTensor(input.model, 'outputs', [1, frames * width]).name;
  const found = new Float32Array(Math.max(0, features.framesIn(samples.length) - frames + 1));
  const seen = new Float32Array(frames * width);
  await input.measure('preprocess', () => {
    for (let frame = 0; frame < frames - 1; frame++) features.frame(samples, frame, seen, (frame + 1) * width);
  });
  for (let at = 0; at < found.length; at++) {
    await input.measure('preprocess', () => {
      seen.copyWithin(0, width);
      features.frame(samples, at + frames - 1, seen, (frames - 1) * width);
    });
    const drawn = floats(await input.infer({ [name]: { dtype: 'float32', shape, data: seen } }), output);
    found[at] = meanSquare(seen, drawn);
  }
  return found;
}

function meanSquare(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return sum / a.length;
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { audio, model } = input;
  if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-sound-anomaly listens to audio, and this capture is none');
  const { rate_hz: rateHz, frames, features } = readParams(params, model);
  const samples = await input.measure('preprocess', () => audio.samples(rateHz));
  const all = await errors(input, samples);
  if (all.length === 0) {
    const needed = (features.frame_samples + (frames - 1) * features.hop_samples) / rateHz;
    throw new ShoalError(
      'CAPTURE_UNSUPPORTED',
      `the recording is ${audio.durationS.toFixed(3)} s long, ${model.name} needs ${needed.toFixed(3)} s`,
    );
  }
  return input.measure('postprocess', () => {
    const hopS = features.hop_samples / rateHz;
    const piece = input.options.piece_s === undefined ? all.length : Math.max(1, Math.round(input.options.piece_s / hopS));
    const observations: Observation[] = [];
    for (let start = 0; start < all.length; start += piece) {
      const end = Math.min(all.length, start + piece);
      const segment = { start_s: thousandths(start * hopS), end_s: thousandths(end === all.length ? audio.durationS : end * hopS) };
      observations.push({ ...judge(mean(all.subarray(start, end)), input), segment });
    }
    return observations.slice(0, limits.observationsMax);
  });
}

function judge(error: number, { model, options }: TaskInput<Options>): Observation {
  const card = readParams(params, model);
  const threshold = options.threshold ?? (card.threshold === 'not calibrated' ? null : card.threshold);
  const score = Math.round((error / (error + (threshold ?? card.reference_error))) * 1e4) / 1e4;
  const values = { error: thousandths(error) };
  if (threshold === null) return { score, values };
  return { score, label: error > threshold ? 'anomaly' : 'normal', values: { ...values, threshold } };
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function thousandths(value: number): number {
  return Math.round(value * 1e3) / 1e3;
}

export const detectSoundAnomaly: Task<Options> = {
  name: 'detect-sound-anomaly',
  summary:
    'Tells how unusual the sound of a machine is: the error of a model that knows the healthy sound, and a score against a threshold.',
  reads: 'audio',
  takesEach: false,
  options,
  metric: differentScores,
  fit,
  run,
};
