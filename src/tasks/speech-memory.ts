/**
 * What detect-speech keeps from one window of a stream to the next, and its bytes: the model's state, the samples before the next frame and
 * those that do not fill one yet, and a segment that is not over.
 *
 * Guarantees: what is read back is what was written, to the last bit; bytes of another layout are refused. For one build on one machine.
 */
import { ShoalError } from '../core/errors.js';
import { type Course, nothingHeard } from './speech-segments.js';

export interface SpeechMemory {
  /** Of the model. */
  readonly state: Float32Array;
  /** Samples in front of the next frame, then those of it that were heard. */
  readonly samples: Float32Array;
  /** Where the stream was judged to, in samples from its start. */
  readonly course: Course;
  /** Where the last segment that was over ended, its padding included. */
  readonly lastEnd: number;
}

/** Of a stream of which nothing was heard: silence stands in front of its first frame. */
export function freshMemory(state: Float32Array, contextSamples: number): SpeechMemory {
  return { state, samples: new Float32Array(contextSamples), course: nothingHeard, lastEnd: 0 };
}

const headNumbers = 9;

export function writeMemory({ state, samples, course: { at, open }, lastEnd }: SpeechMemory): Uint8Array {
  const silence = open?.silence ?? null;
  const head = Float64Array.of(
    at,
    lastEnd,
    open?.start ?? -1,
    open?.sum ?? 0,
    open?.frames ?? 0,
    silence?.from ?? -1,
    silence?.sum ?? 0,
    silence?.frames ?? 0,
    samples.length,
  );
  const bytes = new Uint8Array(head.byteLength + state.byteLength + samples.byteLength);
  bytes.set(new Uint8Array(head.buffer));
  bytes.set(new Uint8Array(state.buffer, state.byteOffset, state.byteLength), head.byteLength);
  bytes.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), head.byteLength + state.byteLength);
  return bytes;
}

/** `stateLength`: numbers of the model's state. Throws INFERENCE for bytes that are not such a memory. */
export function readMemory(bytes: Uint8Array, stateLength: number): SpeechMemory {
  const headBytes = headNumbers * Float64Array.BYTES_PER_ELEMENT;
  // A copy: what came over the channel may lie at any offset.
  const { buffer } = bytes.slice();
  const fits = bytes.byteLength >= headBytes && bytes.byteLength % Float32Array.BYTES_PER_ELEMENT === 0;
  const head = fits ? new Float64Array(buffer, 0, headNumbers) : new Float64Array(headNumbers);
  const [at = 0, lastEnd = 0, start = -1, sum = 0, frames = 0, from = -1, silentSum = 0, silentFrames = 0, count = 0] = head;
  if (!fits || bytes.byteLength !== headBytes + (stateLength + count) * Float32Array.BYTES_PER_ELEMENT) {
    throw new ShoalError('INFERENCE', `${bytes.byteLength} bytes of kept state are not what detect-speech kept of this model`);
  }
  const silence = from < 0 ? null : { from, sum: silentSum, frames: silentFrames };
  return {
    state: new Float32Array(buffer, headBytes, stateLength),
    samples: new Float32Array(buffer, headBytes + stateLength * Float32Array.BYTES_PER_ELEMENT, count),
    course: { at, open: start < 0 ? null : { start, sum, frames, silence } },
    lastEnd,
  };
}
