/**
 * A recording in windows of one length, as a model sees them: their features, one window after the other.
 *
 * Guarantees: every sample is in a window; the last one ends with the recording, a shorter recording is filled up with silence at its end.
 */
import { z } from 'zod';
import type { ModelFacts } from '../core/model.js';
import type { Segment } from '../core/result.js';
import { elements, type Tensor } from '../core/tensor.js';
import { readParams, unfit } from './model-params.js';
import { SoundFeatures, soundFeatureParams } from './sound-features.js';

export const soundWindowParams = {
  rate_hz: z.int().positive(),
  window_samples: z.int().positive(),
  /** `peak`: a window is divided by its largest sample (not by its largest absolute one). */
  normalize: z.enum(['none', 'peak']),
  features: soundFeatureParams,
};
const windowParams = z.object(soundWindowParams);

/**
 * The input of a model that sees `width` features of each of `frames` frames, frame by frame: one float32 tensor of fixed sizes, batch 1,
 * with so many elements. Throws MODEL_INVALID.
 */
export function soundInput(model: ModelFacts, frames: number, width: number): { readonly name: string; readonly shape: readonly number[] } {
  const [spec, ...more] = model.inputs;
  const shape = spec?.shape.map(Number) ?? [];
  if (spec !== undefined && more.length === 0 && spec.dtype === 'float32' && shape[0] === 1 && elements(shape) === frames * width) {
    return { name: spec.name, shape };
  }
  const found = model.inputs.map((each) => `${each.dtype}[${each.shape.join(',')}]`).join(', ');
  throw unfit(model, `its inputs are ${found || 'none'}, it needs one float32[1,${frames},${width}], or of as many elements`);
}

export class SoundWindows {
  readonly #params: z.infer<typeof windowParams>;
  readonly #features: SoundFeatures;
  readonly #frames: number;
  readonly #input: ReturnType<typeof soundInput>;
  readonly #window: Float32Array;

  /** Throws MODEL_INVALID when the card's params and its input do not suit each other. */
  constructor(model: ModelFacts) {
    this.#params = readParams(windowParams, model);
    this.#features = new SoundFeatures(this.#params.features, this.#params.rate_hz);
    this.#frames = this.#features.framesIn(this.#params.window_samples);
    this.#input = soundInput(model, this.#frames, this.#features.width);
    this.#window = new Float32Array(this.#params.window_samples);
  }

  /** Where the windows of a recording of `length` samples start, `hop` samples apart. */
  starts(length: number, hop: number): number[] {
    const last = Math.max(0, length - this.#window.length);
    const starts = Array.from({ length: Math.floor(last / hop) + 1 }, (_, i) => i * hop);
    if (last > (starts.at(-1) ?? 0)) starts.push(last);
    return starts;
  }

  /** Of the window at `start`, within the recording. */
  segment(start: number, length: number): Segment {
    const seconds = (samples: number) => Math.round((samples / this.#params.rate_hz) * 1e3) / 1e3;
    return { start_s: seconds(start), end_s: seconds(Math.min(length, start + this.#window.length)) };
  }

  /** What the model is fed of the window at `start`. */
  feeds(samples: Float32Array, start: number): Record<string, Tensor> {
    this.#window.fill(0);
    this.#window.set(samples.subarray(start, start + this.#window.length));
    if (this.#params.normalize === 'peak') divideByPeak(this.#window);
    const data = new Float32Array(this.#frames * this.#features.width);
    for (let frame = 0; frame < this.#frames; frame++) this.#features.frame(this.#window, frame, data, frame * this.#features.width);
    return { [this.#input.name]: { dtype: 'float32', shape: this.#input.shape, data } };
  }
}

/** A window that never rises above 0 stays as it is. */
function divideByPeak(window: Float32Array): void {
  let peak = 0;
  for (const sample of window) if (sample > peak) peak = sample;
  if (peak > 0) for (let i = 0; i < window.length; i++) window[i] = (window[i] ?? 0) / peak;
}
