/**
 * What decides a stage's answer on one capture, as a key: stages of one job that have the same one run once.
 *
 * Guarantees: names do not count, nor does what only decides whether a stage runs (`when`, an earlier `stop`). Pure: the engine asks with
 * what ran, a drawing of the pipelines with what would.
 */
import { eachOf, type PipelineSpec, type StageSpec } from './pipeline.js';

type Look = Pick<StageSpec, 'task' | 'model' | 'variant' | 'options' | 'crop'>;

/** `sources` are the keys of the stages it looks at, null for the capture; `heard` is the key of the stage that gave the recording, `before` stands for what the stage kept of the window before. */
export function lookKey(
  { task, model, variant, options, crop }: Look,
  sources: readonly string[] | null,
  heard: string | null,
  before?: string,
): string {
  return JSON.stringify([task, model, variant, options, sources, crop, heard, before]);
}

/** Of the second look at what was not accepted of the first. */
export function secondLookKey(first: string, { accept, escalate }: Pick<StageSpec, 'accept' | 'escalate'>): string {
  return JSON.stringify([first, accept, escalate?.model, escalate?.variant]);
}

/** A stage of a pipeline. */
export interface StagePlace {
  readonly pipeline: string;
  readonly stage: string;
}

/**
 * The stages that run once for all of their pipelines on a capture which each of them looks at, the first one first; groups in the order of
 * their first stages. `givesAudio` tells the tasks that give the stages after them another recording. A stage after one that looks twice
 * counts as shared only where those second looks are the same.
 */
export function sharedStages(
  pipelines: readonly Pick<PipelineSpec, 'name' | 'from' | 'stages'>[],
  givesAudio: (task: string) => boolean,
): readonly (readonly StagePlace[])[] {
  const groups = new Map<string, StagePlace[]>();
  for (const { name, from, stages } of pipelines) {
    for (const [stage, key] of keysOf(stages, givesAudio)) {
      for (const input of from) {
        const group = groups.get(`${input}\n${key}`) ?? [];
        groups.set(`${input}\n${key}`, [...group, { pipeline: name, stage }]);
      }
    }
  }
  const shared = [...groups.values()].filter((group) => group.length > 1);
  return [...new Map(shared.map((group) => [JSON.stringify(group), group])).values()];
}

function keysOf(stages: readonly StageSpec[], givesAudio: (task: string) => boolean): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  const answers = new Map<string, string>();
  let heard: string | null = null;
  for (const stage of stages) {
    const sources = stage.each === undefined ? null : eachOf(stage).map((name) => answers.get(name) ?? '');
    const key = lookKey(stage, sources, heard);
    const answer = stage.escalate === undefined ? key : secondLookKey(key, stage);
    keys.set(stage.as, key);
    answers.set(stage.as, answer);
    if (givesAudio(stage.task)) heard = answer;
  }
  return keys;
}
