/**
 * How a voice activity model of the Silero family is fed: frames one after the other, each behind the last samples of the frame before, and a
 * state that goes from run to run.
 *
 * Guarantees: a model that hears one frame a run and one that hears many give the same probabilities, up to rounding.
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import { elements, floats, type Tensors } from '../core/tensor.js';
import { readParams, unfit } from './model-params.js';

const paramsSchema = z.strictObject({
  rate_hz: z.int().positive(),
  frame_samples: z.int().positive(),
  /** Samples of the frame before that stand in front of each frame. */
  context_samples: z.int().nonnegative(),
});

const tensorNames = { input: 'input', state: 'state', rate: 'sr', probability: 'output', nextState: 'stateN' } as const;

export type SpeechParams = z.infer<typeof paramsSchema>;

/** Throws MODEL_INVALID. */
export function speechParams(model: ModelFacts): SpeechParams {
  return readParams(paramsSchema, model);
}

/** Throws MODEL_INVALID for a card whose tensors are not those of the family: frames [1, samples] or [free, samples]. */
export function fitSpeech(model: ModelFacts): void {
  const { frame_samples: frame, context_samples: context } = speechParams(model);
  if (context > frame) throw unfit(model, `context_samples ${context} is more than a frame of ${frame}`);
  const describe = (side: 'inputs' | 'outputs', name: string) => {
    const spec = model[side].find((each) => each.name === name);
    return spec === undefined ? 'missing' : `${spec.dtype}[${spec.shape.join(',')}]`;
  };
  const state = describe('inputs', tensorNames.state);
  const rows = hearsMany(model) ? model.inputs.find(({ name }) => name === tensorNames.input)?.shape[0] : 1;
  const expected = [
    ['inputs', tensorNames.input, `float32[${rows},${frame + context}]`],
    ...(hearsMany(model) ? [] : [['inputs', tensorNames.rate, 'int64[]'] as const]),
    ['outputs', tensorNames.probability, `float32[${rows},1]`],
    ['outputs', tensorNames.nextState, state],
  ] as const;
  for (const [side, name, shape] of expected) {
    const found = describe(side, name);
    if (found !== shape) throw unfit(model, `${side} "${name}" is ${found}, it needs ${shape}`);
  }
  if (!/^float32\[\d+(,\d+)*\]$/.test(state)) {
    throw unfit(model, `inputs "${tensorNames.state}" is ${state}, it needs float32 of fixed sizes`);
  }
}

function hearsMany({ inputs }: ModelFacts): boolean {
  return typeof inputs.find(({ name }) => name === tensorNames.input)?.shape[0] === 'string';
}

function stateShape({ inputs }: ModelFacts): readonly number[] {
  return (inputs.find(({ name }) => name === tensorNames.state)?.shape ?? []).map(Number);
}

/** The state before anything was heard. */
export function silentState(model: ModelFacts): Float32Array {
  return new Float32Array(elements(stateShape(model)));
}

export interface Heard {
  /** Of speech, one a frame. */
  readonly probabilities: Float32Array;
  /** After the last frame. */
  readonly state: Float32Array;
}

/** `samples`: those in front of the first frame, then whole frames. */
export async function hearFrames(
  { model, infer }: { readonly model: ModelFacts; infer(feeds: Tensors): Promise<Tensors> },
  samples: Float32Array,
  before: Float32Array,
): Promise<Heard> {
  const { frame_samples: frame, context_samples: context, rate_hz: rateHz } = speechParams(model);
  const width = context + frame;
  const probabilities = new Float32Array(Math.max(0, Math.floor((samples.length - context) / frame)));
  const most = hearsMany(model) ? limits.speechFramesPerRun : 1;
  const rate = model.inputs.some(({ name }) => name === tensorNames.rate)
    ? ({ [tensorNames.rate]: { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(rateHz)) } } as const)
    : {};
  let state = before;
  for (let first = 0; first < probabilities.length; first += most) {
    const rows = Math.min(most, probabilities.length - first);
    const data = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      const at = (first + row) * frame;
      data.set(samples.subarray(at, at + width), row * width);
    }
    const outputs = await infer({
      [tensorNames.input]: { dtype: 'float32', shape: [rows, width], data },
      [tensorNames.state]: { dtype: 'float32', shape: stateShape(model), data: state },
      ...rate,
    });
    probabilities.set(floats(outputs, tensorNames.probability), first);
    state = floats(outputs, tensorNames.nextState);
  }
  return { probabilities, state };
}
