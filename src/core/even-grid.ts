/**
 * A series whose rows came at uneven times, laid on an even grid: rows that are missing, twice there or late are what loggers write.
 *
 * Guarantees: only where more than half of the steps are the same within a tenth, and the grid has no more than four samples for each row:
 * else nobody could say what the rate was. Between two rows lies the line between them; every sample without a row within half a step is
 * counted as filled. Of rows with the same time the last counts.
 */
import { limits } from './limits.js';
import type { Series } from './series.js';

const gridPerRowMax = 4;

/** `times` in ms, one a row. Null where there is no such grid. */
export function evenGrid(series: Series, times: readonly (number | null)[]): Series | null {
  const order = inTime(times);
  if (order === null || order.length < 3) return null;
  const at = order.map((row) => times[row] ?? 0);
  const steps = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  const step = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const usual = steps.filter((each) => Math.abs(each - step) <= step / 10).length;
  const [start = 0] = at;
  const length = Math.round(((at.at(-1) ?? 0) - start) / step) + 1;
  const channels = series.channels.length;
  if (usual * 2 <= steps.length || length > gridPerRowMax * order.length || length * channels > limits.seriesValuesMax) return null;
  const data = new Float32Array(channels * length);
  let without = 0;
  let row = 0;
  for (let i = 0; i < length; i++) {
    const time = start + i * step;
    while (row < at.length - 2 && (at[row + 1] ?? 0) <= time) row++;
    const [before, after] = [at[row] ?? 0, at[row + 1] ?? 0];
    const share = Math.min(1, Math.max(0, (time - before) / (after - before)));
    if (Math.min(Math.abs(time - before), Math.abs(time - after)) > step / 2) without++;
    for (let c = 0; c < channels; c++) {
      const value = (r: number) => series.data[c * series.length + (order[r] ?? 0)] ?? 0;
      data[c * length + i] = value(row) * (1 - share) + value(row + 1) * share;
    }
  }
  return { channels: series.channels, rateHz: 1000 / step, length, data, startMs: start, filled: series.filled + without * channels };
}

/** Rows in the order of their times, of those with the same time the last; null where a row has none. */
function inTime(times: readonly (number | null)[]): number[] | null {
  if (times.includes(null)) return null;
  const rows = times.map((_, row) => row).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
  return rows.filter((row, i) => times[row] !== times[rows[i + 1] ?? -1]);
}
