/**
 * What held-out answers say of classes: how often they are right, when they are sure enough to be told, which samples look mislabelled, and
 * which classes cannot be told apart. Pure.
 *
 * Deliberately refuses instead of writing a model that guesses: where the answers as a whole are no better than by chance, or where the samples
 * of two classes, asked of these two alone, are right in surely less than 7 of 10 (both one-sided, 5 %). Two classes that so few samples cannot
 * show to differ are named as doubtful.
 */
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Fitted } from './fit-classes.js';

export interface Judgement {
  readonly samples: number;
  /** Of all samples, held out, whose likeliest class is theirs. 0..1. */
  readonly right: number;
  /** 95 % interval of `right` (Wilson). */
  readonly rightBetween: readonly [number, number];
  /** Mean over the classes of the share of their samples that are right. */
  readonly balanced: number;
  /** By class. */
  readonly recall: readonly number[];
  /** True class by row, likeliest by column. */
  readonly confusion: readonly (readonly number[])[];
  /** Mean distance between score and how often it is right, in ten ranges of the score. */
  readonly calibrationError: number;
  /** The score from which on an answer is told. */
  readonly minScore: number;
  /** Of all samples, that are told; of those, that are right. */
  readonly told: number;
  readonly rightOfTold: number;
  /** Pairs of classes that so few samples cannot show to differ (one-sided, 5 %). */
  readonly doubtful: readonly Pair[];
  readonly suspicious: readonly Suspicion[];
}

/** Two classes, and of the held-out samples of both how many are more like their own of the two. */
export interface Pair {
  readonly classes: readonly [number, number];
  readonly right: number;
  readonly samples: number;
}

/** A sample that the others say is of another class. */
export interface Suspicion {
  readonly sample: number;
  readonly looksLike: number;
  /** Held-out probabilities of that class and of its own. */
  readonly score: number;
  readonly own: number;
}

/** An answer that is more likely wrong than right is never told. */
const minScoreLeast = 0.5;
/** Its own class is this much less likely than another one. */
const suspiciousOwnMost = 0.1;

/** `sure`: of what is told so much is to be right, 0..1. Throws LEARN_REFUSED, naming them, for classes that cannot be told apart. */
export function judgeClasses(
  { heldOut }: Pick<Fitted, 'heldOut'>,
  classOf: Int32Array,
  labels: readonly string[],
  sure: number,
): Judgement {
  const pairs = pairsOf(heldOut, classOf, labels.length);
  refuseAlike(pairs, labels);
  const answers = heldOut.map((shares, sample) => {
    const score = Math.max(...shares);
    const label = shares.indexOf(score);
    return { score, label, right: label === classOf[sample] };
  });
  const confusion = labels.map(() => labels.map(() => 0));
  for (const [sample, { label }] of answers.entries()) {
    const row = confusion[classOf[sample] ?? 0];
    if (row !== undefined) row[label] = (row[label] ?? 0) + 1;
  }
  const recall = confusion.map((row, k) => (row[k] ?? 0) / row.reduce((sum, count) => sum + count, 0));
  const balanced = recall.reduce((sum, share) => sum + share, 0) / recall.length;
  refuseGuesses(balanced, confusion, labels);
  const rights = answers.filter(({ right }) => right).length;
  const minScore = sureFrom(answers, sure);
  const told = answers.filter(({ score }) => score >= minScore);
  return {
    samples: answers.length,
    right: rights / answers.length,
    rightBetween: wilson(rights, answers.length),
    balanced,
    recall,
    confusion,
    calibrationError: calibrationErrorOf(answers),
    minScore,
    told: told.length / answers.length,
    rightOfTold: told.length === 0 ? 0 : told.filter(({ right }) => right).length / told.length,
    doubtful: pairs.filter(({ doubtful }) => doubtful),
    suspicious: suspiciousOf(heldOut, classOf),
  };
}

interface Answer {
  readonly score: number;
  readonly right: boolean;
}

/**
 * The least score from which on so many should be right by the scores, which are calibrated, and the answers do not contradict it (one-sided, 5 %):
 * among a dozen answers one is wrong by chance. Half way to the next lower score, to four decimals; 0.99 where there is none.
 */
function sureFrom(answers: readonly Answer[], sure: number): number {
  const sorted = [...answers].sort((a, b) => b.score - a.score);
  let [wrong, scores, least] = [0, 0, 0.99];
  for (const [i, { score, right }] of sorted.entries()) {
    if (!right) wrong++;
    scores += score;
    const told = i + 1;
    const next = sorted[told]?.score ?? 0;
    const wrongMost = told * (1 - sure) + unlikely * Math.sqrt(told * sure * (1 - sure));
    if (next !== score && scores / told >= sure && wrong <= wrongMost) least = (score + next) / 2;
  }
  return Math.max(minScoreLeast, Math.round(least * 1e4) / 1e4);
}

