/**
 * detect-speech: where in a recording somebody speaks, by a Silero voice activity model.
 *
 * The model hears frames one after the other, each behind the last samples of the frame before, and carries its state along, as
 * Silero's reference does; the last frame is filled up with silence. Stateful within one capture only: each starts afresh.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { elements, floats, type Tensor } from '../core/tensor.js';
import { differentFrames } from './different-frames.js';
import { type SpeechSegment, speechSegments } from './speech-segments.js';

const options = z.strictObject({
  threshold: z.number().min(0.01).max(1).default(0.5).describe('Probability of speech from which a segment starts, 0.01 .. 1.'),
  neg_threshold: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Probability below which a segment may end, 0 .. 1; without it 0.15 below threshold, at least 0.01.'),
  min_speech_ms: z.number().min(0).max(60_000).default(250).describe('Segments no longer than this are left out, milliseconds.'),
  min_silence_ms: z.number().min(0).max(60_000).default(100).describe('Silence that ends a segment, milliseconds.'),
  speech_pad_ms: z.number().min(0).max(10_000).default(30).describe('Added on both sides of a segment, milliseconds.'),
});

const paramsSchema = z.strictObject({
  rate_hz: z.int().positive(),
  frame_samples: z.int().positive(),
  /** Samples of the frame before that stand in front of each frame. */
  context_samples: z.int().nonnegative(),
});

type Options = z.infer<typeof options>;

const tensorNames = { input: 'input', state: 'state', rate: 'sr', probability: 'output', nextState: 'stateN' } as const;

function fit(model: ModelFacts): void {
  const wrong = (what: string) => new ShoalError('MODEL_INVALID', `model ${modelRef(model)} does not suit detect-speech: ${what}`);
  const params = paramsSchema.safeParse(model.params);
  if (!params.success) throw wrong(`params: ${z.prettifyError(params.error).replaceAll('\n', ' ')}`);
  const { frame_samples: frame, context_samples: context } = params.data;
  if (context > frame) throw wrong(`context_samples ${context} is more than a frame of ${frame}`);
  const describe = (side: 'inputs' | 'outputs', name: string) => {
    const spec = model[side].find((each) => each.name === name);
    return spec === undefined ? 'missing' : `${spec.dtype}[${spec.shape.join(',')}]`;
  };
  const state = describe('inputs', tensorNames.state);
  const expected = [
    ['inputs', tensorNames.input, `float32[1,${frame + context}]`],
    ['inputs', tensorNames.rate, 'int64[]'],
    ['outputs', tensorNames.probability, 'float32[1,1]'],
    ['outputs', tensorNames.nextState, state],
  ] as const;
  for (const [side, name, shape] of expected) {
    const found = describe(side, name);
    if (found !== shape) throw wrong(`${side} "${name}" is ${found}, it needs ${shape}`);
  }
  if (!/^float32\[\d+(,\d+)*\]$/.test(state)) throw wrong(`inputs "${tensorNames.state}" is ${state}, it needs float32 of fixed sizes`);
}

/** The probability of speech of every frame. */
async function probabilities(
  input: TaskInput<Options>,
  samples: Float32Array,
  params: z.infer<typeof paramsSchema>,
): Promise<Float32Array> {
  const { frame_samples: frame, context_samples: context } = params;
  const stateShape = (input.model.inputs.find((spec) => spec.name === tensorNames.state)?.shape ?? []).map(Number);
  let state: Tensor = { dtype: 'float32', shape: stateShape, data: new Float32Array(elements(stateShape)) };
  const rate: Tensor = { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(params.rate_hz)) };
  const heard = new Float32Array(Math.ceil(samples.length / frame));
  const window = new Float32Array(context + frame);
  for (let i = 0; i < heard.length; i++) {
    const at = i * frame;
    window.copyWithin(0, frame);
    window.fill(0, context);
    window.set(samples.subarray(at, at + frame), context);
    const data: Tensor = { dtype: 'float32', shape: [1, window.length], data: window };
    const outputs = await input.infer({ [tensorNames.input]: data, [tensorNames.state]: state, [tensorNames.rate]: rate });
    heard[i] = floats(outputs, tensorNames.probability)[0] ?? 0;
    state = { dtype: 'float32', shape: stateShape, data: floats(outputs, tensorNames.nextState) };
  }
  return heard;
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { audio } = input;
  if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-speech listens to audio, and this capture is none');
  const params = paramsSchema.parse(input.model.params);
  const samples = await input.measure('preprocess', () => audio.samples(params.rate_hz));
  const heard = await probabilities(input, samples, params);
  const { threshold, neg_threshold, min_speech_ms, min_silence_ms, speech_pad_ms } = input.options;
  const perMs = params.rate_hz / 1000;
  return input.measure('postprocess', () =>
    speechSegments(heard, samples.length, {
      frame: params.frame_samples,
      threshold,
      negThreshold: neg_threshold ?? Math.max(threshold - 0.15, 0.01),
      minSpeech: min_speech_ms * perMs,
      minSilence: min_silence_ms * perMs,
      pad: speech_pad_ms * perMs,
    })
      .slice(0, limits.observationsMax)
      .map((segment) => observe(segment, params.rate_hz)),
  );
}

/** Seconds to the millisecond. */
function observe({ start, end, score }: SpeechSegment, rateHz: number): Observation {
  const seconds = (samples: number) => Math.round((samples / rateHz) * 1e3) / 1e3;
  return { score: Math.round(score * 1e4) / 1e4, label: 'speech', segment: { start_s: seconds(start), end_s: seconds(end) } };
}

export const detectSpeech: Task<Options> = {
  name: 'detect-speech',
  summary: 'Finds speech: segments with start and end in seconds; the score is the mean probability within.',
  reads: 'audio',
  takesEach: false,
  options,
  metric: differentFrames,
  fit,
  run,
};
