/**
 * How loud a recording is where it is quietest: the level of its noise, whatever else is in it. Pure.
 */

/** The level of 16-bit rounding; below it there is silence. */
const silenceDb = -98;
/** Share of the frames that are taken for noise alone: even fluent speech pauses for more. */
const quietShare = 0.1;

/** dB below full scale (a mean square of 1), mean power of the quietest tenth of the frames of `frame` samples; at least -98. */
export function noiseFloorDb(samples: Float32Array, frame: number): number {
  const powers: number[] = [];
  for (let start = 0; start < samples.length; start += frame) {
    const end = Math.min(samples.length, start + frame);
    let sum = 0;
    for (let i = start; i < end; i++) sum += (samples[i] ?? 0) ** 2;
    powers.push(sum / (end - start));
  }
  powers.sort((a, b) => a - b);
  const quiet = powers.slice(0, Math.max(1, Math.round(powers.length * quietShare)));
  const mean = quiet.reduce((sum, power) => sum + power, 0) / quiet.length;
  return mean > 0 ? Math.max(silenceDb, 10 * Math.log10(mean)) : silenceDb;
}
