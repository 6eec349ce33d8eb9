/**
 * Silero's rule for speech segments, written out frame by frame from its description, on its own path from file to segments:
 * own reader of plain 16 kHz mono WAV files, own framing, own hysteresis. Shares with the product only the runtime's door.
 * What it says is what detect-speech is held against.
 */
import type { Model } from '../../src/core/model.js';
import { floats } from '../../src/core/tensor.js';
import { Session } from '../../src/engine/session.js';

export interface ReferenceSegment {
  startS: number;
  endS: number;
}

const rate = 16_000;
const frame = 512;
const context = 64;

/** Samples of a mono 16 kHz file of 16-bit PCM or 32-bit float. */
export function plainWav(file: Buffer): number[] {
  if (file.readUInt16LE(22) !== 1 || file.readUInt32LE(24) !== rate) throw new Error('the reference reads 16 kHz mono only');
  const isFloat = file.readUInt16LE(20) === 3;
  const data = file.indexOf('data', 12, 'latin1');
  const end = Math.min(file.length, data + 8 + file.readUInt32LE(data + 4));
  const samples: number[] = [];
  for (let at = data + 8; at + (isFloat ? 4 : 2) <= end; at += isFloat ? 4 : 2) {
    samples.push(isFloat ? file.readFloatLE(at) : file.readInt16LE(at) / 32768);
  }
  return samples;
}

export async function referenceProbabilities(model: Model, samples: readonly number[]): Promise<number[]> {
  const variant = model.variants.find(({ name }) => name === 'fp32');
  if (variant === undefined) throw new Error('no variant as the makers ship it');
  const session = await Session.open(model, variant, { threads: 1, arena: false });
  // 64 samples of silence stand before the recording, and silence fills its last frame.
  const heard = [...new Array<number>(context).fill(0), ...samples];
  while ((heard.length - context) % frame !== 0) heard.push(0);
  let state = new Float32Array(2 * 128);
  const probabilities: number[] = [];
  for (let at = context; at < heard.length; at += frame) {
    const outputs = await session.run({
      input: { dtype: 'float32', shape: [1, context + frame], data: Float32Array.from(heard.slice(at - context, at + frame)) },
      state: { dtype: 'float32', shape: [2, 1, 128], data: state },
      sr: { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(rate)) },
    });
    probabilities.push(Number(floats(outputs, 'output')[0]));
    state = Float32Array.from(floats(outputs, 'stateN'));
  }
  await session.release();
  return probabilities;
}

/** Defaults of the reference: 0.5 and 0.35, 250 ms of speech, 100 ms of silence, 30 ms of padding. */
export function referenceSegments(probabilities: readonly number[], length: number): ReferenceSegment[] {
  const minSpeech = 0.25 * rate;
  const minSilence = 0.1 * rate;
  const pad = 0.03 * rate;
  const found: [number, number][] = [];
  let speaking = false;
  let began = 0;
  let mayEnd = 0;
  probabilities.forEach((probability, i) => {
    const now = i * frame;
    if (probability >= 0.5) mayEnd = 0;
    if (probability >= 0.5 && !speaking) {
      speaking = true;
      began = now;
      return;
    }
    if (probability < 0.35 && speaking) {
      if (mayEnd === 0) mayEnd = now;
      if (now - mayEnd < minSilence) return;
      if (mayEnd - began > minSpeech) found.push([began, mayEnd]);
      speaking = false;
      mayEnd = 0;
    }
  });
  if (speaking && length - began > minSpeech) found.push([began, length]);
  for (let i = 0; i < found.length; i++) {
    const here = found[i] as [number, number];
    const next = found[i + 1];
    if (i === 0) here[0] = Math.max(0, here[0] - pad);
    if (next === undefined) {
      here[1] = Math.min(length, here[1] + pad);
    } else if (next[0] - here[1] < 2 * pad) {
      const half = Math.floor((next[0] - here[1]) / 2);
      here[1] += half;
      next[0] -= half;
    } else {
      here[1] += pad;
      next[0] -= pad;
    }
  }
  return found.map(([start, end]) => ({ startS: start / rate, endS: end / rate }));
}
