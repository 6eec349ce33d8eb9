/** What TFLite itself answered (tools/make-tflite-golden.ts), and how its inputs were made. */
import { noise, size } from './graph-lab.js';

export const golden = 'test/compile/import/golden/tflite.json';

/** Bytes in base64, of the output's own type. */
export interface Golden {
  readonly cases: Readonly<Record<string, string>>;
  readonly models: Record<
    string,
    {
      /** Outputs for `modelInput` with seeds 0, 1, ... */
      readonly random: readonly string[];
      readonly real: readonly { readonly what: string; readonly input: string; readonly output: string }[];
    }
  >;
}

/** Files of MLPerf Tiny, all of int8, and how many random inputs each is tried with. */
export const tfliteModels: Readonly<Record<string, { readonly random: number }>> = {
  kws_ref_model: { random: 20 },
  ad01_int8: { random: 8 },
  vww_96_int8: { random: 8 },
  ic_resnet_int8: { random: 20 },
  str_ww_ref_model: { random: 20 },
};

/** Bytes that are unlike each other by half, so that some inputs are near noise and some near a picture. */
export function modelInput(shape: readonly number[], seed: number): Int8Array {
  const values = noise(size(shape), seed + 1);
  const slope = noise(2, seed + 100);
  return Int8Array.from(values, (value, i) => {
    const wave = Math.sin((i / values.length) * 12 * (slope[0] ?? 0)) * 60 * (seed % 3);
    return Math.max(-128, Math.min(127, Math.round(value * (seed % 2 === 0 ? 127 : 30) + wave + 40 * (slope[1] ?? 0))));
  });
}

export function bytesFrom(base64: string): Int8Array {
  return Int8Array.from(Buffer.from(base64, 'base64'));
}

export function floatsFrom(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}
