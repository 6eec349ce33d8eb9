/**
 * `npm run bench -- cascade [CAPTURES]`: what gates and second looks save on a mixed stream, and whether they find the same.
 *
 * The same captures go through two pairs of pipelines in one process, in turn which is first: one runs every stage on everything, one asks
 * a small look first, and takes the cheap variant where that is sure. Every stage on everything is the float variants. Compute is processor time of the process. Findings are faces and lines of text: one
 * agrees when the other run has one in the same place, and what either has alone is a disagreement. What the lines say is compared by the
 * metric that decides between variants, characters without spaces. Neither run is the truth: where they differ either may be right.
 * Bounds are over captures drawn again and again, since the findings of one picture hang together.
 * Rows for other shares of captures with something to find are mixed from the costs measured for each kind.
 */
import { readFile } from 'node:fs/promises';
import { boardClassOf } from '../src/core/board-class.js';
import type { EngineJob, PipelineAnswer } from '../src/core/job.js';
import type { PipelineConfig, StageConfig } from '../src/core/pipeline.js';
import type { Observation } from '../src/core/result.js';
import { Costs } from '../src/engine/costs.js';
import { type JobTools, runJob } from '../src/engine/run-job.js';
import { Sessions } from '../src/engine/sessions.js';
import { bundledModels } from '../src/parts.js';
import { openRegistry } from '../src/registry/registry.js';
import { resolvePipelines } from '../src/registry/resolve.js';
import { characterErrors } from '../src/tasks/character-errors.js';
import { tasks } from '../src/tasks/index.js';
import { type Kind, kinds, type StreamCapture, streamCapture } from './cascade-stream.js';
import { type Figure, figure, testData } from './figure.js';
import { seeded } from './rendered/random.js';
import { needFonts } from './rendered/sets.js';

/** 600 took 14 minutes on two cores shared with much else; the bounds want them, a look does with fewer. */
const usually = 240;

const stage = (task: string, as: string, more: Partial<StageConfig> = {}, options: Record<string, unknown> = {}): StageConfig => {
  const schema = tasks.find(({ name }) => name === task)?.options;
  return { task, as, ...more, options: schema?.parse(options) as Record<string, unknown> };
};
const pipeline = (...stages: StageConfig[]): PipelineConfig => ({ from: [], stages, report: { trace: 'none' }, priority: 5 });

const people = pipeline(stage('detect-faces', 'faces'), stage('landmark-face', 'meshes', { each: 'faces' }));
const pipelines = {
  'people-all': people,
  'text-all': pipeline(
    stage('detect-text', 'regions', { variant: 'fp32' }),
    stage('read-text', 'lines', { each: 'regions', variant: 'fp32' }),
  ),
  'people-gated': people,
  'text-gated': pipeline(
    stage('detect-text', 'hint', { variant: 'int8' }, { max_side_px: 256, min_score: 0.4 }),
    stage('detect-text', 'regions', { each: 'hint', variant: 'int8' }),
    stage('read-text', 'lines', { each: 'regions', variant: 'int8', accept: 'score >= 0.9', escalate: { variant: 'fp32' } }),
  ),
};
type Side = 'all' | 'gated';

/** How much of something is the same in both runs. */
interface Share {
  readonly same: number;
  readonly of: number;
}

interface Measured {
  readonly kind: Kind;
  readonly cpuMs: Readonly<Record<Side, number>>;
  readonly places: Share;
  readonly characters: Share;
}

export async function cascade([count]: readonly string[]): Promise<Figure[]> {
  needFonts();
  const captures = count === undefined ? usually : Number(count);
  if (!Number.isInteger(captures) || captures < kinds.length) throw new Error(`"${count}" is no number of captures`);
  const tools = await openTools();
  const data = testData();
  const measured: Measured[] = [];
  // Two rounds of each kind open the sessions and let code be compiled; they are not counted.
  for (let i = -2 * kinds.length; i < captures; i++) {
    const one = await measure(await streamCapture(Math.abs(i), data), i, tools);
    if (i >= 0) measured.push(one);
  }
  return [figure('captures, a quarter each', captures, '', 'higher'), ...figuresOf(measured)];
}

