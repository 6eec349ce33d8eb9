/**
 * classify-person-presence: whether there is a person in an image as a whole: one answer, `person` or `no person`, with its score.
 *
 * It is a classification and finds no place: a model of a few hundred kilobytes that sees 96 x 96 pixels, for deciding whether to look
 * closer. The score is that of the answer given, so 0.5 .. 1. See image-classes.ts.
 */
import { z } from 'zod';
import type { Task } from '../core/task.js';
import { differentLabels } from './different-labels.js';
import { classesOf, classify, draftClassifier } from './image-classes.js';
import { unfit } from './model-params.js';

const labels = ['no person', 'person'] as const;

const options = z.strictObject({});

type Options = z.infer<typeof options>;

export const classifyPersonPresence: Task<Options> = {
  name: 'classify-person-presence',
  summary: 'Tells whether there is a person in an image, not where.',
  reads: 'image',
  takesEach: true,
  options,
  metric: differentLabels,
  fit(model) {
    classesOf(model);
    if (model.labels.length !== labels.length || !labels.every((label) => model.labels.includes(label))) {
      throw unfit(model, `its labels are ${model.labels.join(', ')}, expected ${labels.join(' and ')} in the order of its outputs`);
    }
  },
  draft: draftClassifier,
  run: (input) => classify(input, { most: 1, least: 0 }),
};
