/**
 * The discrete Fourier transform of a power of two of points, in place. Pure; allocates only when it is made.
 *
 * Source: Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series (1965); radix 2, decimation in time.
 */
export class Fft {
  readonly size: number;
  readonly #cosines: Float64Array;
  readonly #sines: Float64Array;
  /** Where each point goes before the first butterfly: its index with the bits in reverse. */
  readonly #reversed: Uint32Array;

  /** Throws RangeError unless `size` is a power of two of at least 2. */
  constructor(size: number) {
    const bits = Math.log2(size);
    if (!Number.isInteger(bits) || bits < 1) throw new RangeError(`${size} is no power of two of at least 2`);
    this.size = size;
    this.#cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.#sines = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / size));
    this.#reversed = new Uint32Array(size);
    for (let i = 1; i < size; i++) this.#reversed[i] = ((this.#reversed[i >> 1] ?? 0) >> 1) | ((i & 1) << (bits - 1));
  }

  /** X[k] = sum over n of x[n] e^(-2 pi i k n / size): both parts are replaced. Each has `size` values. */
  forward(real: Float64Array, imaginary: Float64Array): void {
    this.#shuffle(real, imaginary);
    for (let half = 1; half < this.size; half *= 2) this.#butterflies(real, imaginary, half);
  }

  /** The inverse of `forward`, 1 / size included. */
  inverse(real: Float64Array, imaginary: Float64Array): void {
    // With the parts exchanged, the forward transform turns the other way.
    this.forward(imaginary, real);
    for (let i = 0; i < this.size; i++) {
      real[i] = (real[i] ?? 0) / this.size;
      imaginary[i] = (imaginary[i] ?? 0) / this.size;
    }
  }

  #shuffle(real: Float64Array, imaginary: Float64Array): void {
    for (let i = 0; i < this.size; i++) {
      const j = this.#reversed[i] ?? 0;
      if (j <= i) continue;
      const re = real[i] ?? 0;
      const im = imaginary[i] ?? 0;
      real[i] = real[j] ?? 0;
      imaginary[i] = imaginary[j] ?? 0;
      real[j] = re;
      imaginary[j] = im;
    }
  }

  #butterflies(real: Float64Array, imaginary: Float64Array, half: number): void {
    const turn = this.size / (2 * half);
    for (let start = 0; start < this.size; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const upper = start + k;
        const lower = upper + half;
        const cosine = this.#cosines[k * turn] ?? 0;
        const sine = this.#sines[k * turn] ?? 0;
        const re = real[lower] ?? 0;
        const im = imaginary[lower] ?? 0;
        const turnedReal = re * cosine + im * sine;
        const turnedImaginary = im * cosine - re * sine;
        const upperReal = real[upper] ?? 0;
        const upperImaginary = imaginary[upper] ?? 0;
        real[lower] = upperReal - turnedReal;
        imaginary[lower] = upperImaginary - turnedImaginary;
        real[upper] = upperReal + turnedReal;
        imaginary[upper] = upperImaginary + turnedImaginary;
      }
    }
  }
}

/** The periodic Hann window of `size` points: shifted by half of it, two add up to 1. */
export function hannWindow(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
}
