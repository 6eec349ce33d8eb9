/** What a calibration came to, for a person. */
import { type Calibration, calibrated, type StatedCalibration } from '../../core/calibration.js';
import type { ScoredSamples } from '../../engine/workbench/score-samples.js';
import { printable } from '../printable.js';
import { renderTable } from '../table.js';

const skippedShown = 5;
const shownScores = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1];

export type ToldCalibration = StatedCalibration & {
  readonly model: string;
  readonly variant: string;
  readonly brier_before: number;
  readonly brier_after: number;
};

/** `where` is where it was kept; null when it was not. */
export function calibrationText(told: ToldCalibration, { fit, judge }: ScoredSamples, where: string | null): string {
  const { model, variant, ece_before, ece_after, brier_before, brier_after } = told;
  const rows = [
    ['expected calibration error', `${ece_before}`, `${ece_after}`],
    ['Brier score', brier_before.toFixed(4), brier_after.toFixed(4)],
  ];
  const lines = [
    `${model}, variant ${variant}: fitted on ${fit.length} observations (${share(fit)} right), judged on ${judge.length} others (${share(judge)} right).`,
    '',
    renderTable(['ON THE OTHERS', 'AS IT IS', 'CALIBRATED'], rows),
    '',
    `${curveText(told)}: ${shownScores.map((score) => `${score} -> ${calibrated(told, score).toFixed(2)}`).join(', ')}.`,
    where ?? 'Nothing was kept: on samples it was not fitted on, the scores are no better calibrated than as they are.',
  ];
  return `${lines.join('\n')}\n`;
}

/** `temperature 1.43`, `isotonic, 7 points`. */
export function curveText(calibration: Calibration): string {
  return calibration.method === 'temperature'
    ? `temperature ${Number(calibration.temperature.toPrecision(3))}`
    : `isotonic, ${calibration.points.length} ${calibration.points.length === 1 ? 'point' : 'points'}`;
}

/** Samples that took no part, with the reason. */
export function skippedText({ without, skipped }: ScoredSamples): string[] {
  const all = [...without.map((name) => ({ name, reason: 'no truth beside it' })), ...skipped];
  const shown = all.slice(0, skippedShown).map(({ name, reason }) => `${printable(name)} is not used: ${printable(reason)}`);
  return all.length > shown.length ? [...shown, `and ${all.length - shown.length} more files are not used`] : shown;
}

function share(all: ScoredSamples['fit']): string {
  return `${Math.round((all.filter(({ right }) => right).length / Math.max(1, all.length)) * 100)} %`;
}
