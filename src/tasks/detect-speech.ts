/**
 * detect-speech: where in a recording somebody speaks, by a Silero voice activity model.
 *
 * A recording by itself starts with silence and its last frame is filled up with it, as Silero's reference does. Windows of a stream are heard
 * as one: what the model knows, the samples that do not fill a frame yet and a segment that is not over go from window to window. There
 * `segment` is the part within the window, and `values` has the whole of it, in seconds from the start of the window: `from_s`, below 0 where
 * it began before; `to_s`, as far as it was heard; `ongoing`, 1 where it may go on. A segment that turns out to have ended with the window
 * before is not told again.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Observation } from '../core/result.js';
import type { StreamPort, Task, TaskInput } from '../core/task.js';
import { differentFrames } from './different-frames.js';
import { freshMemory, readMemory, writeMemory } from './speech-memory.js';
import { fitSpeech, hearFrames, silentState, speechParams } from './speech-model.js';
import { hear, type SegmentRule, type SpeechSegment, soFar, speechSegments } from './speech-segments.js';

const options = z.strictObject({
  threshold: z.number().min(0.01).max(1).default(0.5).describe('Probability of speech from which a segment starts, 0.01 .. 1.'),
  neg_threshold: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('Probability below which a segment may end, 0 .. 1; without it 0.15 below threshold, at least 0.01.'),
  min_speech_ms: z.number().min(0).max(60_000).default(250).describe('Segments no longer than this are left out, milliseconds.'),
  min_silence_ms: z.number().min(0).max(60_000).default(100).describe('Silence that ends a segment, milliseconds.'),
  speech_pad_ms: z.number().min(0).max(10_000).default(30).describe('Added on both sides of a segment, milliseconds.'),
});

type Options = z.infer<typeof options>;

async function run(input: TaskInput<Options>): Promise<Observation[]> {
  const { audio, model, stream } = input;
  if (audio === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'detect-speech listens to audio, and this capture is none');
  const { rate_hz: rateHz } = speechParams(model);
  const samples = await input.measure('preprocess', () => audio.samples(rateHz));
  return stream === undefined ? hearRecording(input, samples) : hearWindow(input, samples, stream);
}

function ruleOf({ model, options }: TaskInput<Options>): SegmentRule {
  const { frame_samples: frame, rate_hz: rateHz } = speechParams(model);
  const { threshold, neg_threshold, min_speech_ms, min_silence_ms, speech_pad_ms } = options;
  const perMs = rateHz / 1000;
  return {
    frame,
    threshold,
    negThreshold: neg_threshold ?? Math.max(threshold - 0.15, 0.01),
    minSpeech: min_speech_ms * perMs,
    minSilence: min_silence_ms * perMs,
    pad: speech_pad_ms * perMs,
  };
}

async function hearRecording(input: TaskInput<Options>, samples: Float32Array): Promise<Observation[]> {
  const { frame_samples: frame, context_samples: context, rate_hz: rateHz } = speechParams(input.model);
  const all = new Float32Array(context + Math.ceil(samples.length / frame) * frame);
  all.set(samples, context);
  const { probabilities } = await hearFrames(input, all, silentState(input.model));
  return input.measure('postprocess', () =>
    speechSegments(probabilities, samples.length, ruleOf(input))
      .slice(0, limits.observationsMax)
      .map((segment) => observe(segment, rateHz)),
  );
}

async function hearWindow(input: TaskInput<Options>, samples: Float32Array, stream: StreamPort): Promise<Observation[]> {
  const { frame_samples: frame, context_samples: context, rate_hz: rateHz } = speechParams(input.model);
  const silent = silentState(input.model);
  const before = stream.state === null ? freshMemory(silent, context) : readMemory(stream.state, silent.length);
  const all = new Float32Array(before.samples.length + samples.length);
  all.set(before.samples);
  all.set(samples, before.samples.length);
  const { probabilities, state } = await hearFrames(input, all, before.state);
  return input.measure('postprocess', () => {
    const rule = ruleOf(input);
    const { closed, course } = hear(before.course, probabilities, rule);
    // What ended where this window was first judged was told with the window before.
    const over = closed.filter(({ end }) => end > before.course.at);
    const open = soFar(course, rule);
    const told = streamed(open === null ? over : [...over, open], before.lastEnd, course.at, rule.pad);
    const lastEnd = told[over.length - 1]?.end ?? before.lastEnd;
    stream.keep(writeMemory({ state, samples: all.slice(probabilities.length * frame), course, lastEnd }));
    const startsAt = before.course.at + before.samples.length - context;
    return told
      .slice(0, limits.observationsMax)
      .map((segment, i) => ({ ...within(segment, startsAt, rateHz), ...valuesOf(segment, startsAt, rateHz, i >= over.length) }));
  });
}

/** Widens segments on both sides, as far as was heard and not into the one before. */
function streamed(segments: readonly SpeechSegment[], lastEnd: number, heardTo: number, pad: number): SpeechSegment[] {
  const told: SpeechSegment[] = [];
  for (const { start, end, score } of segments) {
    const free = told.at(-1)?.end ?? lastEnd;
    told.push({ start: Math.trunc(Math.max(free, start - pad)), end: Math.trunc(Math.min(heardTo, end + pad)), score });
  }
  return told;
}

function within({ start, end, score }: SpeechSegment, startsAt: number, rateHz: number): Observation {
  return observe({ start: Math.max(0, start - startsAt), end: Math.max(0, end - startsAt), score }, rateHz);
}

function valuesOf({ start, end }: SpeechSegment, startsAt: number, rateHz: number, ongoing: boolean): Pick<Observation, 'values'> {
  const seconds = (samples: number) => Math.round(((samples - startsAt) / rateHz) * 1e3) / 1e3;
  return { values: { from_s: seconds(start), to_s: seconds(end), ongoing: ongoing ? 1 : 0 } };
}

/** Seconds to the millisecond. */
function observe({ start, end, score }: SpeechSegment, rateHz: number): Observation {
  const seconds = (samples: number) => Math.round((samples / rateHz) * 1e3) / 1e3;
  return { score: Math.round(score * 1e4) / 1e4, label: 'speech', segment: { start_s: seconds(start), end_s: seconds(end) } };
}

export const detectSpeech: Task<Options> = {
  name: 'detect-speech',
  summary: 'Finds speech: segments with start and end in seconds; the score is the mean probability within.',
  reads: 'audio',
  takesEach: false,
  stateful: { gaps: 'reset' },
  options,
  metric: differentFrames,
  fit: fitSpeech,
  run,
};
