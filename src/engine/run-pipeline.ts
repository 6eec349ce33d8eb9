/**
 * One pipeline on one capture: its stages in order, each only where its conditions let it run.
 *
 * Guarantees: every stage is in the trace, whether it ran or not, with what decided it. A stage that two pipelines of a job share (same
 * task, model, variant, options, source and crop) runs once, and so does its second look by an escalation; what only decides whether a
 * stage runs (`when`, an earlier `stop`) is asked for each pipeline and does not keep them from sharing. Never throws.
 * Where no stage reads the file as it is, a capture that cannot be decoded fails the pipeline at once; where the first one does, decoding
 * waits for a stage that needs it, and a stage for which the capture is of another kind is skipped.
 * A pipeline's budget counts what was spent before (waiting, decoding) and its own stages, not the pipelines before it, and is looked at
 * between stages and at the end. A second look that usually takes longer than what is left is not begun.
 */

import { createHash } from 'node:crypto';
import { decide } from '../core/decision.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import type { PipelineAnswer, StageState } from '../core/job.js';
import { limits } from '../core/limits.js';
import { eachOf, type ModelChoice, type PipelineSpec, type StageSpec } from '../core/pipeline.js';
import type { Alternative, Escalation, Observation, StageTrace } from '../core/result.js';
import { lookKey, secondLookKey } from '../core/sharing.js';
import type { Task } from '../core/task.js';
import type { Costs } from './costs.js';
import { type Chosen, chooseThings } from './crop.js';
import { judge, replaced } from './decide.js';
import type { Decoding } from './decoding.js';
import { type PlannedStage, planOf } from './plan.js';
import type { Sessions } from './sessions.js';
import { type Decoded, emptyTrace, runStage, type StageOutcome } from './stage.js';

export interface PipelineTools {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly sessions: Sessions;
  readonly costs: Costs;
}

/** What ran in this job already, by what decides it, and for which pipeline. */
export type Shared = Map<string, { readonly pipeline: string; readonly outcome: StageOutcome }>;

/** What a pipeline has so far. */
interface State {
  readonly name: string;
  readonly decoding: Decoding;
  /** What the next stage gets, once one needed it: a stage may have given it another recording. */
  decoded: Decoded | null;
  /** Spent on what is not this pipeline's: a capture that another decoded is charged all the same, reading is not. */
  elsewhereMs: number;
  readonly observations: Record<string, readonly Observation[]>;
  readonly stages: StageTrace[];
  /** Keys of the stages that ran, by their names. */
  readonly keys: Map<string, string>;
  /** By stage, what stateful ones go on with, and what they keep. */
  readonly before: Readonly<Record<string, StageState>>;
  readonly kept: Record<string, Uint8Array>;
  /** Key of the stage that gave the recording; null while it is the capture's. */
  heard: string | null;
  readonly shared: Shared;
  readonly tools: PipelineTools;
  /** What is left of the budget (ms), below 0 when it is overdrawn; infinite without one. */
  readonly leftMs: () => number;
}

/** `spentMs` is what is gone of its budget already: waiting, where that counts. */
export async function runPipeline(
  spec: PipelineSpec,
  decoding: Decoding,
  spentMs: number,
  shared: Shared,
  tools: PipelineTools,
  before: Readonly<Record<string, StageState>> = {},
): Promise<PipelineAnswer> {
  const began = performance.now();
  const leftMs = () => (spec.budgetMs ?? Number.POSITIVE_INFINITY) - (spentMs + performance.now() - began - state.elsewhereMs);
  const state: State = { ...fresh(), name: spec.name, decoding, shared, tools, leftMs, before };
  const answer = await runStages(spec, state);
  return Object.keys(state.kept).length === 0 ? answer : { ...answer, states: state.kept };
}

