/**
 * What an operator may say about a microphone.
 *
 * The parsed object is used as it is; the documentation of the configuration is generated from the descriptions.
 */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import { wavHeadBytes } from '../framing/pcm.js';

const { microphoneWindowMsMin: shortest, microphoneWindowMsMax: longest } = limits;

const fields = z.strictObject({
  source: z
    .enum(['alsa', 'pulse', 'command'])
    .default('alsa')
    .describe('alsa: a sound card, by arecord; pulse: PulseAudio or PipeWire, by ffmpeg; command: what the command writes'),
  device: z
    .string()
    .regex(/^[\w.,:=@/{}+-]{1,200}$/, 'must be a name of ALSA or PulseAudio, as default or plughw:1,0')
    .meta({ expected: 'a name of ALSA or PulseAudio' })
    .default('default')
    .describe('which microphone: a name of ALSA, as default, plughw:1,0 or plughw:CARD=Device ("arecord -L" lists them), or of PulseAudio'),
  command: z
    .array(z.string().min(1).max(4096))
    .min(1)
    .max(64)
    .optional()
    .describe(
      'with source: command, the program and its arguments, each a word of its own; it writes samples to stdout, 16 bit, little endian, of rate_hz and channels',
    ),
  rate_hz: z
    .int()
    .min(limits.audioRateHzMin)
    .max(limits.audioRateHzMax)
    .default(16_000)
    .describe(`samples a second, ${limits.audioRateHzMin} .. ${limits.audioRateHzMax} (Hz); 16000 is what most models want`),
  channels: z.int().min(1).max(limits.audioChannelsMax).default(1).describe('channels of the device; a task hears their mean'),
  window_ms: z.int().min(shortest).max(longest).default(1000).describe(`milliseconds of sound in one capture, ${shortest} .. ${longest}`),
  hop_ms: z
    .int()
    .min(shortest)
    .max(3_600_000)
    .optional()
    .describe(
      `milliseconds from the beginning of one window to that of the next, ${shortest} .. 3600000; window_ms if not given: all is heard once`,
    ),
  before_ms: z
    .int()
    .min(0)
    .max(longest)
    .default(0)
    .describe(
      `milliseconds of sound before its window that each capture begins with, 0 .. ${longest}, so that what is kept of a hit has its beginning; tasks hear it with each window, and those that remember begin anew with each`,
    ),
  stale_ms: z
    .int()
    .min(1000)
    .max(3_600_000)
    .default(10_000)
    .describe('milliseconds without a sample after which the microphone is down and opened anew, 1000 .. 3600000'),
  frozen_ms: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(60_000)
    .describe(
      'milliseconds of one and the same sample value, as of a muted card, after which the microphone is down and opened anew, 0 .. 86400000; 0 for never',
    ),
});

export const microphoneOptions = fields.superRefine(({ source, command, rate_hz, channels, window_ms, before_ms }, context) => {
  const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (source === 'command' && command === undefined) issue('command', 'is needed with source: command');
  if (source !== 'command' && command !== undefined) issue('command', 'is of use only with source: command');
  const most = limits.jobInlineBytesMax - wavHeadBytes;
  const bytes = ((window_ms + before_ms) / 1000) * rate_hz * channels * 2;
  if (bytes > most) {
    const mostMs = Math.floor((most / (rate_hz * channels * 2)) * 1000);
    issue(
      'window_ms',
      `window_ms and before_ms are ${window_ms + before_ms} ms together, at this rate and so many channels at most ${mostMs}`,
    );
  }
});

export type MicrophoneOptions = z.output<typeof microphoneOptions>;
