/**
 * The features that kws_ref_model was trained on, slowly: 49 frames of 10 mel-frequency cepstral coefficients, as its bytes.
 *
 * Source: mlcommons/tiny, v0.1/training/keyword_spotting/get_dataset.py and kws_util.py at commit 0be7052e; tf.signal's documentation for the mel
 * matrix (HTK scale, 20 to 4000 Hz, nothing from the DC bin) and the cepstral transform.
 */

const [rate, clip, frame, hop, transform, bands, kept] = [16_000, 16_000, 480, 320, 512, 40, 10];
const mel = (hertz: number): number => 1127 * Math.log(1 + hertz / 700);

/** A 16-bit mono WAV file with the plain header of 44 bytes. */
export function keywordFeatures(wav: Buffer): Int8Array {
  const samples = new Float64Array(clip);
  for (let i = 0; i < clip && 44 + 2 * i + 1 < wav.length; i++) samples[i] = wav.readInt16LE(44 + 2 * i);
  const loudest = samples.reduce((most, value) => Math.max(most, value), 1);
  const edges = Array.from({ length: bands + 2 }, (_, i) => mel(20) + ((mel(4000) - mel(20)) * i) / (bands + 1));
  const features: number[] = [];
  for (let at = 0; at + frame <= clip; at += hop) {
    const magnitudes = spectrum(samples.subarray(at, at + frame).map((value) => value / loudest));
    const log = Array.from({ length: bands }, (_, band) => Math.log(energy(magnitudes, edges.slice(band, band + 3)) + 1e-6));
    for (let k = 0; k < kept; k++) {
      const sum = log.reduce((total, value, n) => total + value * Math.cos((Math.PI * k * (2 * n + 1)) / (2 * bands)), 0);
      features.push((2 * sum) / Math.sqrt(2 * bands));
    }
  }
  return Int8Array.from(features, (value) => Math.max(-128, Math.min(127, Math.round(value / 0.5847029089927673) + 83)));
}

function spectrum(samples: Float64Array): number[] {
  const windowed = samples.map((value, i) => value * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / frame)));
  return Array.from({ length: transform / 2 + 1 }, (_, bin) => {
    let [real, imaginary] = [0, 0];
    for (const [i, value] of windowed.entries()) {
      real += value * Math.cos((2 * Math.PI * bin * i) / transform);
      imaginary += value * Math.sin((2 * Math.PI * bin * i) / transform);
    }
    return Math.hypot(real, imaginary);
  });
}

function energy(magnitudes: readonly number[], [low = 0, middle = 0, high = 0]: readonly number[]): number {
  return magnitudes.reduce((sum, magnitude, bin) => {
    const place = mel((bin * rate) / transform);
    const weight = bin === 0 ? 0 : Math.max(0, Math.min((place - low) / (middle - low), (high - place) / (high - middle)));
    return sum + magnitude * weight;
  }, 0);
}
