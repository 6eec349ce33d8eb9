/**
 * Greedy decoding of a connectionist temporal classification output, with an ear for faint spaces.
 *
 * Source: A. Graves et al., Connectionist Temporal Classification, ICML 2006, section 3.2 (best path decoding): the most
 * probable class of each step, repeats merged, blanks dropped. Score as in PaddleOCR's CTCLabelDecode: the mean of the
 * probabilities of the steps kept.
 * The faint separator is ours: best path decoding loses a class whose probability is spread thinly over the steps of a
 * gap, below the blank at each of them, as it is with the spaces of this family of models. Where the probability that
 * the separator stands somewhere in a gap between two characters reaches a threshold, it is written.
 */

export interface Decoded {
  /** Classes in order, without blanks. */
  readonly classes: number[];
  /** 0..1, separators written for a gap not counted; 0 when nothing was read. */
  readonly score: number;
}

export interface CtcShape {
  /** First element of this line in `scores`. */
  readonly offset: number;
  readonly steps: number;
  readonly classes: number;
  readonly blank: number;
}

export interface Separator {
  readonly class: number;
  /** 0..1: threshold for the probability, over the steps between two characters, that it stands there; above 1 never. */
  readonly score: number;
}

/** `scores`: probabilities, row-major steps x classes, each step's summing to 1 or less. */
export function decodeCtc(scores: Float32Array, shape: CtcShape, separator: Separator): Decoded {
  const kept: number[] = [];
  let sum = 0;
  let counted = 0;
  let previous = shape.blank;
  let absent = 1;
  for (let step = 0; step < shape.steps; step++) {
    const row = shape.offset + step * shape.classes;
    const best = strongest(scores, row, shape.classes);
    if (best !== shape.blank && best !== previous) {
      const open = kept.length > 0 && best !== separator.class && kept.at(-1) !== separator.class;
      if (open && 1 - absent >= separator.score) kept.push(separator.class);
      kept.push(best);
      sum += scores[row + best] ?? 0;
      counted++;
      absent = 1;
    } else {
      absent *= 1 - (scores[row + separator.class] ?? 0);
    }
    previous = best;
  }
  return { classes: kept, score: counted === 0 ? 0 : Math.min(1, sum / counted) };
}

/** Of probabilities that sum to 1, none can exceed one above a half; the rest is for sums that miss 1 by a quantized step. */
const decided = 0.6;

/** The class of the highest score; the first of equals. Looks no further than it must: mostly, one class has nearly all. */
function strongest(scores: Float32Array, row: number, classes: number): number {
  let best = 0;
  let bestScore = scores[row] ?? 0;
  if (bestScore > decided) return best;
  for (let k = 1; k < classes; k++) {
    const score = scores[row + k] ?? 0;
    if (score > bestScore) {
      bestScore = score;
      best = k;
      if (score > decided) break;
    }
  }
  return best;
}
