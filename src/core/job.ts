/**
 * A job: one capture with all the pipelines that want it, run in one engine; and the engine's answer.
 *
 * Both cross the process boundary by structured clone. No tensor does.
 */
import type { CaptureContent, CaptureHeader } from './capture.js';
import type { Copy, CopyWish } from './keep.js';
import type { Decision, Observation, StageTrace, StreamContinuity } from './result.js';

/** What a stateful stage is given to go on with, and why that. */
export interface StageState {
  /** What it kept after the window before; null to begin afresh. */
  readonly state: Uint8Array | null;
  readonly how: StreamContinuity;
}

export interface EngineJob {
  readonly header: CaptureHeader;
  readonly content: CaptureContent;
  /** Names of pipelines the engine was configured with. */
  readonly pipelines: readonly string[];
  /** By pipeline, where it is not run as configured but in its cheaper way of this number (from 1). */
  readonly levels?: Readonly<Record<string, number>>;
  /** For a window of a stream: by pipeline and stage, for each stateful stage. */
  readonly states?: Readonly<Record<string, Readonly<Record<string, StageState>>>>;
  /** What is spent of every budget already (ms), where waiting counts; then waiting in the engine counts as well. */
  readonly spentMs?: number;
  /** Never share the engine with another job. */
  readonly solo: boolean;
  /** From the job's start in the engine to SIGKILL. */
  readonly hangMs: number;
  /** A copy of it is wanted. */
  readonly copy?: CopyWish;
}

/** What an engine can say of one pipeline on one capture; what is worth telling is decided in the core. */
export interface PipelineAnswer {
  readonly pipeline: string;
  /** `abstained`: done, and the pipeline's `abstain` holds. */
  readonly state: 'done' | 'abstained' | 'late' | 'failed';
  /** For failed and late, for a person. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Observations by the stage's `as` name. */
  readonly observations: Readonly<Record<string, readonly Observation[]>>;
  readonly stages: readonly StageTrace[];
  /** The pipeline's `abstain`, where it was asked. */
  readonly abstain?: Decision;
  /** By stage, what stateful stages keep for the next window, each at most `limits.stateBytesMax`. */
  readonly states?: Readonly<Record<string, Uint8Array>>;
}

export interface EngineAnswer {
  readonly pipelines: readonly PipelineAnswer[];
  readonly decodeMs: number;
  /** It was decoded while another job ran: then `decodeMs` is what was left of that when its turn came. */
  readonly decodedAhead?: true;
  /** From its arrival in the engine to its start. */
  readonly waitedMs: number;
  /** From the start of the job in the engine to its answer. */
  readonly totalMs: number;
  /** How bright, loud or strong what was decoded is (engine/level.ts); absent where nothing was. */
  readonly level?: number;
  /** Where one was wanted and could be made; else why not. */
  readonly copy?: Copy;
  readonly notCopied?: { readonly code: string; readonly message: string };
}
