/**
 * What is learned to be normal, against what is not: `npm run bench -- anomaly`.
 *
 * Vibration: a fan at three speeds and off (normal), with a weight on a blade, and moved about. Each class is one recording of its own, and its
 * mean alone would give it away, so each window's axes lose their mean first. Learned from the first 15 windows of every normal class;
 * the rest of them is judged against what is not normal.
 *
 * Slow series (Numenta Anomaly Benchmark): learned from the first tenth, a week at least; the threshold stands before the labels are read. The
 * rest goes step by step through the event machine with the rules that the model brings along. A labelled window is found when an event is on
 * in it; a false alarm is an event that is on in none. Labels that lie in what was learned from count as missed.
 *
 * All is judged by the ONNX model that was written, through the task and the engine's own session.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EventState, sight } from '../src/core/event.js';
import type { Observation } from '../src/core/result.js';
import { encodeSeries, type Series } from '../src/core/series.js';
import { readSeriesTable } from '../src/core/series-table.js';
import type { Task } from '../src/core/task.js';
import type { Recording } from '../src/learn/anomaly/examples.js';
import { type AnomalyOptions, type LearnedAnomaly, learnAnomaly } from '../src/learn/anomaly/learn-anomaly.js';
import { writeLearned } from '../src/learn/write-learned.js';
import { readCard } from '../src/registry/card.js';
import { detectAnomaly } from '../src/tasks/detect-anomaly.js';
import { type OpenedTask, openTask } from '../tools/run-task.js';
import { type Figure, figure, testData } from './figure.js';

const rateHz = 200;
const windowSamples = 200;
const learnedWindows = 15;
const axes = ['x', 'y', 'z'];
const normalClasses = ['low_0_weight', 'med_0_weight', 'high_0_weight', 'off_0_weight'];
const oddClasses: Readonly<Record<string, readonly string[]>> = {
  weight: ['low_1_weight', 'high_1_weight'],
  moving: ['low_0_weight-moving'],
};
const slowSeries = [
  'art_daily_flatmiddle',
  'art_daily_jumpsup',
  'art_daily_small_noise',
  'machine_temperature_system_failure',
  'nyc_taxi',
  'rogue_agent_key_hold',
];
const weekMs = 7 * 86_400_000;
/** Steps judged in one go: a capture answers with a bounded number of observations. */
const stepsAtOnce = 1500;

const usual: AnomalyOptions = { name: 'learned', windowS: 1, hopS: 1, falseAlarmEveryS: 28 * 86_400, acceptDrift: false };

