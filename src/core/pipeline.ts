/**
 * Pipelines and stages as the configuration resolved them: complete, named, frozen.
 */
import type { ActiveHours } from './active-hours.js';
import type { CaptureHeader } from './capture.js';
import type { EventRules } from './event.js';
import { formInWords, formOf, mediaTypesOf, type Reads } from './form.js';
import type { ChangeRules } from './saying.js';
import type { Stateful } from './task.js';
import type { TrackRules } from './track.js';

export interface StageSpec {
  /** Name under which later stages and conditions find its observations. */
  readonly as: string;
  readonly task: string;
  /** `name@version`. */
  readonly model: string;
  readonly variant: string;
  /** An earlier stage, or several: run once per observation of it, or of all of them together. */
  readonly each?: string | readonly string[];
  /** With `each`: the task is shown each observation's part of the image alone, as if it were the whole. */
  readonly crop?: CropSpec;
  /** The task's own options, validated by the task's schema. */
  readonly options: Readonly<Record<string, unknown>>;
  /** CEL over earlier stages: the stage runs only where it holds. */
  readonly when?: string;
  /** CEL over the fields of one observation of this stage: whether it is good enough. */
  readonly accept?: string;
  /** Looks again at what is not accepted; absent where the board runs that variant at once. */
  readonly escalate?: ModelChoice;
  /** Where `when`, CEL over this stage and those before, holds, no later stage runs. */
  readonly stop?: StopConfig;
  /** It keeps something from one window of a stream to the next. */
  readonly stateful?: Stateful;
  /** Left out, since the pipeline runs in a cheaper way. */
  readonly leftOut?: true;
}

/** The part of an image a thing is shown in. */
export interface CropSpec {
  /** Added on each side of the thing's box: a share of the longer side of the box in pixels. */
  readonly margin: number;
  /** As wide as high, around the middle of the box; at the edge of the image it is moved inwards. */
  readonly square: boolean;
  /** Pixels of the image; a thing whose box is narrower or lower is not looked at. */
  readonly minPx: number;
}

/** What `crop: true` means. */
export const cropDefaults: CropSpec = { margin: 0, square: false, minPx: 8 };

/** Whether a task can be shown parts of an image one by one: it looks at images, and has no better way of its own to cut things out. */
export function takesCrop({ reads, cutsOut }: { readonly reads: string; readonly cutsOut?: string }): boolean {
  return reads === 'image' && cutsOut === undefined;
}

export interface ModelChoice {
  /** `name@version`. */
  readonly model: string;
  readonly variant: string;
}

export interface StopConfig {
  readonly when: string;
  /** For a person. */
  readonly reason: string;
}

/** The earlier stages a stage looks at, in the order in which `of` counts; none where it looks at the capture. */
export function eachOf({ each }: { readonly each?: string | readonly string[] | undefined }): readonly string[] {
  return each === undefined ? [] : typeof each === 'string' ? [each] : each;
}

/** Every model and variant a stage may run: its own first. */
export function choicesOf({ model, variant, escalate }: StageSpec): readonly ModelChoice[] {
  return escalate === undefined ? [{ model, variant }] : [{ model, variant }, escalate];
}

/** Every model and variant a pipeline may run, in its own way and in cheaper ones; some more than once. */
export function allChoicesOf({ stages, cheaper }: Pick<PipelineSpec, 'stages' | 'cheaper'>): readonly ModelChoice[] {
  return [stages, ...(cheaper ?? []).map((way) => way.stages)].flatMap((some) => some.flatMap(choicesOf));
}

/** A pipeline's stages as they run in a cheaper way, or another pipeline that runs instead. */
export interface CheaperWay {
  /** What is different from the pipeline as configured, for a person; in the order of the configuration. */
  readonly steps: readonly string[];
  readonly stages: readonly StageSpec[];
  /** Name of the pipeline that looks at the capture instead; `stages` are none then. */
  readonly instead?: string;
}

/** The pipeline as it runs at a level: 0 as configured, above that by the cheaper ways. */
export function atLevel(spec: PipelineSpec, level: number): PipelineSpec {
  const way = spec.cheaper?.[level - 1];
  if (way === undefined) return spec;
  const levels = leveled.get(spec) ?? new Map<number, PipelineSpec>();
  leveled.set(spec, levels);
  const known = levels.get(level) ?? { ...spec, stages: way.stages };
  levels.set(level, known);
  return known;
}

/** The same object for the same pipeline and level, so that what is compiled for it is compiled once. */
const leveled = new WeakMap<PipelineSpec, Map<number, PipelineSpec>>();

export type TraceDetail = 'none' | 'summary' | 'full';

