/**
 * Ten minutes of speech and silence: a meeting, then spoken digits in groups, between pauses of faint noise. The same on every machine.
 *
 * From `data/speech/trn01.wav` and `data/fsdd` of the shared test data; 16 kHz, mono, 16 bits.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openAudio } from '../src/engine/audio.js';
import { wavOf } from '../test/support/wav.js';
import { testData } from './figure.js';

export const rateHz = 16_000;
export const seconds = 600;

/** Numbers 0..1 in an order that depends on nothing (Lehmer's generator with Park and Miller's constants). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** A WAV file. */
export async function speechRecording(): Promise<Buffer> {
  const data = path.join(testData(), 'data');
  const load = (file: string): Promise<Float32Array> => openAudio(readFileSync(file)).samples(rateHz);
  const names = readdirSync(path.join(data, 'fsdd')).filter((name) => name.endsWith('.wav'));
  const digits = await Promise.all(names.sort().map((name) => load(path.join(data, 'fsdd', name))));
  const samples = new Float32Array(seconds * rateHz);
  const next = numbers(7);
  // Some 66 dB below full scale: no microphone is silent.
  for (let i = 0; i < samples.length; i++) samples[i] = (next() - 0.5) * 0.001;
  const meeting = await load(path.join(data, 'speech/trn01.wav'));
  let at = rateHz;
  const put = (sound: Float32Array): void => {
    for (let i = 0; i < sound.length && at + i < samples.length; i++) samples[at + i] = (samples[at + i] ?? 0) + (sound[i] ?? 0);
    at += sound.length;
  };
  put(meeting);
  while (at < samples.length) {
    at += Math.round((0.8 + 4 * next()) * rateHz);
    for (let left = 2 + Math.floor(6 * next()); left > 0; left--) {
      put(digits[Math.floor(next() * digits.length)] ?? new Float32Array());
      at += Math.round(0.05 * rateHz);
    }
  }
  return wavOf(samples, rateHz);
}
