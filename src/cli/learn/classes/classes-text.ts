/** What `shoal learn classes` says of what it learned, for a person. */

import { pairText } from '../../../learn/classes/judge-classes.js';
import type { Classes } from '../../../learn/classes/learn-classes.js';
import { printable } from '../../printable.js';
import { renderTable } from '../../table.js';

/** With a decimal where a whole number would claim too much. */
const percent = (share: number) => `${(share * 100).toFixed(share > 0.98 && share < 1 ? 1 : 0)} %`;

/** Pairs of classes that are shown. */
const pairsShown = 5;

export function classesText({ labels, samples, judgement, fitted }: Classes, things: string, on: string, copies: number): string {
  const [least, most] = judgement.rightBetween;
  const rows = labels.map((label, i) => {
    const own = judgement.confusion[i] ?? [];
    return [label, `${own.reduce((sum, count) => sum + count, 0)}`, percent(judgement.recall[i] ?? 0)];
  });
  return [
    `${samples.length} ${things} of ${labels.length} classes, on ${on}${copies === 0 ? '' : `; ${copies} copies of others left out`}`,
    '',
    renderTable(['class', 'samples', 'right'], rows),
    '',
    `Held out (${fitted.folds} parts, each judged by a fit on the others): ${percent(judgement.right)} right (${percent(least)} to ${percent(most)}).`,
    `Told from a score of ${judgement.minScore} on: ${percent(judgement.told)} of the samples, ${percent(judgement.rightOfTold)} of those right; the rest is told nothing of.`,
    ...confused(labels, judgement.confusion),
    ...doubtful(labels, judgement.doubtful),
    ...suspicions(labels, samples, judgement.suspicious),
  ].join('\n');
}

function confused(labels: readonly string[], confusion: Classes['judgement']['confusion']): string[] {
  const pairs = confusion
    .flatMap((row, i) => row.map((count, k) => ({ count, own: labels[i], other: labels[k], wrong: i !== k })))
    .filter(({ wrong, count }) => wrong && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, pairsShown);
  if (pairs.length === 0) return [];
  return [`Taken for another: ${pairs.map(({ own, other, count }) => `${own} for ${other} (${count})`).join(', ')}.`];
}

function doubtful(labels: readonly string[], pairs: Classes['judgement']['doubtful']): string[] {
  if (pairs.length === 0) return [];
  const shown = pairs.slice(0, pairsShown).map((pair) => pairText(pair, labels));
  const more = pairs.length > pairsShown ? `, and ${pairs.length - pairsShown} more pairs` : '';
  return [`Too few samples to show a difference: ${shown.join(', ')}${more}.`];
}

function suspicions(labels: readonly string[], samples: Classes['samples'], found: Classes['judgement']['suspicious']): string[] {
  if (found.length === 0) return [];
  const rows = found.map(({ sample, looksLike, score, own }) => [
    printable(samples[sample]?.name ?? ''),
    labels[samples[sample]?.label ?? 0] ?? '',
    `${labels[looksLike]} (${percent(score)})`,
    percent(own),
  ]);
  return [
    '',
    'Suspicious: look whether these are under the right label.',
    renderTable(['sample', 'label', 'looks like', 'as its own'], rows),
  ];
}