async function openTools(): Promise<JobTools> {
  const registry = await openRegistry([bundledModels]);
  const features = (/^(?:flags|Features)\s*:(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8'))?.[1] ?? '').trim().split(' ');
  const board = boardClassOf(process.arch, features);
  const policy = { mode: 'pinned', board, tuning: { state: 'none', reason: '' } } as const;
  const resolved = resolvePipelines(pipelines, registry, tasks, { sinks: [], hangMs: 30_000, policy });
  if (resolved.problems.length > 0) throw new Error(JSON.stringify(resolved.problems));
  return {
    tasks: new Map(tasks.map((task) => [task.name, task])),
    sessions: new Sessions({ models: registry.list(), threads: 1, arena: false, maxMemoryBytes: 2 ** 31 }),
    costs: new Costs(),
    pipelines: new Map(resolved.pipelines.map((each) => [each.name, each])),
  };
}

async function measure({ kind, bytes }: StreamCapture, index: number, tools: JobTools): Promise<Measured> {
  const cpuMs = { all: 0, gated: 0 };
  const answers: Record<Side, readonly PipelineAnswer[]> = { all: [], gated: [] };
  for (const side of index % 2 === 0 ? (['all', 'gated'] as const) : (['gated', 'all'] as const)) {
    const before = process.cpuUsage();
    answers[side] = (await runJob(jobOf(bytes, index, side), tools)).pipelines;
    const { user, system } = process.cpuUsage(before);
    cpuMs[side] = (user + system) / 1000;
  }
  const [all, gated] = [found(answers.all), found(answers.gated)];
  const { errors, total } = characterErrors.score(all.lines, gated.lines);
  const places = sum([inPlace(all.faces, gated.faces), inPlace(all.lines, gated.lines)]);
  return { kind, cpuMs, places, characters: { same: Math.max(0, total - errors), of: total } };
}

function jobOf(bytes: Uint8Array, index: number, side: Side): EngineJob {
  const header = {
    id: `capture-${index + 100}`,
    input: 'bench',
    name: `${index}.jpg`,
    kind: 'image',
    mediaType: 'image/jpeg',
    bytes: bytes.length,
    capturedAt: '2026-01-01T00:00:00.000Z',
    clockSynced: true,
    boot: 1,
    seq: 1,
  } as const;
  return { header, content: { bytes }, pipelines: [`people-${side}`, `text-${side}`], solo: true, hangMs: 30_000 };
}

function found(answers: readonly PipelineAnswer[]): Record<'faces' | 'lines', readonly Observation[]> {
  const failed = answers.find(({ state }) => state !== 'done');
  if (failed !== undefined) throw new Error(`${failed.pipeline}: ${failed.error?.message}`);
  const of = (stage: string) => answers.flatMap(({ observations }) => observations[stage] ?? []);
  return { faces: of('faces'), lines: of('lines') };
}

function inPlace(all: readonly Observation[], gated: readonly Observation[]): Share {
  const left = [...gated];
  let same = 0;
  for (const finding of all) {
    const at = left.findIndex((other) => overlap(other, finding) >= 0.5);
    if (at < 0) continue;
    left.splice(at, 1);
    same++;
  }
  return { same, of: all.length + left.length };
}

function sum(shares: readonly Share[]): Share {
  return { same: shares.reduce((total, { same }) => total + same, 0), of: shares.reduce((total, { of }) => total + of, 0) };
}

/** Intersection over union of the boxes. */
function overlap({ box: a }: Observation, { box: b }: Observation): number {
  if (a === undefined || b === undefined) return 0;
  const width = Math.min(a.x_max, b.x_max) - Math.max(a.x_min, b.x_min);
  const height = Math.min(a.y_max, b.y_max) - Math.max(a.y_min, b.y_min);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: NonNullable<Observation['box']>) => (box.x_max - box.x_min) * (box.y_max - box.y_min);
  return (width * height) / (area(a) + area(b) - width * height);
}

function figuresOf(measured: readonly Measured[]): Figure[] {
  const costs = (side: Side, of: readonly Kind[]) => {
    const those = measured.filter(({ kind }) => of.includes(kind)).map(({ cpuMs }) => cpuMs[side]);
    return those.reduce((sum, ms) => sum + ms, 0) / those.length;
  };
  const something = kinds.filter((kind) => kind !== 'neither');
  const ratioAt = (share: number) => {
    const mixed = (side: Side) => share * costs(side, something) + (1 - share) * costs(side, ['neither']);
    return mixed('gated') / mixed('all');
  };
  const ratio = costs('gated', kinds) / costs('all', kinds);
  return [
    figure('CPU of gated over every stage on everything', ratio, '', 'lower', 0.6),
    ...agreementFigures('faces and lines in the same place', measured, ({ places }) => places),
    ...agreementFigures('characters of the lines, spaces ignored', measured, ({ characters }) => characters),
    ...kinds.map((kind) => figure(`CPU ratio, ${kind}`, costs('gated', [kind]) / costs('all', [kind]), '', 'lower')),
    ...kinds.map((kind) => figure(`CPU of every stage, ${kind}`, costs('all', [kind]), 'ms', 'lower')),
    ...[0.01, 0.1, 0.5].map((share) => figure(`CPU ratio, ${share * 100} % with something`, ratioAt(share), '', 'lower')),
    figure('CPU ratio, 100 % with something', ratioAt(1), '', 'lower', 1.05),
    figure('CPU ratio, 100 % with both', costs('gated', ['both']) / costs('all', ['both']), '', 'lower', 1.05),
  ];
}

/** The bound is the 5th percentile over as many captures, drawn with replacement 2,000 times. */
function agreementFigures(what: string, measured: readonly Measured[], shareOf: (one: Measured) => Share): Figure[] {
  const shares = measured.map(shareOf);
  const random = seeded(1);
  const ratio = (some: readonly Share[]) => {
    const { same, of } = sum(some);
    return of === 0 ? 1 : same / of;
  };
  const drawn = Array.from({ length: 2000 }, () => ratio(shares.map(() => random.pick(shares)))).sort((a, b) => a - b);
  return [
    figure(`${what}: agreement of ${sum(shares).of}`, ratio(shares), '', 'higher'),
    figure(`${what}: lower 95 % bound`, drawn[Math.floor(drawn.length * 0.05)] ?? 0, '', 'higher', 0.98),
  ];
}
