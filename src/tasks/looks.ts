/**
 * One model run for the whole image, or one for each observation of an earlier stage: what the tasks share that answer with numbers
 * about a picture and find no places in it.
 */

import type { Observation } from '../core/result.js';
import type { TaskInput } from '../core/task.js';
import { floats, type Tensor } from '../core/tensor.js';
import { type Framing, type Region, regionsOf, regionTensor, wholeTensor } from './framing.js';
import type { Frame } from './pixels.js';
import { requireImage } from './text-lines.js';

export interface Looking {
  readonly frame: Frame;
  readonly how: Framing;
  /** Share of its size by which an observation's box is widened on each side. */
  readonly margin: number;
  /** Name of the output that is read. */
  readonly output: string;
}

/** `answer` makes observations of the output's floats; `region` is null for the whole image, and `of` is set here. */
export async function lookAtEach(
  input: TaskInput<unknown>,
  { frame, how, margin, output }: Looking,
  answer: (values: Float32Array, region: Region | null) => readonly Observation[],
): Promise<Observation[]> {
  const image = requireImage(input.image);
  const look = async (make: () => Tensor | Promise<Tensor>, region: Region | null): Promise<Observation[]> => {
    const tensor = await input.measure('preprocess', make);
    const outputs = await input.infer({ [frame.name]: tensor });
    return input.measure('postprocess', () =>
      answer(floats(outputs, output), region).map((found) => (region === null ? found : { ...found, of: region.of })),
    );
  };
  if (input.each === null) return look(async () => (await wholeTensor(image, frame, how)).tensor, null);
  const pixels = await input.measure('preprocess', () => image.pixels());
  const observations: Observation[] = [];
  for (const region of regionsOf(input.each, margin)) {
    observations.push(...(await look(() => regionTensor(pixels, region, frame, how), region)));
  }
  return observations;
}