function calibrationErrorOf(answers: readonly Answer[]): number {
  const ranges = Array.from({ length: 10 }, () => ({ count: 0, scores: 0, rights: 0 }));
  for (const { score, right } of answers) {
    const range = ranges[Math.min(9, Math.floor(score * 10))];
    if (range === undefined) continue;
    range.count++;
    range.scores += score;
    if (right) range.rights++;
  }
  return ranges.reduce((sum, { scores, rights }) => sum + Math.abs(scores - rights), 0) / answers.length;
}

/** Source: Wilson 1927; z = 1.96. */
function wilson(rights: number, count: number): readonly [number, number] {
  const z2 = 1.96 ** 2;
  const middle = (rights + z2 / 2) / (count + z2);
  const half = (1.96 * Math.sqrt((rights * (count - rights)) / count + z2 / 4)) / (count + z2);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** The most doubtful first. */
function suspiciousOf(heldOut: readonly Float64Array[], classOf: Int32Array): Suspicion[] {
  return heldOut
    .map((shares, sample) => {
      const score = Math.max(...shares);
      return { sample, score, looksLike: shares.indexOf(score), own: shares[classOf[sample] ?? 0] ?? 0 };
    })
    .filter(({ sample, looksLike, own }) => looksLike !== classOf[sample] && own < suspiciousOwnMost)
    .sort((a, b) => a.own - b.own)
    .slice(0, limits.learnListedMax);
}

/** One-sided 5 % of a normal distribution. */
const unlikely = 1.645;
/** Of the samples of two classes, the mean of their shares that are right: a coin has 0.5, and what is surely below this is of no use. */
const pairRightLeast = 0.7;

function refuseGuesses(balanced: number, confusion: Judgement['confusion'], labels: readonly string[]): void {
  const chance = 1 / labels.length;
  const variances = confusion.map((row) => (chance * (1 - chance)) / row.reduce((sum, count) => sum + count, 0));
  const spread = Math.sqrt(variances.reduce((sum, variance) => sum + variance, 0)) / labels.length;
  if (balanced >= chance + unlikely * spread) return;
  throw new ShoalError(
    'LEARN_REFUSED',
    `the classes cannot be told apart: ${Math.round(balanced * 100)} % of the held-out samples are right, by chance it were ${Math.round(chance * 100)} %; ` +
      'give more samples, or such that differ more',
  );
}

interface JudgedPair extends Pair {
  readonly doubtful: boolean;
  readonly alike: boolean;
}

function pairsOf(heldOut: readonly Float64Array[], classOf: Int32Array, classes: number): JudgedPair[] {
  const pairs: JudgedPair[] = [];
  for (let a = 0; a < classes; a++) {
    for (let b = a + 1; b < classes; b++) {
      const [rightA, countA] = toldApart(heldOut, classOf, a, b);
      const [rightB, countB] = toldApart(heldOut, classOf, b, a);
      const share = (rightA / countA + rightB / countB) / 2;
      const margin = (unlikely / 2) * Math.sqrt(0.25 / countA + 0.25 / countB);
      const [doubtful, alike] = [share < 0.5 + margin, share + margin < pairRightLeast];
      pairs.push({ classes: [a, b], right: rightA + rightB, samples: countA + countB, doubtful, alike });
    }
  }
  return pairs;
}

function refuseAlike(pairs: readonly JudgedPair[], labels: readonly string[]): void {
  const alike = pairs.filter((pair) => pair.alike);
  if (alike.length === 0) return;
  const named = alike.slice(0, limits.learnListedMax).map((pair) => pairText(pair, labels));
  const more = alike.length > named.length ? `, and ${alike.length - named.length} more pairs` : '';
  throw new ShoalError(
    'LEARN_REFUSED',
    `these cannot be told apart: ${named.join(', ')}${more}; give more samples of them, samples that differ more, or make one class of them`,
  );
}

/** For a person. */
export function pairText({ classes: [a, b], right, samples }: Pair, labels: readonly string[]): string {
  return `${labels[a]} and ${labels[b]} (${right} of ${samples} held-out samples right, a coin has ${samples / 2})`;
}

/** Of the samples of `own`, how many are more like it than like `other`. */
function toldApart(
  heldOut: readonly Float64Array[],
  classOf: Int32Array,
  own: number,
  other: number,
): readonly [right: number, count: number] {
  const those = heldOut.filter((_, sample) => classOf[sample] === own);
  return [those.filter((shares) => (shares[own] ?? 0) > (shares[other] ?? 0)).length, those.length];
}
