/**
 * How bright a picture is, how loud a sound, how strong a signal: one cheap number of what was decoded, by which a change of the input shows
 * before its scores do.
 *
 * Guarantees: at most some thousands of values are looked at, evenly over the whole; nothing is decoded or resampled for it.
 */
import type { AudioPort } from '../core/task.js';
import type { Decoded } from './stage.js';

const lookedAt = 4096;
const audioSecondsMax = 60;

/** Mean luma 0..1 (ITU-R BT.601) of a picture, root mean square of a sound (full scale is 1) or of a series in its units; null for anything else. */
export async function levelOf(decoded: Decoded | null): Promise<number | null> {
  const { image = null, audio = null, series = null } = decoded ?? {};
  if (image !== null) {
    const { width, height, channels, data } = await image.pixels();
    const luma = (pixel: number) => {
      const at = pixel * channels;
      const [r, g, b] = channels === 1 ? [at, at, at] : [at, at + 1, at + 2];
      return (0.299 * (data[r] ?? 0) + 0.587 * (data[g] ?? 0) + 0.114 * (data[b] ?? 0)) / 255;
    };
    return mean(width * height, luma);
  }
  const samples = audio === null ? (series?.data ?? null) : await heard(audio);
  if (samples === null) return null;
  return Math.sqrt(mean(samples.length, (i) => (samples[i] ?? 0) ** 2));
}

/** At its own rate, so that nothing is resampled; null for a recording so long that its samples are a burden. */
async function heard(audio: AudioPort): Promise<Float32Array | null> {
  return audio.durationS > audioSecondsMax ? null : audio.samples(audio.rateHz);
}

/** Of what `value` says of so many, or of an even choice of them. */
function mean(length: number, value: (i: number) => number): number {
  // Odd, so that it does not walk down the columns of a picture.
  const step = Math.max(1, Math.floor(length / lookedAt)) | 1;
  let total = 0;
  let count = 0;
  for (let i = 0; i < length; i += step) {
    total += value(i);
    count++;
  }
  return count === 0 ? 0 : total / count;
}
