/** An audit for a person: the hits, and what the answers show. */
import type { Scored } from '../../core/calibration.js';
import { bandsOf, type Precision, precisionOf, thresholdFor } from '../../core/precision.js';
import { printable } from '../printable.js';
import { renderTable } from '../table.js';
import type { Audit, Hit } from './audit-file.js';

export function hitText(hit: Hit, file: string | null, number: number, of: number): string {
  const place = file === null ? 'the file is kept no longer' : printable(file);
  const head = `${number} of ${of}  ${printable(hit.capture)}, by input ${hit.input}, ${hit.at}`;
  return [head, `    ${place}`, ...hit.found.map((line) => `    ${line}`)].join('\n');
}

export function listText({ sample, answers }: Audit, fileOf: (hit: Hit) => string | null): string {
  const rows = sample.map((hit) => [
    hit.id,
    answers[hit.id] ?? '',
    hit.score.toFixed(2),
    hit.input,
    printable(hit.capture),
    printable(fileOf(hit) ?? '-'),
    hit.found[0] ?? '',
  ]);
  return renderTable(['ID', 'ANSWER', 'SCORE', 'INPUT', 'CAPTURE', 'FILE', 'FOUND'], rows);
}

export interface AuditReport {
  readonly precision: Precision;
  readonly bands: ReturnType<typeof bandsOf>;
  readonly threshold: ReturnType<typeof thresholdFor>;
  readonly skipped: number;
  readonly unanswered: number;
}

export function reportOf({ sample, answers }: Audit, wanted: number): AuditReport {
  const answered = sample.flatMap(({ id, score }): Scored[] => {
    const answer = answers[id];
    return answer === 'yes' || answer === 'no' ? [{ score, right: answer === 'yes' }] : [];
  });
  const skipped = sample.filter(({ id }) => answers[id] === 'skip').length;
  return {
    precision: precisionOf(answered),
    bands: bandsOf(answered),
    threshold: thresholdFor(answered, wanted),
    skipped,
    unanswered: sample.length - skipped - answered.length,
  };
}

/** Several lines, without a newline at the end. */
export function reportText(audit: Audit, report: AuditReport, wanted: number): string {
  const { precision, bands, skipped, unanswered } = report;
  const left = [...(skipped === 0 ? [] : [`${skipped} skipped`]), ...(unanswered === 0 ? [] : [`${unanswered} not answered yet`])];
  const where = `${audit.pipeline}${audit.input === null ? '' : ` on ${audit.input}`}`;
  const drawn = `${audit.sample.length} hits drawn from ${audit.from} results told since ${audit.oldest_at}`;
  if (precision.of === 0) return `${where}: ${drawn}; none is answered yes or no, so nothing can be said.`;
  const rows = bands.map((band) => [
    `${band.from.toFixed(1)} .. ${band.to.toFixed(1)}`,
    `${band.right} of ${band.of}`,
    percent(band.share),
    interval(band),
    band.meanScore.toFixed(2),
  ]);
  return [
    `${where}: ${precision.right} of ${precision.of} hits are right: precision ${percent(precision.share)}, 95 % interval ${interval(precision)}.`,
    `${drawn}${left.length === 0 ? '' : `; ${left.join(', ')}`}.`,
    '',
    renderTable(['BEST SCORE', 'RIGHT', 'PRECISION', '95 % INTERVAL', 'MEAN SCORE'], rows),
    '',
    thresholdText(report, wanted),
    ...mixedText(audit),
  ].join('\n');
}

function thresholdText({ threshold, precision }: AuditReport, wanted: number): string {
  const goal = percent(wanted);
  if (threshold !== null) {
    const all = threshold.of === precision.of ? 'every score told here' : `a best score of ${threshold.score} and above`;
    return `For ${goal} precision: ${all}; ${threshold.right} of ${threshold.of} are right, which shows ${percent(threshold.low)} or more.`;
  }
  return `The answers show ${goal} precision from no score on: the lower end of the interval stays below. It takes at least ${leastRight(wanted)} right ones without a wrong one.`;
}

/** Scores of two kinds in one table say little. */
function mixedText({ sample }: Audit): string[] {
  const count = sample.filter(({ calibrated }) => calibrated).length;
  if (count === 0) return [];
  if (count === sample.length) return ['The scores are calibrated.'];
  return [
    `The scores of ${count} hits are calibrated, those of ${sample.length - count} are not: bands and threshold mix both. Draw anew with --since.`,
  ];
}

/** How many right answers show a precision: the lower end of Wilson's interval of n of n is n / (n + z^2). */
function leastRight(wanted: number): number {
  let count = 1;
  while (precisionOf(Array.from({ length: count }, () => ({ right: true }))).low < wanted) count++;
  return count;
}

function interval({ low, high }: Precision): string {
  return `${(low * 100).toFixed(1)} .. ${(high * 100).toFixed(1)} %`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}
