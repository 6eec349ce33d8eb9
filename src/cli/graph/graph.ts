/**
 * The pipelines of a configuration as something to draw: what comes in, each stage with its conditions, what is reported, where it goes.
 *
 * Guarantees: every pipeline is there, also one that cannot run; then its stages have what could be resolved, and the problems say the
 * rest. Pure; knows nothing of how it is drawn.
 */

import type { Settings } from '../../config/config-parts.js';
import { hoursText } from '../../core/active-hours.js';
import { eachOf, type PipelineConfig, type StageConfig, type StageSpec } from '../../core/pipeline.js';
import { type StagePlace, sharedStages } from '../../core/sharing.js';
import type { Task } from '../../core/task.js';
import type { Resolution } from '../../registry/resolve.js';

export interface DrawnStage {
  readonly name: string;
  readonly task: string;
  /** `ppocr-rec@4.0.0 int8`; what the configuration names, or nothing, where it could not be resolved. */
  readonly model: string;
  /** The earlier stages it looks at; none for the capture. */
  readonly each: readonly string[];
  /** Whether it is shown each thing's part of the image alone. */
  readonly crop: boolean;
  readonly when: string | null;
  readonly accept: string | null;
  /** Model and variant of the second look. */
  readonly escalate: string | null;
  readonly stop: { readonly when: string; readonly reason: string } | null;
  /** A letter for what runs once for several stages, `A`. */
  readonly shared: string | null;
  readonly problems: readonly string[];
}

export interface DrawnPipeline {
  readonly name: string;
  readonly from: readonly string[];
  readonly stages: readonly DrawnStage[];
  readonly abstain: string | null;
  /** `when lines.size() > 0`, `on change`, `in the hours mon 08:00 - 18:00 UTC`; none where every result is published. */
  readonly report: readonly string[];
  readonly sinks: readonly string[];
  /** What it gives up under pressure, in this order. */
  readonly degrade: readonly string[];
  /** `budget 800 ms`, `at most 5 a second`, and `priority 2` where pipelines differ in it. */
  readonly notes: readonly string[];
  /** What keeps it from running, and is no one stage's. */
  readonly problems: readonly string[];
  readonly runs: boolean;
}

export interface Graph {
  /** `inbox` and its kind, `folder`. */
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly sinks: readonly { readonly name: string; readonly type: string }[];
  readonly pipelines: readonly DrawnPipeline[];
  readonly shared: readonly { readonly letter: string; readonly stages: readonly StagePlace[] }[];
}

/** `only`: the names of the pipelines to draw; inputs and sinks are those they use, and what they share with others is said all the same. */
export function graphOf(settings: Settings, resolution: Resolution, tasks: readonly Task[], only: readonly string[]): Graph {
  const givesAudio = (name: string) => tasks.some((task) => task.name === name && task.givesAudio === true);
  // One that stands in for another is not asked beside it.
  const standIns = new Set(resolution.pipelines.flatMap(({ cheaper = [] }) => cheaper.flatMap(({ instead }) => instead ?? [])));
  const always = resolution.pipelines.filter(({ name }) => !standIns.has(name));
  const shared = sharedStages(always, givesAudio)
    .map((stages, i) => ({ letter: letterOf(i), stages }))
    .filter(({ stages }) => stages.some(({ pipeline }) => only.includes(pipeline)));
  const letters = new Map(shared.flatMap(({ letter, stages }) => stages.map(({ pipeline, stage }) => [`${pipeline}.${stage}`, letter])));
  const pipelines = only.flatMap((name) => {
    const config = settings.pipelines[name];
    if (config === undefined) return [];
    return [drawnPipeline(name, config, settings, resolution, letters)];
  });
  const used = (names: readonly (readonly string[])[], all: Settings['inputs']) =>
    Object.entries(all).flatMap(([name, { type }]) => (names.some((list) => list.includes(name)) ? [{ name, type }] : []));
  return {
    inputs: used(
      pipelines.map(({ from }) => from),
      settings.inputs,
    ),
    sinks: used(
      pipelines.map(({ sinks }) => sinks),
      settings.sinks,
    ),
    pipelines,
    shared,
  };
}

/** A, B, ... Z, AA, AB, ... */
function letterOf(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : letterOf(Math.floor(index / 26) - 1) + last;
}

function drawnPipeline(
  name: string,
  config: PipelineConfig,
  { pipelines: all, sinks }: Settings,
  { pipelines, problems, stages }: Resolution,
  letters: ReadonlyMap<string, string>,
): DrawnPipeline {
  const prioritiesDiffer = new Set(Object.values(all).map(({ priority }) => priority)).size > 1;
  const at = `pipelines.${name}.`;
  const mine = problems.flatMap(({ path, found, expected }) =>
    path.startsWith(at) ? [{ path: path.slice(at.length), found, expected }] : [],
  );
  const stageOf = (path: string) => /^stages\[(\d+)\]/.exec(path)?.[1];
  const said = ({ path, found, expected }: (typeof mine)[number]) => `${path.replace(/^stages\[\d+\]\.?/, '')}: ${found}; ${expected}`;
  return {
    name,
    from: config.from,
    stages: config.stages.map((stage, i) => {
      const wrong = mine.filter(({ path }) => stageOf(path) === String(i)).map(said);
      return drawnStage(stage, stages[name]?.[i] ?? null, letters.get(`${name}.${stage.as}`) ?? null, wrong);
    }),
    abstain: config.abstain ?? null,
    report: reportOf(config.report),
    sinks: config.sinks ?? Object.keys(sinks),
    degrade: pipelines.find((pipeline) => pipeline.name === name)?.cheaper?.at(-1)?.steps ?? [],
    notes: [
      ...(config.budget_ms === undefined ? [] : [`budget ${config.budget_ms} ms`]),
      ...(config.max_rate_hz === undefined ? [] : [`at most ${config.max_rate_hz} a second`]),
      ...(prioritiesDiffer ? [`priority ${config.priority}`] : []),
    ],
    problems: mine.filter(({ path }) => stageOf(path) === undefined).map(said),
    runs: pipelines.some((pipeline) => pipeline.name === name),
  };
}

function drawnStage(config: StageConfig, spec: StageSpec | null, shared: string | null, problems: readonly string[]): DrawnStage {
  const escalate = spec === null ? config.escalate : spec.escalate;
  return {
    name: config.as,
    task: config.task,
    model: named(spec ?? config),
    each: eachOf(config),
    crop: config.crop !== undefined,
    when: config.when ?? null,
    accept: config.accept ?? null,
    escalate: escalate === undefined ? null : named(escalate),
    stop: config.stop ?? null,
    shared,
    problems,
  };
}

function named({ model, variant }: { readonly model?: string | undefined; readonly variant?: string | undefined }): string {
  return [model, variant].filter((word) => word !== undefined).join(' ');
}

function reportOf({ when, mode, active, track }: PipelineConfig['report']): string[] {
  const things = track === undefined ? '' : `, one for each of ${track.boxes}${track.where === undefined ? '' : ` where ${track.where}`}`;
  return [
    ...(when === undefined ? [] : [`when ${when}`]),
    ...(mode === 'events' ? [`as events${things}`] : []),
    ...(mode === 'on_change' ? ['on change'] : []),
    ...(active === undefined ? [] : [`in the hours ${hoursText(active)}`]),
  ];
}
