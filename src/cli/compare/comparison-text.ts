/** A comparison as a person reads it. */
import { plural } from '../../config/problem.js';
import { renderTable } from '../table.js';
import type { Captures } from './captures.js';
import type { Change, Comparison, Cost } from './comparison.js';
import type { StageDifference } from './difference.js';
import type { Side } from './side.js';

const changesShown = 40;
const wordsShown = 4;

/** Lines with a newline at the end. */
export function comparisonText(sides: readonly [Side, Side], captures: Captures, comparison: Comparison): string {
  const [old, now] = sides;
  const blocks = [
    [
      `${plural(comparison.captures, 'capture')} by`,
      `  old  ${old.label} (config_hash ${old.configHash})`,
      `  new  ${now.label} (config_hash ${now.configHash})`,
    ],
    ...Object.entries(comparison.pipelines).map(([name, { captures: looked, same, changes }]) => [
      `${name}: ${same} of ${looked} the same`,
      ...changes.slice(0, changesShown).map((change) => `  ${changeText(change)}`),
      ...(changes.length > changesShown ? [`  and ${changes.length - changesShown} more (--json has all)`] : []),
    ]),
    costText(comparison),
    notCompared(sides, captures, comparison),
  ];
  const text = blocks.filter((block) => block.length > 0).map((block) => block.join('\n'));
  return `${text.join('\n\n')}\n`.replace(/[^\P{Cc}\n]/gu, '?');
}

function changeText({ file, outcome, reason, stages }: Change): string {
  const parts = [
    ...(outcome === undefined ? [] : [`${outcome[0]} -> ${outcome[1]}${reason === undefined ? '' : ` (${reason})`}`]),
    ...stages.map(stageText),
  ];
  return `${file}: ${parts.join('; ')}`;
}

function stageText({ stage, found: [old, now], gone, came }: StageDifference): string {
  const count = old === now ? `${stage} ${now}` : `${stage} ${old} -> ${now}`;
  const words = [...(gone.length === 0 ? [] : [`gone ${some(gone)}`]), ...(came.length === 0 ? [] : [`came ${some(came)}`])];
  return words.length === 0 ? count : `${count}: ${words.join(', ')}`;
}

function some(words: readonly string[]): string {
  const rest = words.length - wordsShown;
  return `${words.slice(0, wordsShown).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function costText({ cost }: Comparison): string[] {
  const row = (name: string, [old, now]: Cost) => [name, old.toFixed(1), now.toFixed(1), old === 0 ? '' : signed((now / old - 1) * 100)];
  const rows = Object.entries(cost.stages).map(([name, each]) => row(name, each));
  return rows.length === 0 ? [] : [renderTable(['MODELS, ms', 'OLD', 'NEW', ''], [...rows, row('all', cost.total_ms)])];
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(0)} %`;
}

function notCompared(sides: readonly [Side, Side], { unreadable, leftOut }: Captures, { unread }: Comparison): string[] {
  const [old, now] = sides;
  const only = (side: Side, other: Side, which: string) =>
    side.names.filter((name) => !other.names.includes(name)).map((name) => `${name}: only in ${which}, not compared`);
  return [
    ...only(old, now, 'old'),
    ...only(now, old, 'new'),
    ...old.problems.map((problem) => `does not run in old: ${problem}`),
    ...now.problems.map((problem) => `does not run in new: ${problem}`),
    ...unreadable.map(({ file, reason }) => `left out: ${reason.startsWith(file) ? reason : `${file}: ${reason}`}`),
    ...unread.map((file) => `${file}: no pipeline of both reads it`),
    ...(leftOut === 0 ? [] : [`left out: ${plural(leftOut, 'more file')}, see --limit`]),
  ];
}
