/**
 * `npm run bench -- learn`: what `shoal learn classes` learns from a few spoken digits on a bundled embedding, and from messages that are spam or not,
 * right on samples it never saw; and what learning costs in processor time.
 *
 * The digits are FSDD's, at most three of each digit and speaker at hand: one of each, drawn by five seeds, is held out, and the other one or two are
 * learned from; that is fewer than the five a person would record. The messages are divided into five fixed folds, copies of a text in one fold.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { seededRandom } from '../src/core/random.js';
import { bucketRows, denseRows } from '../src/learn/classes/features.js';
import { dividedInFolds, type Examples, type Fitted, fitClasses } from '../src/learn/classes/fit-classes.js';
import { judgeClasses } from '../src/learn/classes/judge-classes.js';
import { scoreRow, softmax } from '../src/learn/classes/logistic.js';
import { openRegistry } from '../src/registry/registry.js';
import { embedAudio } from '../src/tasks/embed-audio.js';
import { textBuckets } from '../src/tasks/text-features.js';
import { catalogueModel } from '../test/support/catalogue.js';
import { openTask } from '../tools/run-task.js';
import { type Figure, figure, testData } from './figure.js';

const seed = 7;
const drawsMade = 5;
/** As the command has it. */
const sure = 0.95;

export async function learn(): Promise<Figure[]> {
  const bundled = (await openRegistry(['models'])).find('sound-shape');
  if (bundled === null) throw new Error('models/sound-shape is missing');
  return [
    ...(await digits('sound-shape', await clipsOf(bundled), 80)),
    ...(await digits('sound-embedding-dscnn', await clipsOf(await catalogueModel(testData(), 'sound-embedding-dscnn')), null)),
    ...(await spam()),
  ];
}

interface Clip {
  readonly digit: number;
  readonly speaker: string;
  /** A row a window. */
  readonly rows: readonly (readonly number[])[];
}

async function clipsOf(model: Parameters<typeof openTask>[1]): Promise<Clip[]> {
  const folder = path.join(testData(), 'data', 'fsdd');
  const task = await openTask(embedAudio, model);
  const clips: Clip[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const [digit, speaker = ''] = name.split('_');
    const { observations } = await task.run(await readFile(path.join(folder, name)), undefined, { per: 'window' });
    clips.push({ digit: Number(digit), speaker, rows: observations.map(({ embedding = [] }) => embedding) });
  }
  await task.close();
  return clips;
}

const labels = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

async function digits(name: string, clips: readonly Clip[], target: number | null): Promise<Figure[]> {
  const draws = Array.from({ length: drawsMade }, (_, i) => drawn(clips, seed + i));
  const [first] = draws;
  if (first === undefined) throw new Error('nothing was drawn');
  const shares = draws.map(({ held }) => percent(held));
  const told = draws.flatMap((draw) => draw.told);
  const all = draws.reduce((sum, { held }) => sum + held.length, 0);
  const strangers: boolean[] = [];
  for (const speaker of new Set(clips.map((clip) => clip.speaker))) {
    const others = fit(clips.filter((clip) => clip.speaker !== speaker)).fitted;
    strangers.push(...clips.filter((clip) => clip.speaker === speaker).map((clip) => answer(others, clip).right));
  }
  const of = `learned from ${first.clips} clips, ${first.held.length} held out, ${drawsMade} draws`;
  return [
    figure(`${name}: held-out digits right, ${of}, mean`, shares.reduce((sum, each) => sum + each, 0) / drawsMade, '%', 'higher', target),
    figure(`${name}: the same, the worst draw`, Math.min(...shares), '%', 'higher'),
    figure(`${name}: held-out digits told, from the learned min_score on`, (100 * told.length) / all, '%', 'higher'),
    figure(`${name}: of those told right`, percent(told), '%', 'higher'),
    figure(`${name}: digits of a speaker nobody learned from right`, percent(strangers), '%', 'higher'),
    figure(`${name}: processor time to learn from ${first.clips} clips, embedded already`, first.userMs, 'ms', 'lower'),
  ];
}

/** Of each digit and speaker one clip is held out. Whether each held-out clip is right, and each that is told. */
function drawn(clips: readonly Clip[], draw: number) {
  const random = seededRandom(draw);
  const those = new Map<string, Clip[]>();
  for (const clip of clips) those.set(`${clip.digit} ${clip.speaker}`, [...(those.get(`${clip.digit} ${clip.speaker}`) ?? []), clip]);
  const out = new Set([...those.values()].map((some) => some[Math.floor(random() * some.length)]));
  const began = process.cpuUsage();
  const { fitted, examples } = fit(clips.filter((clip) => !out.has(clip)));
  const { user } = process.cpuUsage(began);
  const held = clips.filter((clip) => out.has(clip)).map((clip) => answer(fitted, clip));
  const { minScore } = judgeClasses(fitted, examples.classOf, labels, sure);
  const rights = (some: typeof held) => some.map(({ right }) => right);
  return {
    clips: examples.classOf.length,
    userMs: user / 1000,
    held: rights(held),
    told: rights(held.filter(({ score }) => score >= minScore)),
  };
}

