/**
 * A slow series, such as a temperature every five minutes, as rows of what a forecast leaves; and what the forecast looks back at.
 */
import { limits } from '../../core/limits.js';
import { duration, forecastWords } from '../../tasks/anomaly-words.js';
import { forecastFeatures, type SeriesForecastParams, stepsNeeded, toSteps } from '../../tasks/series-forecast.js';
import { namedChannels } from '../../tasks/series-windows.js';
import { commonRate, type Examples, type Recording, refuseConstant, refused } from './examples.js';
import { fitForecast, forecastFront, forecastRows } from './forecaster.js';
import { deviation, median } from './linear.js';
import { normalGraph } from './normal-onnx.js';

const daySeconds = 86_400;
/** Below this a day is not known: two to compare, one to look back at. */
const daysMin = 3;
/** From here on a week is. */
const daysForWeek = 21;
/** A step is at least so long: what is faster is a signal of windows. */
const stepMinS = 60;
/** A day of fewer steps has no shape. */
const stepsPerDayMin = 24;
const recent = 12;
const harmonics = 6;
/** Residuals of a unit of spread that count as nothing. */
const leastScale = 1e-3;

export function forecastExamples(recordings: readonly Recording[], channels: readonly string[]): Examples {
  const rateHz = commonRate(recordings);
  const [recording] = recordings;
  if (recording === undefined || recordings.length > 1)
    throw refused('a slow series is learned from one recording without gaps: name one file');
  const { series } = recording;
  const { startMs } = series;
  if (startMs === null) throw refused(`${recording.name}: a slow series is learned by the time of day: give it a column named time`);
  const each = Math.max(1, Math.ceil(stepMinS * rateHz - 1e-9));
  const stepS = each / rateHz;
  const day = Math.round(daySeconds / stepS);
  const days = series.length / rateHz / daySeconds;
  if (day < stepsPerDayMin) throw refused(`a sample every ${duration(stepS)} is too seldom: at least one an hour is needed`);
  if (days < daysMin) {
    throw refused(
      `${duration(days * daySeconds)} of a slow series are too little: at least ${daysMin} days are needed to know a day, ${daysForWeek} to know a week`,
    );
  }
  const given = namedChannels(series, channels, recording.name);
  refuseConstant(channels, given.map(deviation));
  const weekly = days >= daysForWeek;
  const params: SeriesForecastParams = {
    step_s: stepS,
    channels: channels.map((name, c) => ({ name, centre: median(given[c] ?? []), scale: deviation(given[c] ?? []) })),
    harmonics,
    weekly,
    lags: [...Array.from({ length: recent }, (_, i) => i + 1), day - 1, day, day + 1, ...(weekly ? [7 * day] : [])],
    recent,
    spans: [1, Math.max(2, Math.round(day / 48)), Math.max(3, Math.round(day / 12))],
  };
  const features = forecastFeatures(params);
  if (features.length > limits.learnFeaturesMax)
    throw refused(`${channels.length} channels are too many for one model: name fewer with --channels`);
  const steps = params.channels.map((channel, c) => toSteps(given[c] ?? new Float32Array(), each, channel));
  const weights = fitForecast(params, steps, startMs);
  const rows = forecastRows(params, weights, steps, startMs);
  const needed = stepsNeeded(params);
  const filled = series.filled / (series.length * series.channels.length);
  return {
    kind: 'forecast',
    rows,
    places: Array.from({ length: rows.rows }, (_, row) => {
      const startS = (needed - 1 + row) * stepS;
      return { recording: recording.name, startS, timeMs: startMs + startS * 1000 };
    }),
    hopS: stepS,
    apart: params.spans.at(-1) ?? 1,
    fitting: { leastScale: features.map(() => leastScale), states: 1 },
    channels,
    words: ({ share, expected }, found) => forecastWords(features, { share, expected, found }, params.channels, stepS),
    graph: (model) => normalGraph(model, forecastFront(params, weights)),
    params: (threshold) => ({ kind: 'forecast', threshold, forecast: params, rate_hz: rateHz }),
    remarks: [
      ...(weekly
        ? []
        : [`${duration(days * daySeconds)} tell days apart, not weekdays: from ${daysForWeek} days on the week is learned too`]),
      ...(filled > 0.05 ? [`${Math.round(100 * filled)} % of the samples are missing and were filled in`] : []),
    ],
    // A step is long already. What flickers for a quarter of a day is one event, and a day later another may be told.
    events: { on_after_ms: 0, off_after_ms: 21_600_000, cooldown_ms: 86_400_000 },
    window: { lengthS: needed * stepS, hopS: stepS },
  };
}
