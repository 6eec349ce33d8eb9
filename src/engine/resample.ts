/**
 * Sampling rate conversion by a polyphase windowed-sinc low-pass: deterministic, any whole rates, linear phase, no delay.
 *
 * Passes up to 0.84 of the lower Nyquist frequency unchanged, rejects what would alias by about 80 dB (Kaiser window). Outside the
 * signal it hears silence. Deliberately works on a reader instead of an array, so that a long recording is never held twice.
 */

/** Fills `target` with the samples from index `from` on. */
export type SampleReader = (from: number, target: Float32Array) => void;

/** Zero crossings of the sinc on either side: the length of the filter, and so the width of its transition. */
const zeroCrossings = 32;
/** 80 dB of rejection. */
const kaiserBeta = 7.857;
/** Points of the window that are computed; what lies between is off by less than a 16-bit step. */
const windowPoints = 4096;
/** Cut-off as a share of the lower Nyquist frequency: the transition (0.16 of it) ends where aliasing would begin. */
const cutoff = 0.922;
/** Outputs made from one block of decoded samples. */
const blockOutputs = 4096;

/** The samples of a signal of `length` samples at `fromHz`, at `toHz`; `ceil(length * toHz / fromHz)` of them. */
export function resample(read: SampleReader, length: number, fromHz: number, toHz: number): Float32Array {
  if (fromHz === toHz) {
    const same = new Float32Array(length);
    read(0, same);
    return same;
  }
  const divisor = greatestCommonDivisor(fromHz, toHz);
  const up = toHz / divisor;
  const down = fromHz / divisor;
  const bank = filterBank(up, down);
  const output = new Float32Array(Math.ceil((length * up) / down));
  for (let first = 0; first < output.length; first += blockOutputs) {
    fillBlock(output.subarray(first, first + blockOutputs), first, { read, length, up, down, bank });
  }
  return output;
}

interface Source {
  readonly read: SampleReader;
  readonly length: number;
  readonly up: number;
  readonly down: number;
  readonly bank: FilterBank;
}

function fillBlock(block: Float32Array, first: number, source: Source): void {
  const { up, down, bank } = source;
  const { half, taps, weights } = bank;
  const start = Math.floor((first * down) / up) - half;
  const end = Math.floor(((first + block.length - 1) * down) / up) + half + 1;
  const window = new Float32Array(end - start + 1);
  const from = Math.max(0, start);
  const to = Math.min(source.length, end + 1);
  if (to > from) source.read(from, window.subarray(from - start, to - start));
  for (let i = 0; i < block.length; i++) {
    const position = (first + i) * down;
    const whole = Math.floor(position / up);
    const phase = (position - whole * up) * taps;
    const at = whole - half - start;
    // Two sums, as one would wait for its own last addition; the number of taps is even. Indices are inside by construction.
    let even = 0;
    let odd = 0;
    for (let k = 0; k < taps; k += 2) {
      even += (window[at + k] as number) * (weights[phase + k] as number);
      odd += (window[at + k + 1] as number) * (weights[phase + k + 1] as number);
    }
    block[i] = Math.min(1, Math.max(-1, even + odd));
  }
}

interface FilterBank {
  /** Samples before the position that a filter reaches. */
  readonly half: number;
  readonly taps: number;
  /** `up` filters of `taps` weights, each summing to 1. */
  readonly weights: Float32Array;
}

function filterBank(up: number, down: number): FilterBank {
  const scale = Math.min(1, up / down) * cutoff;
  const half = Math.ceil(zeroCrossings / scale);
  const taps = 2 * half + 2;
  const weights = new Float32Array(up * taps);
  const shape = new Float64Array(taps);
  for (let phase = 0; phase < up; phase++) {
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const distance = k - half - phase / up;
      const weight = sinc(distance * scale) * kaiser((distance * scale) / zeroCrossings);
      shape[k] = weight;
      sum += weight;
    }
    for (let k = 0; k < taps; k++) weights[phase * taps + k] = (shape[k] ?? 0) / sum;
  }
  return { half, taps, weights };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Window at `x` of -1 .. 1, read between the points of the table; 0 outside. */
function kaiser(x: number): number {
  const position = Math.abs(x) * windowPoints;
  const below = Math.floor(position);
  if (below >= windowPoints) return 0;
  const left = windowTable[below] as number;
  return left + ((windowTable[below + 1] as number) - left) * (position - below);
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Half of the symmetric window: computing it anew for each weight would dominate odd rates, which have thousands of filters. */
const windowTable = Float64Array.from(
  { length: windowPoints + 1 },
  (_, i) => bessel(kaiserBeta * Math.sqrt(1 - (i / windowPoints) ** 2)) / bessel(kaiserBeta),
);

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