function fit(clips: readonly Clip[]): { fitted: Fitted; examples: Examples } {
  const all = clips.flatMap(({ rows }) => rows);
  const examples: Examples = {
    rows: denseRows(all, all[0]?.length ?? 0),
    dense: true,
    sampleOf: Int32Array.from(clips.flatMap(({ rows }, i) => rows.map(() => i))),
    classOf: Int32Array.from(clips, ({ digit }) => digit),
    groupOf: Int32Array.from(clips, (_, i) => i),
    classes: labels.length,
  };
  return { fitted: fitClasses(examples, seed), examples };
}

function answer({ linear }: Fitted, { digit, rows }: Clip): { right: boolean; score: number } {
  const shares = new Float64Array(labels.length);
  const scores = new Float64Array(labels.length);
  const all = denseRows(rows, rows[0]?.length ?? 0);
  for (const row of rows.keys()) {
    scoreRow(all, row, linear, scores);
    softmax(scores);
    for (const [k, score] of scores.entries()) shares[k] = (shares[k] ?? 0) + score / rows.length;
  }
  const score = Math.max(...shares);
  return { right: shares.indexOf(score) === digit, score };
}

function percent(rights: readonly boolean[]): number {
  return (100 * rights.filter(Boolean).length) / rights.length;
}

/** As `shoal learn classes --text` has them. */
const features = { buckets: 1 << 16, words: 2, characters: [2, 4] as [number, number] };

async function spam(): Promise<Figure[]> {
  const table = await readFile(path.join(testData(), 'data', 'sms_spam', 'SMSSpamCollection'), 'utf8');
  const lines = table.split('\n').filter((line) => line.includes('\t'));
  const texts = lines.map((line) => line.slice(line.indexOf('\t') + 1).trim());
  const classOf = Int32Array.from(lines, (line) => (line.startsWith('spam\t') ? 1 : 0));
  const numbers = new Map<string, number>();
  for (const text of texts) if (!numbers.has(text)) numbers.set(text, numbers.size);
  const groupOf = Int32Array.from(texts, (text) => numbers.get(text) ?? 0);
  const foldOf = dividedInFolds({ classOf, groupOf, classes: 2 }, seed);
  const buckets = texts.map((text) => textBuckets(text, features));
  const began = process.cpuUsage();
  const scores = [0, 1, 2, 3, 4].map((fold) => f1Of(fold, foldOf, buckets, classOf, groupOf));
  const { user } = process.cpuUsage(began);
  return [
    figure('spam: mean F1 of five fixed folds', scores.reduce((sum, score) => sum + score, 0) / 5, 'F1', 'higher', 0.93),
    figure('spam: F1 of the worst fold', Math.min(...scores), 'F1', 'higher'),
    figure(`spam: processor time to learn from ${Math.round(texts.length * 0.8)} messages`, user / 5e6, 's', 'lower'),
  ];
}

/** Everything but the fold is learned from, its strength chosen there too. */
function f1Of(fold: number, foldOf: Int32Array, buckets: readonly Int32Array[], classOf: Int32Array, groupOf: Int32Array): number {
  const samples = [...foldOf.keys()].filter((sample) => foldOf[sample] !== fold);
  const pick = (from: Int32Array) => Int32Array.from(samples, (sample) => from[sample] ?? 0);
  const rows = bucketRows(
    samples.map((sample) => buckets[sample] ?? new Int32Array()),
    features.buckets,
  );
  const { linear } = fitClasses(
    { rows, dense: false, sampleOf: Int32Array.from(samples, (_, i) => i), classOf: pick(classOf), groupOf: pick(groupOf), classes: 2 },
    seed,
  );
  const all = bucketRows(buckets, features.buckets);
  let [hits, misses, alarms] = [0, 0, 0];
  const scores = new Float64Array(2);
  for (const [sample, own] of foldOf.entries()) {
    if (own !== fold) continue;
    scoreRow(all, sample, linear, scores);
    const told = (scores[1] ?? 0) > (scores[0] ?? 0);
    if (told && classOf[sample] === 1) hits++;
    else if (told) alarms++;
    else if (classOf[sample] === 1) misses++;
  }
  return (2 * hits) / (2 * hits + misses + alarms);
}