async function runStages(spec: PipelineSpec, state: State): Promise<PipelineAnswer> {
  const { observations, stages, leftMs } = state;
  const answer = { pipeline: spec.name, observations, stages };
  const late = () => lateness(spec, leftMs());
  const leave = (index: number, why: StageTrace['state']) => {
    for (const left of spec.stages.slice(index)) stages.push(emptyTrace(left, why));
  };
  try {
    if (!spec.reads.includes('file')) await decodedOf(state);
    const plan = await planOf(spec);
    for (const [index, planned] of plan.stages.entries()) {
      const overdue = late();
      if (overdue !== null) {
        leave(index, 'skipped: budget');
        return { ...answer, state: 'late', error: { code: 'LATE', message: `${overdue}; stopped before stage "${planned.spec.as}"` } };
      }
      const { error, stopped } = await runPlanned(state, planned);
      if (error !== undefined) {
        leave(index + 1, 'skipped: an earlier stage failed');
        return { ...answer, state: 'failed', error: flatError(error) };
      }
      if (stopped === undefined) continue;
      for (const left of spec.stages.slice(index + 1)) stages.push(notRun(state, left, `skipped: stopped: ${stopped}`));
      break;
    }
    const overdue = late();
    if (overdue !== null) return { ...answer, state: 'late', error: { code: 'LATE', message: `${overdue}; nothing was left to run` } };
    if (plan.abstain === null) return { ...answer, state: 'done' };
    const abstain = decide(plan.abstain, observations);
    return { ...answer, state: abstain.holds ? 'abstained' : 'done', abstain };
  } catch (error) {
    return { ...answer, state: 'failed', error: flatError(error) };
  }
}

function fresh(): Omit<State, 'name' | 'decoding' | 'shared' | 'tools' | 'leftMs' | 'before'> {
  return { decoded: null, elsewhereMs: 0, observations: {}, stages: [], keys: new Map(), heard: null, kept: {} };
}

/** Rejects as `Decoding.decoded`. */
async function decodedOf(state: State): Promise<Decoded> {
  if (state.decoded !== null) return state.decoded;
  const began = performance.now();
  try {
    state.decoded = await state.decoding.decoded();
    return state.decoded;
  } finally {
    state.elsewhereMs += performance.now() - began - state.decoding.ms;
  }
}

function lateness({ budgetMs }: PipelineSpec, leftMs: number): string | null {
  if (budgetMs === null || leftMs >= 0) return null;
  return `took ${Math.round(budgetMs - leftMs)} ms, its budget_ms is ${budgetMs}`;
}

/** Asks a stage's conditions and runs it; its trace and what it found go into the state. */
async function runPlanned(state: State, planned: PlannedStage): Promise<{ error?: unknown; stopped?: string }> {
  const { spec } = planned;
  if (spec.leftOut) {
    state.stages.push(notRun(state, spec, 'skipped: the pipeline runs in a cheaper way'));
    return {};
  }
  const when = planned.when === null ? undefined : decide(planned.when, state.observations);
  const asked = when === undefined ? {} : { when };
  if (when?.holds === false) {
    state.stages.push({ ...notRun(state, spec, 'skipped: when is false'), ...asked });
    return asStopped(state, planned);
  }
  const unfit = state.decoding.unfit(readsOf(state, spec));
  if (unfit !== null) {
    state.stages.push({ ...emptyTrace(spec, unfit), ...asked });
    return asStopped(state, planned);
  }
  const sources = eachOf(spec);
  if (sources.length > 0 && !sources.some((name) => Object.hasOwn(state.observations, name))) {
    state.stages.push({ ...notRun(state, spec, `skipped: ${sources.join(' and ')} did not run`), ...asked });
    return asStopped(state, planned);
  }
  const { outcome, key } = await look(state, planned);
  state.stages.push({ ...outcome.trace, ...asked });
  if (outcome.error !== undefined) return { error: outcome.error };
  state.observations[spec.as] = outcome.observations;
  state.keys.set(spec.as, key);
  if (outcome.kept !== undefined) state.kept[spec.as] = outcome.kept;
  if (outcome.audio !== undefined) {
    state.decoded = { ...(state.decoded ?? state.decoding.raw), audio: outcome.audio };
    state.heard = key;
  }
  return asStopped(state, planned);
}

