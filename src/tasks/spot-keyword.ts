/**
 * spot-keyword: which of a few words somebody says, and when, by a model that knows them.
 *
 * The model hears one window after the other, each overlapping the one before; windows in a row that hear the same word are one
 * observation, from the start of the first to the end of the last, with the best score of them: the word lies within. Deliberately does not
 * transcribe, and knows no word but its labels.
 *
 * Source for the features: mlcommons/tiny, keyword_spotting/get_dataset.py; for the smoothing none: a word is told as soon as one window
 * is sure enough.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Task } from '../core/task.js';
import { floats } from '../core/tensor.js';
import { differentSegments } from './different-segments.js';
import { checkIgnored, type Heard, likeliest, merged } from './likeliest.js';
import { onlyTensor, readParams } from './model-params.js';
import { SoundWindows, soundWindowParams } from './sound-windows.js';

const options = z.strictObject({
  min_score: z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe('A word counts from this score on, 0 .. 1: lower hears more, and more that nobody said.'),
  hop_ms: z
    .int()
    .min(20)
    .max(10_000)
    .default(250)
    .describe('From the start of a window to that of the next, milliseconds; each costs a model run.'),
});

type Options = z.infer<typeof options>;

const params = z.strictObject({
  ...soundWindowParams,
  /** Labels that are no word: silence, anything else. */
  ignore: z.array(z.string()),
});

export const spotKeyword: Task<Options> = {
  name: 'spot-keyword',
  summary: 'Hears which of a few words are said: label, start and end in seconds of the windows that heard it.',
  reads: 'audio',
  takesEach: false,
  options,
  metric: differentSegments,
  fit(model) {
    const { ignore } = readParams(params, model);
    onlyTensor(model, 'outputs', [1, model.labels.length]);
    checkIgnored(ignore, model);
    new SoundWindows(model);
  },
  async run(input) {
    const { audio, model } = input;
    if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'spot-keyword listens to audio, and this capture is none');
    const { rate_hz: rateHz, ignore } = readParams(params, model);
    const windows = new SoundWindows(model);
    const { name } = onlyTensor(model, 'outputs', [1, model.labels.length]);
    const samples = await input.measure('preprocess', () => audio.samples(rateHz));
    const heard: Heard[] = [];
    for (const start of windows.starts(samples.length, Math.max(1, Math.round((input.options.hop_ms * rateHz) / 1000)))) {
      const outputs = await input.infer(await input.measure('preprocess', () => windows.feeds(samples, start)));
      heard.push({ ...likeliest(floats(outputs, name), model.labels), segment: windows.segment(start, samples.length) });
    }
    return input.measure('postprocess', () => {
      const sure = (each: Heard) => each.score >= input.options.min_score && !ignore.includes(each.label);
      return merged(heard, sure).slice(0, limits.observationsMax);
    });
  },
};
