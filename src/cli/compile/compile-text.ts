/** What a compilation came to, as a table for a person and as JSON. */
import type { TaskMetric } from '../../core/task.js';
import type { SampleScore, Spread } from '../../core/workbench.js';
import { printable } from '../printable.js';
import { renderTable } from '../table.js';
import type { CompileOutcome } from './compile-protocol.js';

const skippedShown = 5;

export function compileText(outcome: CompileOutcome, metric: TaskMetric, also: Omit<TaskMetric, 'budget'> | undefined): string {
  const rows = [
    row('original', outcome.sourceBytes, outcome.original, also, 'as it is'),
    ...outcome.variants.map(({ name, model, evaluation, kept }) => row(name, model.length, evaluation, also, kept ? 'kept' : 'refused')),
  ];
  const headers = [
    'VARIANT',
    'SIZE',
    'CPU MS A RUN',
    'WALL MS A RUN',
    'MEMORY',
    'ERRORS',
    ...(also === undefined ? [] : ['ALSO']),
    'VERDICT',
  ];
  const lines = [
    renderTable(headers, rows),
    '',
    ...outcome.variants.map(({ name, reason }) => `${name}: ${printable(reason)}`),
    `Milliseconds are median (smallest .. largest) of one thread, the variants in turn.`,
    `Errors are ${metric.name}, on ${outcome.heldOut} samples that took no part in the calibration (${outcome.calibration} others).`,
    ...(also === undefined ? [] : [`Also: ${also.name}, which does not decide.`]),
    ...skippedText(outcome.skipped),
  ];
  return lines.join('\n');
}

function row(
  name: string,
  bytes: number,
  { scores, also = [], cpuMs, wallMs, memoryBytes, failure }: CompileOutcome['original'],
  second: unknown,
  verdict: string,
): string[] {
  if (failure !== undefined) return [name, megabytes(bytes), '-', '-', '-', '-', ...(second === undefined ? [] : ['-']), verdict];
  const extra = second === undefined ? [] : [errors(also)];
  return [name, megabytes(bytes), spread(cpuMs), spread(wallMs), megabytes(memoryBytes), errors(scores), ...extra, verdict];
}

function spread({ median, min, max }: Spread): string {
  return `${milliseconds(median)} (${milliseconds(min)} .. ${milliseconds(max)})`;
}

function milliseconds(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(3);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function errors(scores: readonly SampleScore[]): string {
  const [wrong, total] = sum(scores);
  return `${wrong} of ${total}${total === 0 ? '' : ` (${((wrong / total) * 100).toFixed(2)} %)`}`;
}

export function sum(scores: readonly SampleScore[]): [errors: number, total: number] {
  return scores.reduce<[number, number]>(([wrong, total], score) => [wrong + score.errors, total + score.total], [0, 0]);
}

function skippedText(skipped: CompileOutcome['skipped']): string[] {
  if (skipped.length === 0) return [];
  const shown = skipped.slice(0, skippedShown).map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}`);
  const more = skipped.length > skippedShown ? [`  and ${skipped.length - skippedShown} more`] : [];
  return [`${skipped.length} files were not used:`, ...shown, ...more];
}
