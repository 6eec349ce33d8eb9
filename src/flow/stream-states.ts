/**
 * What stateful stages keep from one window of a live stream to the next, and whose turn it is in a stream.
 *
 * Guarantees: windows of one stream (input and source) are looked at one after the other; a state is what the last good answer gave, and goes
 * on only to a window that it leads up to, by the same model and options, so that an engine that is killed takes nothing along but the window
 * it had. Bounded by `limits.streamStatesMax`; nothing outlives the daemon.
 */
import type { CaptureHeader, StreamPlace } from '../core/capture.js';
import type { EngineAnswer, EngineJob, StageState } from '../core/job.js';
import { limits } from '../core/limits.js';
import type { PipelineSpec, StageSpec } from '../core/pipeline.js';
import { lookKey } from '../core/sharing.js';

interface Kept {
  readonly state: Uint8Array;
  /** Of the window it was kept after. */
  readonly place: StreamPlace;
  /** What looked: another model makes nothing of it. */
  readonly looker: string;
  /** Why a window after that one was not looked at, where that is known. */
  trouble?: string;
}

type Stages = Pick<PipelineSpec, 'name' | 'stages'>;

export class StreamStates {
  /** In the order in which they were last written. */
  readonly #kept = new Map<string, Kept>();
  /** Streams of which a window is in an engine. */
  readonly #busy = new Set<string>();
  /** Inputs with a pipeline that keeps something. */
  readonly #inputs: ReadonlySet<string>;

  constructor(pipelines: readonly PipelineSpec[]) {
    const keeps = ({ stages, cheaper = [] }: PipelineSpec): boolean =>
      [stages, ...cheaper.map((way) => way.stages)].some((some) => some.some(({ stateful }) => stateful !== undefined)) ||
      cheaper.some(({ instead }) => pipelines.some((other) => other.name === instead && keeps({ ...other, cheaper: [] })));
    this.#inputs = new Set(pipelines.filter(keeps).flatMap(({ from }) => from));
  }

  /** Whether the window before it, of the same stream, is done with. */
  mayGo(header: CaptureHeader): boolean {
    return !this.#ordered(header) || !this.#busy.has(streamOf(header));
  }

  begin(header: CaptureHeader): void {
    if (this.#ordered(header)) this.#busy.add(streamOf(header));
  }

  /** Answers whether a window may have waited for this. */
  end(header: CaptureHeader): boolean {
    return this.#busy.delete(streamOf(header));
  }

  /** What the stateful stages of a job go on with; undefined where there is none, or the capture stands for itself. */
  before(header: CaptureHeader, asked: readonly Stages[]): EngineJob['states'] {
    const { stream } = header;
    if (stream === undefined) return undefined;
    const states = asked.map(({ name, stages }) => {
      const each = stages.filter(keepsState).map((stage) => [stage.as, this.#stateFor(header, stream, name, stage)] as const);
      return [name, Object.fromEntries(each)] as const;
    });
    const some = states.filter(([, stages]) => Object.keys(stages).length > 0);
    return some.length === 0 ? undefined : Object.fromEntries(some);
  }

  answered(header: CaptureHeader, asked: readonly Stages[], answer: EngineAnswer): void {
    const { stream } = header;
    if (stream === undefined) return;
    for (const { name, stages } of asked) {
      const said = answer.pipelines.find(({ pipeline }) => pipeline === name);
      for (const stage of stages.filter(keepsState)) {
        const state = said?.states?.[stage.as];
        if (state !== undefined) this.#keep(keyOf(header, name, stage), { state: state.slice(), place: stream, looker: lookerOf(stage) });
        else this.#trouble(header, name, stage, said?.state === 'failed' ? 'the window before it failed' : undefined);
      }
    }
  }

  /** No engine answered: what was kept stays, and does not lead up to the next window. */
  lost(header: CaptureHeader, pipelines: readonly Stages[], reason: string): void {
    for (const { name, stages } of pipelines) {
      for (const stage of stages.filter(keepsState)) this.#trouble(header, name, stage, reason);
    }
  }

  #ordered({ input, stream }: CaptureHeader): boolean {
    return stream !== undefined && this.#inputs.has(input);
  }

  #stateFor(header: CaptureHeader, { id, from }: StreamPlace, pipeline: string, stage: StageSpec): StageState {
    const kept = this.#kept.get(keyOf(header, pipeline, stage));
    if (kept === undefined) return { state: null, how: 'fresh' };
    const reset = (why: string): StageState => ({ state: null, how: `reset: ${why.slice(0, limits.traceTextCharsMax)}` });
    const { place, looker, trouble } = kept;
    if (looker !== lookerOf(stage)) return reset('another model or other options looked at the window before');
    if (place.id !== id) return reset('the stream began anew');
    if (from < place.to) return reset('it overlaps the window before');
    if (from > place.to && stage.stateful?.gaps === 'reset') return reset(trouble ?? 'there is a gap before it');
    return { state: kept.state, how: 'continued' };
  }

  #keep(key: string, kept: Kept): void {
    const before = this.#kept.get(key);
    // One that comes late leads up to nothing.
    if (before?.place.id === kept.place.id && before.place.to > kept.place.from) return;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > limits.streamStatesMax && oldest !== undefined) this.#kept.delete(oldest);
  }

  #trouble(header: CaptureHeader, pipeline: string, stage: StageSpec, reason: string | undefined): void {
    const kept = this.#kept.get(keyOf(header, pipeline, stage));
    if (kept !== undefined && reason !== undefined) kept.trouble = reason;
  }
}

function keepsState({ stateful, leftOut }: StageSpec): boolean {
  return stateful !== undefined && leftOut === undefined;
}

function lookerOf(stage: StageSpec): string {
  return lookKey(stage, null, null);
}

function streamOf({ input, source }: CaptureHeader): string {
  return JSON.stringify([input, source]);
}

function keyOf({ input, source }: CaptureHeader, pipeline: string, { as }: StageSpec): string {
  return JSON.stringify([input, source, pipeline, as]);
}