export async function anomaly(): Promise<readonly Figure[]> {
  const data = path.join(testData(), 'data');
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-anomaly-'));
  try {
    return [...(await vibration(path.join(data, 'fan_vibration'), folder)), ...(await slow(path.join(data, 'nab'), folder)), fitting(data)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function opened({ learned }: LearnedAnomaly, folder: string): Promise<OpenedTask> {
  const { folder: version } = await writeLearned(folder, learned, async () => []);
  return openTask(detectAnomaly as Task, (await readCard(version)).model);
}

// ---------------------------------------------------------------- vibration

/** Windows, axes, samples. */
type Windows = readonly (readonly (readonly number[])[])[];

/** The windows of a class, each a file of 200 x 3 numbers, without their means. */
function windowsOf(folder: string, name: string): Windows {
  const files = readdirSync(path.join(folder, `fan_0_${name}`)).sort();
  return files.map((file) => {
    const rows = readFileSync(path.join(folder, `fan_0_${name}`, file), 'utf8')
      .trim()
      .split('\n');
    const columns = axes.map((_, axis) => rows.map((row) => Number(row.split(',')[axis])));
    return columns.map((column) => {
      const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
      return column.map((value) => value - mean);
    });
  });
}

function seriesOf(windows: Windows): Series {
  const data = Float32Array.from(axes.flatMap((_, axis) => windows.flatMap((window) => window[axis] ?? [])));
  return { channels: axes, rateHz, length: windows.length * windowSamples, data, startMs: null, filled: 0 };
}

async function vibration(folder: string, models: string): Promise<Figure[]> {
  const normal = normalClasses.map((name) => ({ name, windows: windowsOf(folder, name) }));
  const recordings = normal.map(({ name, windows }) => ({ name, series: seriesOf(windows.slice(0, learnedWindows)) }));
  const task = await opened(learnAnomaly(recordings, usual), models);
  const judged = async (windows: Windows) => (await task.run(encodeSeries(seriesOf(windows)))).observations;
  const well = (await Promise.all(normal.map(({ windows }) => judged(windows.slice(learnedWindows))))).flat();
  const figures: Figure[] = [];
  for (const [what, classes] of Object.entries(oddClasses)) {
    const odd: Observation[] = [];
    for (const name of classes) {
      const found = await judged(windowsOf(folder, name));
      odd.push(...found);
      if (classes.length > 1) figures.push(figure(`fan: AUC of ${name} against normal`, areaUnder(well, found), '', 'higher'));
      figures.push(figure(`fan: windows of ${name} above the learned threshold`, share(found), 'share', 'higher'));
    }
    figures.push(figure(`fan: AUC of ${what} against normal`, areaUnder(well, odd), '', 'higher', 0.9));
  }
  figures.push(figure('fan: normal windows above the learned threshold', share(well), 'share', 'lower'));
  await task.close();
  return figures;
}

function share(observations: readonly Observation[]): number {
  return observations.filter(({ label }) => label === 'anomaly').length / observations.length;
}

/** How often an odd one has the higher index; a tie is half. */
function areaUnder(normal: readonly Observation[], odd: readonly Observation[]): number {
  const indices = (all: readonly Observation[]) => all.map(({ values }) => values?.index ?? Number.NaN);
  let won = 0;
  for (const a of indices(odd)) for (const b of indices(normal)) won += a > b ? 1 : a === b ? 0.5 : 0;
  return won / (normal.length * odd.length);
}

// ---------------------------------------------------------------- slow series

interface SlowVerdict {
  readonly name: string;
  readonly windows: number;
  readonly found: number;
  readonly falseAlarms: number;
  readonly weeks: number;
}

async function slow(folder: string, models: string): Promise<Figure[]> {
  const alarms: { name: string; events: Awaited<ReturnType<typeof eventsIn>> }[] = [];
  for (const name of slowSeries) {
    const series = readSeriesTable(readFileSync(path.join(folder, `${name}.csv`)), 'text/csv');
    alarms.push({ name, events: await eventsIn(name, series, models) });
  }
  // From here on, and not before, the labels are known.
  const labels = JSON.parse(readFileSync(path.join(folder, 'combined_windows.json'), 'utf8')) as Record<string, [string, string][]>;
  const verdicts = alarms.map(({ name, events: { spans, fromMs, toMs } }): SlowVerdict => {
    const [, given = []] = Object.entries(labels).find(([file]) => file.endsWith(`/${name}.csv`)) ?? [];
    const windows = given.map(([from, to]) => [timeOf(from), timeOf(to)] as const);
    const meets = ([a, b]: readonly [number, number], [c, d]: readonly [number, number]) => a <= d && c <= b;
    return {
      name,
      windows: windows.length,
      found: windows.filter((window) => spans.some((span) => meets(window, span))).length,
      falseAlarms: spans.filter((span) => !windows.some((window) => meets(window, span))).length,
      weeks: (toMs - fromMs) / weekMs,
    };
  });
  const missed = ({ windows, found }: SlowVerdict): number => windows - found;
  const worstFirst = [...verdicts].sort((a, b) => missed(b) - missed(a) || b.falseAlarms / b.weeks - a.falseAlarms / a.weeks);
  const sum = (of: (verdict: SlowVerdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  return [
    ...worstFirst.flatMap(({ name, windows, found, falseAlarms, weeks }) => [
      ...(windows === 0 ? [] : [figure(`${name}: labelled windows found, of ${windows}`, found, '', 'higher')]),
      figure(`${name}: false alarms a week, in ${weeks.toFixed(1)} weeks`, falseAlarms / weeks, '', 'lower', 1),
    ]),
    figure(
      `slow series: share of the ${sum(({ windows }) => windows)} labelled windows found`,
      sum(({ found }) => found) / sum(({ windows }) => windows),
      '',
      'higher',
      0.6,
    ),
  ];
}

function timeOf(text: string): number {
  return Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`);
}

/** When events were on, by the threshold and the rules that were learned; from the end of what was learned from to the end. */
async function eventsIn(name: string, series: Series, models: string) {
  const { startMs } = series;
  if (series.rateHz === null || startMs === null) throw new Error(`${name} has no even rate`);
  const stepMs = 1000 / series.rateHz;
  const learnedFrom = Math.max(Math.ceil(weekMs / stepMs), Math.floor(series.length / 10));
  const recording: Recording = { name, series: cut(series, 0, learnedFrom) };
  const learned = learnAnomaly([recording], { ...usual, name: name.replaceAll('_', '-'), acceptDrift: true });
  const task = await opened(learned, models);
  const history = Math.round(learned.examples.window.lengthS * series.rateHz) - 1;
  const { on_after_ms: onAfterMs, off_after_ms: offAfterMs, cooldown_ms: cooldownMs } = learned.examples.events;
  const rules = { onAfterMs, offAfterMs, cooldownMs, updateEveryMs: 0 };
  const spans: (readonly [number, number])[] = [];
  let state: EventState | null = null;
  let seq = 0;
  for (let at = learnedFrom; at < series.length; at += stepsAtOnce) {
    const until = Math.min(series.length, at + stepsAtOnce);
    const { observations } = await task.run(encodeSeries(cut(series, at - history, until)));
    if (observations.length !== until - at) throw new Error(`${observations.length} answers for ${until - at} steps`);
    for (const [i, { label, score }] of observations.entries()) {
      const monoMs = (at + i) * stepMs;
      const mark = { captureId: `${at + i}`, resultId: `${at + i}`, capturedAt: '', clockSynced: true, boot: 1, seq: seq++ };
      const sighting = { ...mark, monoMs, holds: label === 'anomaly', score, labels: [] };
      const step: ReturnType<typeof sight> = sight(state, sighting, rules, { monoMs, kernel: 1 }, ['p', 'i']);
      state = step.state;
      for (const { phase, durationMs, end } of step.tellings) {
        if (phase !== 'end' || end === null) continue;
        const endMs = startMs + Number(end.mark.captureId) * stepMs;
        spans.push([endMs - durationMs, endMs]);
      }
    }
  }
  if (state?.open) spans.push([startMs + (state.run?.sinceMs ?? 0), startMs + series.length * stepMs]);
  await task.close();
  return { spans, fromMs: startMs + learnedFrom * stepMs, toMs: startMs + series.length * stepMs };
}

function cut(series: Series, from: number, to: number): Series {
  const data = new Float32Array(series.channels.length * (to - from));
  for (let c = 0; c < series.channels.length; c++) {
    data.set(series.data.subarray(c * series.length + from, c * series.length + to), c * (to - from));
  }
  const startMs = series.startMs === null || series.rateHz === null ? null : series.startMs + (from * 1000) / series.rateHz;
  return { ...series, data, length: to - from, startMs };
}

// ---------------------------------------------------------------- time

/** Ten minutes of three axes at 200 Hz: the normal classes, over and over, in the windows that the command takes. One thread, so CPU time. */
function fitting(data: string): Figure {
  const windows = normalClasses.flatMap((name) => windowsOf(path.join(data, 'fan_vibration'), name));
  const recordings = [{ name: 'ten minutes', series: seriesOf(Array.from({ length: 600 }, (_, i) => windows[i % windows.length] ?? [])) }];
  const before = process.cpuUsage();
  learnAnomaly(recordings, { ...usual, hopS: 0.5 });
  const { user, system } = process.cpuUsage(before);
  return figure('fitting 10 minutes of 3 x 200 Hz', (user + system) / 1e6, 's CPU', 'lower', 5);
}
