/**
 * How an operator says what a stream of bytes holds: the options that `exec` and `serial` share.
 *
 * Guarantees: options in which `explainStream` finds no mistake can be served. Each format's own options are refused with another format.
 */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import { explainWindow, windowFields } from '../window-options.js';
import { lengthPrefixes } from './length-framer.js';

export const textFormats = ['lines', 'json', 'csv', 'nmea'] as const;

const fieldName = z.string().min(1).max(64);

/** To be spread into the options of an input, beside its `format`. */
export const streamFields = {
  fields: z
    .union([
      z.array(fieldName).min(1).max(limits.seriesChannelsMax),
      z
        .record(fieldName, z.union([fieldName, z.int().min(1).max(1024)]))
        .refine((map) => Object.keys(map).length > 0, 'need at least one field'),
    ])
    .meta({ expected: 'a list of names, or a map of names to places' })
    .optional()
    .describe(
      'numbers of a line that become the channels of a series: csv: names of the columns in their order, or a map of names to column numbers (from 1); json: paths such as accel.x or values.0, or a map of names to paths; nmea: a map of names to RMC.7 (field 7 of RMC), RMC.lat or RMC.lon (degrees), all of one sentence. Without it each line is a capture by itself',
    ),
  sentences: z
    .array(
      z
        .string()
        .regex(/^[A-Z0-9]{3,15}$/)
        .meta({ expected: 'a sentence such as RMC' }),
    )
    .min(1)
    .max(32)
    .optional()
    .describe('nmea: only these sentences, such as RMC and GGA, whoever the talker is; all if not given'),
  length_prefix: z
    .enum(lengthPrefixes)
    .default('u16le')
    .describe('binary: the unsigned integer before each piece that says how many bytes it has'),
  max_bytes: z
    .int()
    .min(16)
    .max(limits.streamPieceBytesMax)
    .default(limits.streamLineBytes)
    .describe(
      `a line or a binary piece above this is dropped and counted (16 .. ${limits.streamPieceBytesMax}, default ${limits.streamLineBytes})`,
    ),
  stale_ms: z
    .int()
    .min(100)
    .max(86_400_000)
    .optional()
    .describe('when nothing of use came for so long, the input is down and says so (100 .. 86400000); any silence is fine if not given'),
  ...windowFields,
};

export type StreamOptions = z.output<z.ZodObject<typeof streamFields>> & { readonly format: string };

export interface Mistake {
  readonly path: string[];
  readonly message: string;
}

/** A mistake that no single option shows; null when there is none. */
export function explainStream(options: StreamOptions): Mistake | null {
  const { format, fields, sentences, window, rate_hz: rateHz } = options;
  const text = (textFormats as readonly string[]).includes(format);
  if (format === 'csv' && fields === undefined) return { path: ['fields'], message: 'is missing: format csv needs them, as in [x, y, z]' };
  if (fields !== undefined && (format === 'lines' || !text))
    return { path: ['fields'], message: `goes with format csv, json or nmea, not ${format}` };
  if (sentences !== undefined && format !== 'nmea') return { path: ['sentences'], message: `goes with format nmea, not ${format}` };
  const wrong = fields === undefined ? null : explainFields(format, fields, sentences);
  if (wrong !== null) return { path: ['fields'], message: wrong };
  if (text && fields === undefined && (window ?? rateHz) !== undefined)
    return { path: ['fields'], message: 'is missing: a window needs numbers to gather' };
  if (format === 'binary' && window !== undefined)
    return { path: ['window'], message: 'goes with fields or pcm: binary pieces are captures by themselves' };
  return format === 'pcm' ? null : explainWindow(options);
}

function explainFields(
  format: string,
  fields: NonNullable<StreamOptions['fields']>,
  sentences: readonly string[] | undefined,
): string | null {
  const names = Array.isArray(fields) ? fields : Object.keys(fields);
  if (new Set(names).size < names.length) return 'name a channel twice';
  if (format === 'csv' && !Array.isArray(fields) && Object.values(fields).some((at) => typeof at !== 'number'))
    return 'must be column numbers from 1 on with format csv, as in { x: 2 }';
  if (format !== 'nmea') return null;
  const places = Array.isArray(fields) ? fields : Object.values(fields);
  const kinds = new Set<string>();
  for (const place of places) {
    const match = /^([A-Z0-9]{3,15})\.([1-9]\d?|lat|lon)$/.exec(String(place));
    if (match === null) return 'must be places such as RMC.7 or GGA.lat with format nmea, as in { knots: RMC.7 }';
    kinds.add(match[1] ?? '');
  }
  if (kinds.size > 1) return `must be of one sentence, not of ${[...kinds].join(' and ')}: make an input for each`;
  const [kind = ''] = kinds;
  return sentences !== undefined && !sentences.includes(kind) ? `are of ${kind}, which is not among the sentences` : null;
}
