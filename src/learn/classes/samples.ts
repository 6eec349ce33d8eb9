/**
 * Samples of classes before they are looked into: which count, and why they are too few, or contradict each other. Pure.
 *
 * Guarantees: of samples with the same bytes one counts, so that no fold is judged by a copy of what it was fitted on; the same bytes under two
 * labels are refused, since whatever was learned would be wrong for one.
 */
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';

export interface Sample {
  /** For a person: a file with its folder, or a line of a table. */
  readonly name: string;
  /** Index of its label. */
  readonly label: number;
  /** Samples with the same group are judged together; null for one by itself. */
  readonly group: string | null;
  /** Hex, of its bytes. */
  readonly sha256: string;
}

/** Throws USAGE for labels that cannot be. */
export function checkLabels(labels: readonly string[]): void {
  const refuse = (what: string) => new ShoalError('USAGE', what);
  if (labels.length < 2)
    throw refuse(`there ${labels.length === 1 ? `is one label, ${labels[0]}` : 'are no labels'}; at least two classes are needed`);
  if (labels.length > limits.learnLabelsMax)
    throw refuse(`there are ${labels.length} labels, at most ${limits.learnLabelsMax} are learned`);
  for (const [i, label] of labels.entries()) {
    const fits =
      label.trim() === label && label !== '' && label.length <= limits.learnLabelCharsMax && !/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(label);
    if (!fits) throw refuse(`label ${JSON.stringify(label)}: expected 1 to ${limits.learnLabelCharsMax} printable characters`);
    if (labels.indexOf(label) !== i) throw refuse(`the label ${label} is named twice`);
  }
}

/** The samples that count, in their order. Throws LEARN_REFUSED, naming samples, for the same under two labels, or too few of one. */
export function distinctSamples<One extends Sample>(samples: readonly One[], labels: readonly string[]): One[] {
  const seen = new Map<string, One>();
  const both: string[] = [];
  const distinct: One[] = [];
  for (const sample of samples) {
    const known = seen.get(sample.sha256);
    if (known === undefined) {
      seen.set(sample.sha256, sample);
      distinct.push(sample);
    } else if (known.label !== sample.label)
      both.push(`${known.name} (${labels[known.label]}) and ${sample.name} (${labels[sample.label]})`);
  }
  if (both.length > 0) {
    const more = both.length > limits.learnListedMax ? `, and ${both.length - limits.learnListedMax} more` : '';
    throw new ShoalError(
      'LEARN_REFUSED',
      `the same is under two labels: ${both.slice(0, limits.learnListedMax).join('; ')}${more}; keep each under the right one`,
    );
  }
  if (distinct.length > limits.learnSamplesMax) {
    throw new ShoalError('LEARN_REFUSED', `there are ${distinct.length} samples, at most ${limits.learnSamplesMax} are learned from`);
  }
  refuseFew(distinct, labels, samples.length - distinct.length);
  return distinct;
}

function refuseFew(samples: readonly Sample[], labels: readonly string[], copies: number): void {
  const few = labels.flatMap((label, i) => {
    const own = samples.filter((sample) => sample.label === i);
    const groups = new Set(own.map(({ name, group }) => (group === null ? `alone ${name}` : `group ${group}`)));
    if (own.length < limits.learnSamplesMin) return [`${label} has ${own.length} different samples and needs ${limits.learnSamplesMin}`];
    return groups.size < 2 ? [`the samples of ${label} are all of one group and need two, or none could be held out`] : [];
  });
  if (few.length === 0) return;
  const counted = copies === 0 ? '' : ` (${copies} copies of others do not count)`;
  throw new ShoalError(
    'LEARN_REFUSED',
    `too little to learn from: ${few.join('; ')}${counted}; ${limits.learnSamplesMin} of a class are the least, 20 are better`,
  );
}

/** A number for each group, one of its own for a sample without. */
export function groupNumbers(samples: readonly Sample[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(samples, ({ group }, i) => {
    const key = group === null ? `alone ${i}` : `group ${group}`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}
