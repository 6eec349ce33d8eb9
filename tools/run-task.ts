/**
 * Runs one task on one file through the engine's own session and decoders, outside any daemon: for golden files, benches and tests.
 */

import { type BoardClass, boardClassOf } from '../src/core/board-class.js';
import { asVariant, type Model } from '../src/core/model.js';
import type { Observation } from '../src/core/result.js';
import type { Task, TaskInput } from '../src/core/task.js';
import { openFor } from '../src/engine/open-form.js';
import { Session } from '../src/engine/session.js';
import { readNature } from '../src/ops/board.js';
import { pinnedVariant } from '../src/registry/choose-variant.js';

export interface TaskRun {
  readonly observations: Observation[];
  /** Model runs made. */
  readonly runs: number;
  /** What the task gave later stages to hear instead, at its own rate. */
  readonly heard?: Float32Array;
  /** What it keeps for the next window. */
  readonly kept?: Uint8Array;
}

export interface OpenedTask {
  /** `options` as written in a configuration; defaults are filled in. With `before` it is a window of a stream; null for the first one. */
  run(
    encoded: Uint8Array,
    each?: readonly Observation[],
    options?: Readonly<Record<string, unknown>>,
    before?: Uint8Array | null,
  ): Promise<TaskRun>;
  close(): Promise<void>;
}

export function boardClassHere(): BoardClass {
  const { arch, cpu_features } = readNature();
  return boardClassOf(arch, cpu_features);
}

/** The variant a daemon on this machine runs when its configuration says nothing else. */
export function variantHere(card: Model): string {
  return variantFor(card, boardClassHere());
}

/** The variant a daemon runs on a board of that class when its configuration says nothing else. */
export function variantFor(card: Model, board: BoardClass): string {
  const choice = pinnedVariant(card, board);
  if (choice === null) throw new Error(`${card.name} has no variant`);
  return choice.variant.name;
}

/** Opens a variant of the model, the default one without a name, with one thread. */
export async function openTask(task: Task, card: Model, name?: string): Promise<OpenedTask> {
  const variant = card.variants.find((each) => name === undefined || each.name === name);
  if (variant === undefined) throw new Error(`${card.name} has no variant ${name ?? 'at all'}`);
  const model = asVariant(card, variant);
  task.fit(model);
  const session = await Session.open(model, variant, { threads: 1, arena: false });
  return {
    async run(encoded, each, options = {}, before = undefined) {
      let runs = 0;
      const given: { heard?: Float32Array; kept?: Uint8Array } = {};
      const keep = (kept: Uint8Array): void => {
        given.kept = kept;
      };
      const input: TaskInput<unknown> = {
        ...(await openFor(task.reads, encoded)),
        each: each ?? null,
        model,
        options: task.options.parse(options),
        infer: (feeds) => {
          runs++;
          return session.run(feeds);
        },
        ...(before === undefined ? {} : { stream: { state: before, keep } }),
        replaceAudio(samples) {
          given.heard = samples;
        },
        measure: async (_, work) => work(),
      };
      return { observations: await task.run(input), runs, ...given };
    },
    close: () => session.release(),
  };
}
