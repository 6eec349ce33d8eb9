/**
 * What was learned, for a person: what it is worth, what was odd, and what to write into the configuration.
 */

import { placeText } from '../../learn/anomaly/evaluate.js';
import type { LearnedAnomaly } from '../../learn/anomaly/learn-anomaly.js';
import { mean, median } from '../../learn/anomaly/linear.js';
import type { Written } from '../../learn/write-learned.js';
import { duration } from '../../tasks/anomaly-words.js';
import { shortNumber } from '../../tasks/series-windows.js';
import { readAtStart } from '../catalogue/read-at-start.js';
import { sentenceOf, type TakenUp } from './take-up.js';

export interface Outcome {
  /** Null for a dry run. */
  readonly written: Written | null;
  /** Null where no daemon was asked. */
  readonly takenUp: TakenUp | null;
  readonly tookMs: number;
}

export function anomalyText({ examples, evaluated, learned }: LearnedAnomaly, outcome: Outcome): string {
  const { written, takenUp, tookMs } = outcome;
  const { model, threshold, scores, suspicious } = evaluated;
  const above = mean(scores.map((score) => (score > threshold ? 1 : 0)));
  const states = model.states.count === 1 ? 'one state' : `${model.states.count} states`;
  const kind = examples.kind === 'window' ? `${states} of the machine` : 'a forecast and what it leaves';
  return [
    `Learned from ${examples.rows.rows} windows of ${examples.channels.join(', ')}: ${model.features} features, ${kind}, in ${duration(tookMs / 1000)}.`,
    `A normal window it has not seen has an index of ${shortNumber(median(scores))}; above ${shortNumber(threshold)} it is an anomaly (${shortNumber(100 * above)} % of them were).`,
    ...examples.remarks.map((remark) => `Note: ${remark}.`),
    ...(suspicious.length === 0 ? [] : ['Look at these, if they were not normal leave them out and learn again:']),
    ...suspicious.map((each) => `  ${placeText(each)}: index ${shortNumber(each.index)}; ${each.words}`),
    '',
    ...(written === null
      ? ['Nothing was written (--dry-run).']
      : [
          ...(takenUp?.kind === 'reloaded' && takenUp.pipelines.length > 0
            ? [`${written.ref} is in ${written.folder}.`]
            : [`${written.ref} is in ${written.folder}. Use it on an input:`, '', example(examples.window, learned.name), '']),
          takenUp === null ? readAtStart : sentenceOf(takenUp, written.ref),
        ]),
    '',
  ].join('\n');
}

function example({ lengthS, hopS }: LearnedAnomaly['examples']['window'], name: string): string {
  return [
    `  # the input: window: { length_ms: ${Math.round(lengthS * 1000)}, hop_ms: ${Math.round(hopS * 1000)} }`,
    '  stages:',
    `    - { task: detect-anomaly, model: ${name}, as: anomaly }`,
    `  report: { when: "anomaly.exists(a, a.label == 'anomaly')", mode: events }`,
  ].join('\n');
}
