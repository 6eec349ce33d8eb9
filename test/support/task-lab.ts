/** A task run on tensors written by hand: a model that answers what it is told and keeps what it was fed. */

import type { ModelFacts } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import type { Area, ImagePort, Task } from '../../src/core/task.js';
import type { Tensor, Tensors } from '../../src/core/tensor.js';

/** Every pixel by its place: `colour(x, y)` in shares of the image, RGB bytes. */
export function paintedImage(
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): ImagePort {
  const paint = (w: number, h: number) => {
    const data = new Uint8Array(w * h * 3);
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) data.set(colour((x + 0.5) / w, (y + 0.5) / h), (y * w + x) * 3);
    return { width: w, height: h, channels: 3 as const, data };
  };
  const part = (area: Area) =>
    paintedImage(area.width, area.height, (x, y) => colour((area.left + x * area.width) / width, (area.top + y * area.height) / height));
  return { width, height, pixels: async () => paint(width, height), resize: async (w, h) => paint(w, h), part };
}

export const greyImage = (width: number, height: number) => paintedImage(width, height, () => [128, 128, 128]);

export function floatTensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  return { dtype: 'float32', shape, data: Float32Array.from(values) };
}

export interface LabRun {
  readonly observations: Observation[];
  readonly fed: Tensor[];
}

/** `answer` gets the number of the run. Options are parsed by the task's schema. */
export async function runTask(
  task: Task,
  model: ModelFacts,
  image: ImagePort | null,
  answer: (run: number) => Tensors,
  { options = {}, each = null }: { readonly options?: Record<string, unknown>; readonly each?: readonly Observation[] | null } = {},
): Promise<LabRun> {
  task.fit(model);
  const fed: Tensor[] = [];
  const observations = await task.run({
    image,
    audio: null,
    series: null,
    text: null,
    file: null,
    each,
    model,
    options: task.options.parse(options),
    infer: async (feeds) => {
      fed.push(...Object.values(feeds));
      return answer(fed.length - 1);
    },
    measure: async (_, work) => work(),
  });
  return { observations, fed };
}
