/**
 * denoise-speech: a recording without its noise, for the stages after it, by a GTCRN model; the result says how much it became quieter.
 *
 * The later stages of the pipeline hear the cleaned recording, as long as the original and in time with it; nothing of it leaves the
 * engine. The model gets spectra frame after frame and carries its state along, so it hears no future; each capture starts afresh.
 * It keeps speech: on a recording of anything else it leaves little. Costs a model run every 16 ms of sound.
 *
 * Source: Rong et al., GTCRN: a speech enhancement model requiring ultralow computational resources, ICASSP 2024; stream/ of
 * Xiaobin-Rong/gtcrn for the tensors, 512-point frames, hop 256, square-root Hann windows.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { elements, floats, type Tensors } from '../core/tensor.js';
import { differentScores } from './different-scores.js';
import { readParams, unfit } from './model-params.js';
import { noiseFloorDb } from './noise-floor.js';
import { OverlappingFrames } from './overlapping-frames.js';

const options = z.strictObject({
  mix: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Share of the original recording that is left in the cleaned one, 0 .. 1: more sounds more natural and is noisier.'),
});

type Options = z.infer<typeof options>;

const params = z.strictObject({
  rate_hz: z.int().positive(),
  /** Samples of a frame, a power of two; the next one begins after half of it. */
  frame_samples: z
    .int()
    .min(16)
    .max(16_384)
    .refine((samples) => Number.isInteger(Math.log2(samples)), 'must be a power of two'),
  spectrum: z.strictObject({ input: z.string(), output: z.string() }),
  /** Inputs that are zeros at first, and then what the output named beside them was: the state. */
  state: z.record(z.string(), z.string()),
});

function fit(model: ModelFacts): void {
  const { frame_samples: frame, spectrum, state } = readParams(params, model);
  const wrong = (what: string) => unfit(model, what);
  const shapeOf = (side: 'inputs' | 'outputs', name: string): string => {
    const spec = model[side].find((each) => each.name === name);
    if (spec === undefined) throw wrong(`it has no tensor "${name}" among its ${side}`);
    return `${spec.dtype}[${spec.shape.join(',')}]`;
  };
  const expected = `float32[1,${frame / 2 + 1},1,2]`;
  for (const [side, name] of [
    ['inputs', spectrum.input],
    ['outputs', spectrum.output],
  ] as const) {
    if (shapeOf(side, name) !== expected) throw wrong(`${side} "${name}" is ${shapeOf(side, name)}, it needs ${expected}`);
  }
  for (const [input, output] of Object.entries(state)) {
    const found = shapeOf('inputs', input);
    if (!/^float32\[\d+(,\d+)*\]$/.test(found)) throw wrong(`inputs "${input}" is ${found}, it needs float32 of fixed sizes`);
    if (shapeOf('outputs', output) !== found) throw wrong(`outputs "${output}" is ${shapeOf('outputs', output)}, it needs ${found}`);
  }
  const fed = new Set([spectrum.input, ...Object.keys(state)]);
  const starved = model.inputs.find(({ name }) => !fed.has(name));
  if (starved !== undefined) throw wrong(`nothing is said of its input "${starved.name}"`);
}

async function clean(input: TaskInput<Options>, samples: Float32Array): Promise<Float32Array> {
  const { frame_samples: size, spectrum, state } = readParams(params, input.model);
  const frames = new OverlappingFrames(samples, size);
  const shape = [1, size / 2 + 1, 1, 2];
  let held: Tensors = Object.fromEntries(
    input.model.inputs
      .filter(({ name }) => Object.hasOwn(state, name))
      .map(({ name, shape: free }) => {
        const fixed = free.map(Number);
        return [name, { dtype: 'float32', shape: fixed, data: new Float32Array(elements(fixed)) }];
      }),
  );
  for (let frame = 0; frame < frames.count; frame++) {
    const data = new Float32Array(elements(shape));
    frames.spectrum(frame, data);
    const outputs = await input.infer({ ...held, [spectrum.input]: { dtype: 'float32', shape, data } });
    held = Object.fromEntries(
      Object.entries(held).map(([name, { dtype, shape: fixed }]) => [
        name,
        { dtype, shape: fixed, data: floats(outputs, state[name] ?? '') },
      ]),
    );
    frames.put(frame, floats(outputs, spectrum.output));
  }
  return frames.output;
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const {
    audio,
    model,
    options: { mix },
  } = input;
  if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'denoise-speech listens to audio, and this capture is none');
  const { rate_hz: rateHz, frame_samples: size } = readParams(params, model);
  const samples = await input.measure('preprocess', () => audio.samples(rateHz));
  // The transforms are counted with the preparation, the runs by themselves.
  const cleaned = await input.measure('preprocess', () => clean(input, samples));
  return input.measure('postprocess', () => {
    if (mix > 0) for (let i = 0; i < cleaned.length; i++) cleaned[i] = (1 - mix) * (cleaned[i] ?? 0) + mix * (samples[i] ?? 0);
    const reductionDb = noiseFloorDb(samples, size) - noiseFloorDb(cleaned, size);
    input.replaceAudio?.(cleaned, rateHz);
    const score = Math.min(1, Math.max(0, 1 - 10 ** (-reductionDb / 10)));
    return [{ score: Math.round(score * 1e4) / 1e4, label: 'noise', values: { reduction_db: Math.round(reductionDb * 100) / 100 } }];
  });
}

export const denoiseSpeech: Task<Options> = {
  name: 'denoise-speech',
  summary: 'Takes the noise out of a recording for the stages after it; the score is the share of the noise that went, 0.9 is 10 dB.',
  reads: 'audio',
  takesEach: false,
  givesAudio: true,
  options,
  metric: differentScores,
  fit,
  run,
};
