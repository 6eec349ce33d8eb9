/**
 * detect-motion: whether something moves before a camera, and where: a cheap look that later stages may wait for.
 *
 * Each picture is compared, small and grey, with a background that goes along from picture to picture of the stream and follows it slowly.
 * The score is the share of the picture that differs once light that changes everywhere is taken out; from `threshold` on the label
 * is `motion`, with a box around all that moved, else `still`. The first picture of a stream, and one that stands for itself, have nothing to be
 * compared with: `still`, with score 0. Pictures that were left out between two do no harm.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import type { ModelFacts } from '../core/model.js';
import type { Box, Observation } from '../core/result.js';
import type { Task, TaskInput } from '../core/task.js';
import { floats, type Tensor, type Tensors } from '../core/tensor.js';
import { readParams, unfit } from './model-params.js';
import { unmatchedBoxes } from './unmatched-boxes.js';

const options = z.strictObject({
  threshold: z
    .number()
    .min(0)
    .max(1)
    .default(0.005)
    .describe('Share of the picture that must differ to be motion, 0 .. 1; a person ten metres from a camera takes about 0.01.'),
  contrast: z
    .number()
    .min(1)
    .max(255)
    .default(20)
    .describe('Grey levels, of 255, by which a place must differ from the background; more for a noisy camera.'),
  adapt_frames: z
    .number()
    .min(1)
    .max(100_000)
    .default(50)
    .describe('Pictures after which two thirds of a change that stays belong to the background: a car that was parked.'),
});

type Options = z.infer<typeof options>;

const params = z.strictObject({ width: z.int().positive().max(1024), height: z.int().positive().max(1024) });

function fit(model: ModelFacts): void {
  const { width, height } = readParams(params, model);
  const expected = [
    ['inputs', 'picture', `uint8[${height},${width},3]`],
    ['inputs', 'background', `float32[${height},${width}]`],
    ['inputs', 'contrast', 'float32[]'],
    ['inputs', 'follow', 'float32[]'],
    ['outputs', 'moved', `uint8[${height},${width}]`],
    ['outputs', 'share', 'float32[]'],
    ['outputs', 'background_after', `float32[${height},${width}]`],
  ] as const;
  for (const [side, name, needed] of expected) {
    const spec = model[side].find((each) => each.name === name);
    const found = spec === undefined ? 'missing' : `${spec.dtype}[${spec.shape.join(',')}]`;
    if (found !== needed) throw unfit(model, `${side} "${name}" is ${found}, it needs ${needed}`);
  }
}

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { image, stream, options } = input;
  if (image === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-motion looks at images, and this capture is none');
  const { width, height } = readParams(params, input.model);
  const { data } = await input.measure('preprocess', () => image.resize(width, height));
  const before = stream?.state == null ? null : backgroundOf(stream.state, width * height);
  const scalar = (value: number): Tensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
  const outputs = await input.infer({
    picture: { dtype: 'uint8', shape: [height, width, 3], data },
    background: { dtype: 'float32', shape: [height, width], data: before ?? new Float32Array(width * height) },
    contrast: scalar(options.contrast),
    // Without a background the picture becomes it.
    follow: scalar(before === null ? 1 : 1 / options.adapt_frames),
  });
  const after = floats(outputs, 'background_after');
  stream?.keep(new Uint8Array(after.buffer, after.byteOffset, after.byteLength).slice());
  if (before === null) return [{ score: 0, label: 'still' }];
  return input.measure('postprocess', () => [judge(outputs, width, height, options.threshold)]);
}

function judge(outputs: Tensors, width: number, height: number, threshold: number): Observation {
  const share = floats(outputs, 'share')[0] ?? 0;
  const box = boxOf(outputs.moved?.data ?? new Uint8Array(), width, height);
  const score = Math.round(share * 1e4) / 1e4;
  return share < threshold || box === null ? { score, label: 'still' } : { score, label: 'motion', box };
}

/** Around all cells that moved; null where none did. */
function boxOf(moved: Tensor['data'], width: number, height: number): Box | null {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let i = 0; i < width * height; i++) {
    if (moved[i] !== 1) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? null : { x_min: left / width, y_min: top / height, x_max: (right + 1) / width, y_max: (bottom + 1) / height };
}

function backgroundOf(state: Uint8Array, count: number): Float32Array {
  if (state.byteLength !== count * Float32Array.BYTES_PER_ELEMENT) {
    throw new ShoalError('INFERENCE', `${state.byteLength} bytes of kept state are no background of ${count} grey levels`);
  }
  return new Float32Array(state.slice().buffer);
}

export const detectMotion: Task<Options> = {
  name: 'detect-motion',
  summary: 'Tells whether something moved since the pictures before, and where; the score is the share of the picture that differs.',
  reads: 'image',
  takesEach: false,
  cutsOut: 'compares the picture with those before it',
  stateful: { gaps: 'bridge' },
  options,
  metric: unmatchedBoxes,
  fit,
  run,
};
