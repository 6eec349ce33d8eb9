/** Two sides, capture by capture: how often each pipeline says the same, what changes where it does not, and what both cost. */
import type { CaptureHeader } from '../../core/capture.js';
import { EngineLoss } from '../../core/errors.js';
import { canRead } from '../../core/pipeline.js';
import { spentMs, type Trace } from '../../core/result.js';
import type { PlanRunner, Run } from '../plan-runner.js';
import type { Captures, KeptCapture } from './captures.js';
import { type Difference, differenceOf, type Look } from './difference.js';
import type { Side } from './side.js';

export interface Change extends Difference {
  readonly file: string;
}

export interface PipelineComparison {
  /** Captures that it looked at on both sides. */
  readonly captures: number;
  readonly same: number;
  readonly changes: readonly Change[];
}

/** Milliseconds of the models' work, before and after. */
export type Cost = readonly [number, number];

/** What `--json` prints, with `schema` and the sides in front. */
export interface Comparison {
  readonly captures: number;
  /** Of both sides. */
  readonly pipelines: Readonly<Record<string, PipelineComparison>>;
  /** Files that no pipeline of both sides reads. */
  readonly unread: readonly string[];
  readonly cost: { readonly total_ms: Cost; readonly stages: Readonly<Record<string, Cost>> };
}

/** `tell` is called with the number of captures done. Throws ENGINE_UNAVAILABLE. */
export async function compare(
  sides: readonly [Side, Side],
  runners: readonly [PlanRunner, PlanRunner],
  { captures }: Captures,
  tell: (done: number) => void,
): Promise<Comparison> {
  const common = sides[0].names.filter((name) => sides[1].names.includes(name));
  const tallies = new Map(common.map((name) => [name, { captures: 0, same: 0, changes: [] as Change[] }]));
  const costs = new Map<string, [number, number]>();
  const unread: string[] = [];
  for (const [i, capture] of captures.entries()) {
    const [before, after] = await bothLooks(runners, capture, i % 2 === 1);
    let read = false;
    for (const [name, tally] of tallies) {
      const [old, now] = [before.get(name), after.get(name)];
      if (old === undefined || now === undefined) continue;
      read = true;
      tally.captures++;
      const difference = differenceOf(old, now);
      if (difference === null) tally.same++;
      else tally.changes.push({ file: capture.file, ...difference });
      addCosts(costs, name, old, 0);
      addCosts(costs, name, now, 1);
    }
    if (!read) unread.push(capture.file);
    tell(i + 1);
  }
  const stages = Object.fromEntries([...costs].map(([stage, cost]) => [stage, rounded(cost)]));
  const total = [...costs.values()].reduce<Cost>(([a, b], [old, now]) => [a + old, b + now], [0, 0]);
  return { captures: captures.length, pipelines: Object.fromEntries(tallies), unread, cost: { total_ms: rounded(total), stages } };
}

type Looks = ReadonlyMap<string, Look>;

/** One after the other, so that neither slows the other down; in turns, so that neither is always the one that finds the file in memory. */
async function bothLooks([old, now]: readonly [PlanRunner, PlanRunner], capture: KeptCapture, turned: boolean): Promise<[Looks, Looks]> {
  if (turned) {
    const after = await looks(now, capture);
    return [await looks(old, capture), after];
  }
  const before = await looks(old, capture);
  return [before, await looks(now, capture)];
}

/** By pipeline. A capture that an engine dies of has failed; the next one gets a fresh engine. */
async function looks(runner: PlanRunner, { header, path }: KeptCapture): Promise<Looks> {
  try {
    return new Map((await runner.run(header, path)).map((run) => [run.record.pipeline, lookOf(run)]));
  } catch (error) {
    if (!(error instanceof EngineLoss)) throw error;
    const failed: Look = { outcome: 'failed', reason: error.message, observations: {}, stages: [] };
    return new Map(readers(runner, header).map((name) => [name, failed]));
  }
}

function readers({ plan }: PlanRunner, header: CaptureHeader): string[] {
  return plan.pipelines.filter((pipeline) => canRead(pipeline, header)).map(({ name }) => name);
}

function lookOf({ record, watched }: Run): Look {
  const { observations } = JSON.parse(Buffer.from(record.payload).toString()) as Pick<Look, 'observations'>;
  const { stages } = JSON.parse(record.trace) as Trace;
  if (watched?.sighting.holds) return { outcome: 'holds', reason: null, observations, stages };
  return { outcome: record.outcome, reason: record.reason, observations, stages };
}

function addCosts(costs: Map<string, [number, number]>, pipeline: string, { stages }: Look, side: 0 | 1): void {
  for (const stage of stages) {
    const key = `${pipeline}.${stage.stage}`;
    const cost = costs.get(key) ?? [0, 0];
    cost[side] += spentMs(stage);
    costs.set(key, cost);
  }
}

function rounded([old, now]: Cost): Cost {
  return [Number(old.toFixed(1)), Number(now.toFixed(1))];
}
