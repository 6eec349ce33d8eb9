/**
 * One stage on one capture: opens its model, runs its task, measures, checks what came out.
 *
 * Guarantees: what a stage found is finite, within the limits and in the agreed form, or the stage has failed; its scores are calibrated where
 * its variant is, before anything is asked of them. The task itself knows the model's own scores only.
 */
import { type Calibration, calibrated } from '../core/calibration.js';
import { ShoalError } from '../core/errors.js';
import { formInWords } from '../core/form.js';
import type { StageState } from '../core/job.js';
import { limits } from '../core/limits.js';
import { eachOf, type StageSpec } from '../core/pipeline.js';
import type { Observation, StageTrace } from '../core/result.js';
import type { Series } from '../core/series.js';
import type { AudioPort, FilePort, ImagePort, StreamPort, Task, TaskInput } from '../core/task.js';
import { samplesAudio } from './audio.js';
import { best } from './best.js';
import { runOnParts } from './crop.js';
import { faultOf } from './protocol.js';
import type { OpenModel, Sessions } from './sessions.js';

/** A capture as its stages get it: what it decodes to, and its bytes as they are. */
export interface Decoded {
  readonly image: ImagePort | null;
  readonly audio: AudioPort | null;
  readonly series: Series | null;
  readonly text: string | null;
  readonly file: FilePort | null;
}

export interface StageOutcome {
  readonly observations: readonly Observation[];
  readonly trace: StageTrace;
  /** What later stages hear instead of the recording. */
  readonly audio?: AudioPort;
  /** What it keeps for the next window of its stream. */
  readonly kept?: Uint8Array;
  /** What the stage failed with. */
  readonly error?: unknown;
}

export interface StageTools {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly sessions: Sessions;
}

export function emptyTrace(stage: StageSpec, state: StageTrace['state']): StageTrace {
  return { stage: stage.as, task: stage.task, state, preprocess_ms: 0, run_ms: 0, postprocess_ms: 0, inputs: 0, runs: 0, found: 0 };
}

/** Never throws: a failure is in the outcome. `each` is null for a stage over the capture itself. */
export async function runStage(
  stage: StageSpec,
  decoded: Decoded,
  each: readonly Observation[] | null,
  tools: StageTools,
  stream?: StageState,
): Promise<StageOutcome> {
  if (each?.length === 0) {
    const why = `skipped: nothing found by ${eachOf(stage).join(' and ')}` as const;
    return { observations: [], trace: emptyTrace(stage, why) };
  }
  const trace: StageTrace = { ...emptyTrace(stage, 'ran'), model: stage.model, variant: stage.variant, inputs: each?.length ?? 1 };
  try {
    const task = taskFor(stage, decoded, tools.tasks);
    const open = await tools.sessions.get(stage.model, stage.variant);
    if (!open.fits.has(task.name)) task.fit(open.model);
    open.fits.add(task.name);
    const before = tools.sessions.settled(stage.model, stage.variant) ? null : process.memoryUsage.rss();
    const given: { audio?: AudioPort; kept?: Uint8Array } = {};
    const replaceAudio = (samples: Float32Array, rateHz: number): void => {
      given.audio = samplesAudio(samples, rateHz);
    };
    const goesOn = task.stateful === undefined ? undefined : stream;
    if (goesOn !== undefined) trace.stream = goesOn.how;
    const input = {
      ...taskInput(stage, decoded, each, open, trace),
      ...(task.givesAudio ? { replaceAudio } : {}),
      ...(goesOn === undefined ? {} : { stream: streamPort(stage, goesOn, given) }),
    };
    const found = await (stage.crop === undefined ? task.run(input) : runOnParts(task, input, stage.crop));
    if (before !== null) await tools.sessions.settle(stage.model, stage.variant, process.memoryUsage.rss() - before);
    trace.found = found.length;
    if (open.calibration !== undefined) trace.calibrated = true;
    return { observations: checked(stage, found).map((each) => withScore(each, open.calibration)), trace, ...given };
  } catch (error) {
    trace.state = 'failed';
    return { observations: [], trace, error };
  } finally {
    trace.preprocess_ms = hundredths(trace.preprocess_ms);
    trace.run_ms = hundredths(trace.run_ms);
    trace.postprocess_ms = hundredths(trace.postprocess_ms);
  }
}

export function hundredths(ms: number): number {
  return Math.max(0, Math.round(ms * 100) / 100);
}

function taskFor(stage: StageSpec, decoded: Decoded, tasks: ReadonlyMap<string, Task>): Task {
  const task = tasks.get(stage.task);
  if (task === undefined) throw new ShoalError('SHOAL_INTERNAL', `stage "${stage.as}": this build has no task ${stage.task}`);
  if (decoded[task.reads] === null) {
    const form = (['image', 'audio', 'series', 'text'] as const).find((each) => decoded[each] !== null);
    const kind = form === undefined ? 'nothing that is decoded' : formInWords[form];
    throw new ShoalError('CAPTURE_UNSUPPORTED', `stage "${stage.as}": ${stage.task} reads ${task.reads}, the capture is ${kind}`);
  }
  return task;
}

function streamPort(stage: StageSpec, { state }: StageState, given: { kept?: Uint8Array }): StreamPort {
  const keep = (kept: Uint8Array): void => {
    if (kept.byteLength > limits.stateBytesMax) {
      const most = `${limits.stateBytesMax} bytes may go from window to window`;
      throw new ShoalError('INFERENCE', `stage "${stage.as}": ${stage.task} keeps ${kept.byteLength} bytes, ${most}`);
    }
    given.kept = kept;
  };
  return { state, keep };
}

function taskInput(
  stage: StageSpec,
  decoded: Decoded,
  each: readonly Observation[] | null,
  open: OpenModel,
  trace: StageTrace,
): TaskInput<unknown> {
  return {
    ...decoded,
    each,
    model: open.model,
    options: stage.options,
    async infer(feeds) {
      const began = performance.now();
      try {
        return await open.session.run(feeds);
      } finally {
        trace.runs++;
        trace.run_ms += performance.now() - began;
      }
    },
    async measure(phase, work) {
      const began = performance.now();
      const runMs = trace.run_ms;
      try {
        return await work();
      } finally {
        trace[`${phase}_ms`] += performance.now() - began - (trace.run_ms - runMs);
      }
    },
  };
}

/** Too many observations: the best-scored are kept, in their order; the trace's `found` still counts them all. */
function checked(stage: StageSpec, found: readonly Observation[]): readonly Observation[] {
  const kept = best(found, limits.observationsMax).map(clipText);
  const fault = faultOf(kept);
  if (fault !== null)
    throw new ShoalError('INFERENCE', `stage "${stage.as}": ${stage.task} on ${stage.model} found what cannot be: ${fault}`);
  return kept;
}

function withScore(observation: Observation, calibration: Calibration | undefined): Observation {
  return calibration === undefined ? observation : { ...observation, score: calibrated(calibration, observation.score) };
}

function clipText(observation: Observation): Observation {
  if ((observation.text?.length ?? 0) <= limits.textCharsMax) return observation;
  return { ...observation, text: `${observation.text?.slice(0, limits.textCharsMax - 1)}…` };
}