/** A stage's `stop` is asked whether or not the stage ran: it may speak of those before. */
function asStopped({ stages, observations }: State, { spec, stop }: PlannedStage): { stopped?: string } {
  const trace = stages.at(-1);
  if (stop === null || spec.stop === undefined || trace === undefined) return {};
  const { reason } = spec.stop;
  const decision = decide(stop, observations);
  trace.stop = { ...decision, reason };
  return decision.holds ? { stopped: reason } : {};
}

interface Looked {
  readonly outcome: StageOutcome;
  /** What decides the outcome on one capture; names of stages do not. */
  readonly key: string;
}

/** The stage on what it looks at: the capture, the observations of earlier stages, or with `crop` those of them that are worth it. */
async function look(state: State, planned: PlannedStage): Promise<Looked> {
  const { spec } = planned;
  const items = itemsOf(state, spec);
  const source = spec.each === undefined ? null : eachOf(spec).map((name) => state.keys.get(name) ?? 'did not run');
  const stream = spec.each === undefined ? state.before[spec.as] : undefined;
  const key = lookKey(spec, source, state.heard, stream && digestOf(stream.state));
  if (spec.crop === undefined || items === null || items.length === 0) return lookAt(state, planned, items, key);
  try {
    const { image } = await decodedOf(state);
    if (image === null) return await lookAt(state, planned, items, key);
    const chosen = chooseThings(items, spec.crop, image);
    const looked = await lookAt(state, planned, chosen.things, key);
    return { ...looked, outcome: ofAll(looked.outcome, chosen, spec) };
  } catch (error) {
    return { outcome: { observations: [], trace: emptyTrace(spec, 'failed'), error }, key };
  }
}

/** What was answered about the chosen things, as answers about all of them. */
function ofAll(outcome: StageOutcome, { of, leftOut }: Chosen, spec: StageSpec): StageOutcome {
  const left = (leftOut.too_small ?? 0) + (leftOut.too_many ?? 0);
  if (left === 0) return outcome;
  const observations = outcome.observations.map((found) => ({ ...found, of: of[found.of ?? 0] ?? 0 }));
  const nothing = of.length > 0 ? {} : { state: `skipped: all found by ${eachOf(spec).join(' and ')} is too small` as const };
  return { ...outcome, observations, trace: { ...outcome.trace, ...nothing, left_out: leftOut } };
}

/** The stage, and where its answers are not accepted, its second look. */
async function lookAt(state: State, planned: PlannedStage, each: readonly Observation[] | null, key: string): Promise<Looked> {
  const { spec, accept } = planned;
  // What goes on from window to window is the first look's; a second one is at this window alone.
  const outcome = await runShared(state, key, spec, each, each === null ? state.before[spec.as] : undefined);
  if (accept === null || outcome.error !== undefined || each?.length === 0) return { outcome, key };
  const { decision, refused } = judge(accept, outcome.observations, each?.length ?? null);
  const trace = { ...outcome.trace, accept: decision };
  if (spec.escalate === undefined) return { outcome: { ...outcome, trace }, key };
  if (refused.length === 0) {
    const alternative = alternativeOf(state, spec.escalate, each?.length ?? 1);
    return { outcome: { ...outcome, trace: { ...trace, alternative } }, key };
  }
  const { model, variant } = spec.escalate;
  const secondKey = secondLookKey(key, spec);
  const unaffordable = state.shared.has(secondKey) ? null : tooDear(state, spec.escalate, refused.length);
  if (unaffordable !== null) return { outcome: { ...outcome, trace: { ...trace, escalated: unaffordable } }, key };
  const again = each === null ? null : refused.flatMap((index) => each[index] ?? []);
  const second = await runShared(state, secondKey, { ...spec, model, variant }, again);
  const escalated = escalationOf(second.trace, spec.escalate);
  if (second.error !== undefined) return { outcome: { ...second, trace: { ...trace, state: 'failed', escalated } }, key };
  const observations = each === null ? second.observations : replaced(outcome.observations, refused, second.observations);
  const found = each === null ? second.trace.found : observations.length;
  const kept = observations.slice(0, limits.observationsMax);
  return { outcome: { ...outcome, ...second, observations: kept, trace: { ...trace, found, escalated } }, key: secondKey };
}

