/**
 * The yardstick: read, decode, the tasks' own work and ONNX Runtime in a loop of one process, with nothing around it.
 *
 * Same decoder, tasks, models and session options as an engine has by default.
 */
import { readFile } from 'node:fs/promises';
import type { BoardClass } from '../src/core/board-class.js';
import { asVariant, type Model } from '../src/core/model.js';
import type { Observation } from '../src/core/result.js';
import type { ImagePort, Task, TaskInput } from '../src/core/task.js';
import { openImage } from '../src/engine/image.js';
import { engineOptions } from '../src/engine/options.js';
import { Session } from '../src/engine/session.js';
import { openRegistry } from '../src/registry/registry.js';
import { detectFaces } from '../src/tasks/detect-faces.js';
import { detectText } from '../src/tasks/detect-text.js';
import { readText } from '../src/tasks/read-text.js';
import { boardClassHere, variantFor } from '../tools/run-task.js';

export type Subject = 'ocr' | 'faces';
/** Reads a file and answers what the last stage found. */
export type Look = (file: string) => Promise<readonly Observation[]>;

interface Stage {
  readonly task: Task;
  readonly model: Model;
  readonly session: Session;
  readonly options: unknown;
}

async function openStage(task: Task, name: string, board: BoardClass): Promise<Stage> {
  const card = (await openRegistry(['models'])).find(name);
  const variant = card?.variants.find((each) => each.name === variantFor(card, board));
  if (card === null || variant === undefined) throw new Error(`models/${name} is missing: npm run models:build`);
  const model = asVariant(card, variant);
  task.fit(model);
  const { threads, arena } = engineOptions.parse({});
  return { task, model, session: await Session.open(model, variant, { threads, arena }), options: task.options.parse({}) };
}

function runStage({ task, model, session, options }: Stage, image: ImagePort, each: readonly Observation[] | null): Promise<Observation[]> {
  const input: TaskInput<unknown> = {
    image,
    audio: null,
    series: null,
    text: null,
    file: null,
    each,
    model,
    options,
    infer: (feeds) => session.run(feeds),
    measure: async (_, work) => work(),
  };
  return task.run(input);
}

/** `board`: the class whose pinned variants are opened. */
export async function openPlain(subject: Subject, board: BoardClass = boardClassHere()): Promise<Look> {
  if (subject === 'faces') {
    const faces = await openStage(detectFaces, 'blazeface-back', board);
    return async (file) => runStage(faces, await openImage(await readFile(file)), null);
  }
  const detector = await openStage(detectText, 'ppocr-det', board);
  const reader = await openStage(readText, 'ppocr-rec', board);
  return async (file) => {
    const image = await openImage(await readFile(file));
    return runStage(reader, image, await runStage(detector, image, null));
  };
}