export interface PipelineSpec {
  readonly name: string;
  /** Names of inputs. */
  readonly from: readonly string[];
  /** What its stages read: forms, once decoded, and `file`, which is any as it is. With `file` it takes every capture: a stage that can make nothing of one is skipped. */
  readonly reads: readonly Reads[];
  readonly stages: readonly StageSpec[];
  /** The wish, looked at between stages; null for none. */
  readonly budgetMs: number | null;
  /** Captures a second, at most; absent for as many as come. */
  readonly maxRateHz?: number;
  /** Cheaper ways to run it, each cheaper than those before; absent without any. */
  readonly cheaper?: readonly CheaperWay[];
  /** The hard end of the job, by SIGKILL. */
  readonly hangMs: number;
  /** 0 (first) .. 9 (last). */
  readonly priority: number;
  readonly report: {
    /** CEL over the stages' observations; the result is silent where it is false. */
    readonly when?: string;
    /** Told as events instead of one by one, by these rules. */
    readonly events?: EventRules;
    /** With `events`: an event a thing. */
    readonly track?: TrackSpec;
    /** Told only where it says something new, by these rules. */
    readonly onChange?: ChangeRules;
    /** Outside these hours results are silent. */
    readonly active?: ActiveHours;
    readonly trace: TraceDetail;
    /** With `events`: a picture of an event is published. */
    readonly snapshot?: true;
  };
  /** Names of the sinks that get its results. */
  readonly sinks: readonly string[];
  /** CEL over the stages: where it holds, the outcome is abstained. */
  readonly abstain?: string;
}

/** Which things have an event of their own. */
export interface TrackSpec extends TrackRules {
  /** The stage whose boxes are followed. */
  readonly boxes: string;
  /** CEL over the fields of one of its observations: whether the thing counts. */
  readonly where?: string;
}

/** Whether a pipeline can look at a capture: an engine must decode it to a form that it reads. */
export function canRead({ reads }: Pick<PipelineSpec, 'reads'>, { mediaType }: Pick<CaptureHeader, 'mediaType'>): boolean {
  const form = formOf(mediaType);
  return reads.includes('file') || (form !== null && reads.includes(form));
}

/** Whether a stage may be in a pipeline whose first stage reads `first`: behind one that takes any file, each stage runs on what it can read. */
export function mayFollow<Reads extends string>(first: Reads, reads: Reads): boolean {
  return first === 'file' || first === reads;
}

/** The media types that pipelines reading these kinds take, for a person. */
export function readableBy(pipelines: readonly Pick<PipelineSpec, 'reads'>[]): string {
  const reads = new Set(pipelines.flatMap((pipeline) => pipeline.reads));
  return reads.has('file') ? formInWords.file : mediaTypesOf(reads).join(', ');
}

/** A pipeline as written in the configuration and validated; models and variants are still open. Keys as in the file. */
export interface PipelineConfig {
  readonly from: readonly string[];
  readonly stages: readonly StageConfig[];
  readonly report: ReportConfig;
  readonly budget_ms?: number | undefined;
  readonly max_rate_hz?: number | undefined;
  readonly degrade?: readonly DegradeConfig[] | undefined;
  readonly hang_ms?: number | undefined;
  readonly priority: number;
  readonly sinks?: readonly string[] | undefined;
  readonly abstain?: string | undefined;
}

/** One step to a cheaper way to run a pipeline: a stage changed, a stage left out, or another pipeline instead. Each comes on top of those before. */
export interface DegradeConfig {
  readonly stage?: string | undefined;
  readonly model?: string | undefined;
  readonly variant?: string | undefined;
  readonly escalate?: 'off' | undefined;
  /** All of the stage's own options, with those of the step in the place of its own; absent where the step names none. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  readonly skip?: string | undefined;
  readonly pipeline?: string | undefined;
}

/** `every` result that `when` holds for, those that say something new, or the `events` they amount to. */
export const reportModes = ['every', 'on_change', 'events'] as const;

export interface ReportConfig {
  readonly when?: string | undefined;
  readonly mode?: (typeof reportModes)[number] | undefined;
  readonly on_after_ms?: number | undefined;
  readonly off_after_ms?: number | undefined;
  readonly cooldown_ms?: number | undefined;
  readonly update_every_ms?: number | undefined;
  readonly track?: TrackConfig | undefined;
  readonly active?: ActiveHours | undefined;
  readonly trace: TraceDetail;
  readonly snapshot?: boolean | undefined;
}

export interface TrackConfig {
  readonly boxes: string;
  readonly where?: string | undefined;
  readonly min_iou: number;
  readonly max_gap_ms: number;
}

export interface StageConfig {
  readonly task: string;
  readonly as: string;
  readonly each?: string | readonly string[] | undefined;
  readonly crop?: true | { readonly margin: number; readonly square: boolean; readonly min_px: number } | undefined;
  /** `name` or `name@version`; without it the registry's default for the task. */
  readonly model?: string | undefined;
  readonly variant?: string | undefined;
  readonly when?: string | undefined;
  readonly accept?: string | undefined;
  /** At least one of the two; what is absent is the stage's own, or chosen as for a stage. */
  readonly escalate?: { readonly model?: string | undefined; readonly variant?: string | undefined } | undefined;
  readonly stop?: StopConfig | undefined;
  /** The task's own options, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
}
