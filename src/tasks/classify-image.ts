/** classify-image: which of the model's labels an image as a whole, or a part of it, resembles most. See image-classes.ts. */
import { z } from 'zod';
import type { Task } from '../core/task.js';
import { differentLabels } from './different-labels.js';
import { classesOf, classify, draftClassifier } from './image-classes.js';
import { minScoreOption } from './likeliest.js';

const options = z.strictObject({
  max_labels: z.int().min(1).max(20).default(1).describe('Most labels for a picture, the likeliest first, 1 .. 20.'),
  min_score: minScoreOption,
});

type Options = z.infer<typeof options>;

export const classifyImage: Task<Options> = {
  name: 'classify-image',
  summary: 'Names what an image as a whole, or each place found before, resembles most.',
  reads: 'image',
  takesEach: true,
  options,
  metric: differentLabels,
  fit: (model) => void classesOf(model),
  draft: draftClassifier,
  run: (input) => classify(input, { most: input.options.max_labels, least: input.options.min_score }),
};
