/**
 * Whether the stages of a pipeline can follow each other: names, sources, and captures that they can look at. Pure.
 *
 * The configuration has asked the same with its places; this holds for pipelines that come from elsewhere, such as a task named on the
 * command line.
 */

import { eachOf, mayFollow, type PipelineSpec, type StageConfig, takesCrop } from '../core/pipeline.js';
import type { Task } from '../core/task.js';

export interface ResolveProblem {
  /** As in the configuration: `pipelines.signs.stages[0].model`. */
  readonly path: string;
  /** What was found. */
  readonly found: string;
  /** What exists, or what to do. */
  readonly expected: string;
  /** `expected` says what to do, and not what would do. */
  readonly advice?: true;
}

/** What is wrong with a stage's place among the stages before it. */
export function orderProblems(stage: StageConfig, earlier: readonly StageConfig[], tasks: readonly Task[], at: string): ResolveProblem[] {
  const problems: ResolveProblem[] = [];
  const names = earlier.map((other) => other.as);
  if (names.includes(stage.as)) {
    problems.push({ path: `${at}.as`, found: `"${stage.as}" names an earlier stage too`, expected: 'a name of its own' });
  }
  for (const name of eachOf(stage)) {
    if (names.includes(name)) continue;
    const exists = names.length === 0 ? 'nothing: it is the first stage' : names.join(', ');
    problems.push({ path: `${at}.each`, found: `"${name}" is no earlier stage`, expected: exists });
  }
  const taskOf = (other: StageConfig | undefined) => tasks.find((candidate) => candidate.name === other?.task);
  const task = taskOf(stage);
  if (task === undefined) return problems;
  const cuts = stage.crop !== undefined && takesCrop(task);
  if (stage.each !== undefined && !task.takesEach && !cuts) {
    problems.push({
      path: `${at}.each`,
      found: `"${eachOf(stage).join(', ')}"`,
      expected: `nothing: ${task.name} works on the whole capture`,
    });
  }
  if (stage.crop !== undefined && !(cuts && stage.each !== undefined)) {
    const why = cuts ? 'a stage named by each' : `nothing: ${task.name} ${task.cutsOut ?? `reads ${task.reads}`}`;
    problems.push({ path: `${at}.crop`, found: 'a crop', expected: why });
  }
  const first = taskOf(earlier[0]);
  if (first !== undefined && !mayFollow(first.reads, task.reads)) {
    problems.push({
      path: `${at}.task`,
      found: `${task.name} reads ${task.reads}`,
      expected: `a task that reads ${first.reads}, as ${first.name} does`,
    });
  }
  for (const name of task.takesEach || cuts ? eachOf(stage) : []) {
    const source = taskOf(earlier.find((other) => other.as === name));
    if (source === undefined || source.reads === task.reads) continue;
    const path = `${at}.each`;
    problems.push({
      path,
      found: `"${name}" is what ${source.name} says of a ${source.reads}`,
      expected: `what a task found that reads ${task.reads}`,
    });
  }
  return problems;
}

/** What its stages read, each kind once; the first is that of its first stage. */
export function readsOf(stages: readonly StageConfig[], tasks: readonly Task[]): PipelineSpec['reads'] {
  return [...new Set(stages.flatMap(({ task }) => tasks.find(({ name }) => name === task)?.reads ?? []))];
}
