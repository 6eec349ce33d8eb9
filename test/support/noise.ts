/** Noise that is the same everywhere, mixed into recordings at a stated level, and how clean what comes out is. */
import { Chance } from './chance.js';

type NoiseKind = 'hiss' | 'fan' | 'hum';
export const noiseKinds: readonly NoiseKind[] = ['hiss', 'fan', 'hum'];

/** `hiss` is white, `fan` falls by 6 dB an octave, `hum` is mains at 50 Hz with overtones and a little hiss. At 16 kHz. */
function noise(kind: NoiseKind, length: number, seed: number): Float32Array {
  const chance = new Chance(seed);
  let low = 0;
  return Float32Array.from({ length }, (_, i) => {
    const white = chance.between(-1, 1);
    low = 0.98 * low + 0.02 * white;
    const mains = [1, 2, 3, 5, 7].reduce((sum, n) => sum + Math.sin((2 * Math.PI * 50 * n * i) / 16_000 + n) / n, 0);
    return kind === 'hiss' ? white : kind === 'fan' ? low : mains + 0.2 * white;
  });
}

/** The clean samples with noise that is `snrDb` below them. */
export function mixNoise(clean: ArrayLike<number>, kind: NoiseKind, snrDb: number, seed: number): Float32Array {
  const added = noise(kind, clean.length, seed);
  const factor = Math.sqrt(power(clean) / power(added) / 10 ** (snrDb / 10));
  return added.map((sample, i) => (clean[i] ?? 0) + factor * sample);
}

function power(samples: ArrayLike<number>): number {
  return dot(samples, samples) / samples.length;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/**
 * Scale-invariant signal to distortion ratio, dB: how much of `found` is the clean signal at some loudness.
 * Source: Le Roux et al., SDR - half-baked or well done?, 2019.
 */
export function siSdr(clean: ArrayLike<number>, found: ArrayLike<number>): number {
  const scale = dot(clean, found) / dot(clean, clean);
  let wanted = 0;
  let rest = 0;
  for (let i = 0; i < clean.length; i++) {
    const target = scale * (clean[i] ?? 0);
    wanted += target ** 2;
    rest += ((found[i] ?? 0) - target) ** 2;
  }
  return 10 * Math.log10(wanted / rest);
}