/** A second look that is not begun, since the budget would not last for it; null where it may be. */
function tooDear({ tools, leftMs }: State, choice: ModelChoice, inputs: number): Escalation | null {
  const usualMs = tools.costs.usual(choice, inputs);
  if (usualMs === null || usualMs <= leftMs()) return null;
  const state = `skipped: it usually takes ${Math.round(usualMs)} ms, more than is left of budget_ms` as const;
  return { ...choice, state, inputs, runs: 0, preprocess_ms: 0, run_ms: 0, postprocess_ms: 0, found: 0 };
}

/** What a stage looks at one by one; null for the capture as a whole. Several stages' observations follow each other and share one bound. */
function itemsOf({ observations }: State, spec: StageSpec): readonly Observation[] | null {
  if (spec.each === undefined) return null;
  return eachOf(spec)
    .flatMap((name) => observations[name] ?? [])
    .slice(0, limits.observationsMax);
}

function digestOf(state: Uint8Array | null): string {
  return state === null ? 'none' : createHash('sha256').update(state).digest('hex');
}

async function runShared(
  state: State,
  key: string,
  stage: StageSpec,
  each: readonly Observation[] | null,
  stream?: StageState,
): Promise<StageOutcome> {
  const earlier = state.shared.get(key);
  if (earlier !== undefined) return repeated(earlier, stage);
  const outcome = await runDecoded(state, stage, each, stream);
  state.shared.set(key, { pipeline: state.name, outcome });
  const { trace } = outcome;
  if (trace.state === 'ran') state.tools.costs.ran(stage, trace.preprocess_ms + trace.run_ms + trace.postprocess_ms, trace.inputs);
  return outcome;
}

async function runDecoded(state: State, stage: StageSpec, each: readonly Observation[] | null, stream?: StageState): Promise<StageOutcome> {
  try {
    const decoded = readsOf(state, stage) === 'file' ? state.decoding.raw : await decodedOf(state);
    return await runStage(stage, decoded, each, state.tools, stream);
  } catch (error) {
    return { observations: [], trace: emptyTrace(stage, 'failed'), error };
  }
}

/** What this build does not know is left to fail where it is run. */
function readsOf({ tools }: State, { task }: StageSpec): Task['reads'] {
  return tools.tasks.get(task)?.reads ?? 'file';
}

function repeated({ pipeline, outcome }: { readonly pipeline: string; readonly outcome: StageOutcome }, stage: StageSpec): StageOutcome {
  const { trace } = outcome;
  const state = trace.state === 'ran' ? (`skipped: shared with ${pipeline}` as const) : trace.state;
  const spent = { preprocess_ms: 0, run_ms: 0, postprocess_ms: 0, runs: 0 };
  return { ...outcome, trace: { ...trace, ...spent, stage: stage.as, state } };
}

function escalationOf({ stage: _, task: __, ...spent }: StageTrace, { model, variant }: ModelChoice): Escalation {
  return { ...spent, model, variant };
}

/** The trace of a stage that a condition kept from running. */
function notRun(state: State, stage: StageSpec, why: StageTrace['state']): StageTrace {
  const items = itemsOf(state, stage)?.length ?? 1;
  const inputs = stage.crop === undefined ? items : Math.min(items, limits.cropsMax);
  return { ...emptyTrace(stage, why), alternative: alternativeOf(state, stage, inputs) };
}

function alternativeOf({ tools }: State, { model, variant }: ModelChoice, inputs: number): Alternative {
  const usual = tools.costs.usual({ model, variant }, inputs);
  return { model, variant, ...(usual === null || inputs === 0 ? {} : { usual_ms: usual }) };
}

export function flatError(error: unknown): { code: string; message: string } {
  const code = error instanceof ShoalError ? error.code : 'SHOAL_INTERNAL';
  return { code, message: reasonOf(error).slice(0, limits.textCharsMax) };
}
