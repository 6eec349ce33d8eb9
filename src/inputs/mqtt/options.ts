/** Options of the MQTT input: schema, defaults and documentation in one, and what does not go together. */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import { explainFilter } from '../../core/topic-filter.js';
import { explainWindow, windowFields } from '../window-options.js';
import { dtypeNames } from './binary.js';

const channel = z.string().min(1).max(64);
const path = z.string().min(1).max(256);

/** Columns of CSV that are passed over. */
export const noColumn = '-';

const options = z.strictObject({
  connection: z.string().min(1).max(64).describe('name of the connection to listen on'),
  topics: z
    .array(
      z.string().superRefine((filter, context) => {
        const problem = explainFilter(filter);
        if (problem !== null) context.addIssue({ code: 'custom', message: problem });
      }),
    )
    .min(1)
    .max(limits.mqttFiltersMax)
    .describe('topics to listen to, wildcards + and # allowed; what this device itself publishes is never heard'),
  qos: z
    .literal([0, 1])
    .default(1)
    .describe(
      '1: the broker sends again what was not acknowledged on this link; messages are acknowledged on receipt, and lost if the daemon dies',
    ),
  payload: z
    .enum(['json', 'csv', 'number', 'binary', 'zigbee2mqtt', 'sparkplug', 'raw'])
    .default('json')
    .describe(
      'what a message holds: json, csv lines, one number as text, binary numbers, a device of Zigbee2MQTT, Sparkplug B; raw: each message is an image, a sound or a text as it is',
    ),
  fields: z
    .union([z.array(path).min(1).max(limits.seriesChannelsMax), z.record(channel, path)])
    .optional()
    .describe(
      'channels: json: path of each, dotted (sensors.temperature) or a JSON pointer (/a.b/0), as a list or as name: path, all numbers of the object if not given; csv: names of the columns, "-" passes one over; binary: names of the channels; sparkplug: names of metrics, all numeric ones if not given',
    ),
  time: z
    .string()
    .min(1)
    .max(256)
    .default('arrival')
    .describe(
      'whose clock says when: arrival, or where the source says it: json: a path; csv: a column of fields; sparkplug: timestamp. Seconds, ms, us or ns since 1970, or ISO 8601',
    ),
  sample_rate_hz: z
    .number()
    .min(0.001)
    .max(limits.windowRateHzMax)
    .optional()
    .describe('samples a second within one message, where a message holds several, 0.001 .. 50000; default rate_hz'),
  dtype: z.enum(dtypeNames).default('int16le').describe('binary: type and byte order of a number'),
  layout: z
    .enum(['interleaved', 'planar'])
    .default('interleaved')
    .describe('binary: interleaved: sample after sample; planar: all of the first channel, then all of the next'),
  separator: z.enum([',', ';', '\t', ' ']).default(',').describe('csv: what stands between two columns'),
  rebirth: z
    .boolean()
    .default(false)
    .describe(
      'sparkplug: asks a node whose birth was missed to send it again (an NCMD), at most once a minute; without it such a node is heard from its next birth on',
    ),
  ...windowFields,
  stale_ms: z
    .int()
    .min(100)
    .max(86_400_000)
    .optional()
    .describe('milliseconds without a message after which the input is down, 100 .. 86400000; without it silence is no trouble'),
});

export type MqttInputOptions = z.output<typeof options>;

/** Options that say something for some kinds of payload only. */
const onlyFor: readonly (readonly [keyof MqttInputOptions, readonly MqttInputOptions['payload'][]])[] = [
  ['fields', ['json', 'csv', 'binary', 'zigbee2mqtt', 'sparkplug']],
  ['window', ['json', 'csv', 'number', 'binary', 'zigbee2mqtt', 'sparkplug']],
  ['sample_rate_hz', ['json', 'csv', 'binary']],
];

function explain(given: MqttInputOptions): { path: string[]; message: string } | null {
  const { payload, fields, time } = given;
  for (const [key, kinds] of onlyFor) {
    if (given[key] !== undefined && !kinds.includes(payload)) return { path: [key], message: `is of no use with payload: ${payload}` };
  }
  if ((payload === 'csv' || payload === 'binary') && !Array.isArray(fields)) {
    return { path: ['fields'], message: `must be a list of names with payload: ${payload}, as in [x, y, z]` };
  }
  if (payload === 'csv' && Array.isArray(fields) && fields.every((name) => name === noColumn || name === time)) {
    return { path: ['fields'], message: 'must name a column besides the time' };
  }
  if (
    Array.isArray(fields) &&
    new Set(fields.filter((name) => name !== noColumn)).size < fields.filter((name) => name !== noColumn).length
  ) {
    return { path: ['fields'], message: 'must be different names' };
  }
  if (
    fields !== undefined &&
    !Array.isArray(fields) &&
    (Object.keys(fields).length === 0 || Object.keys(fields).length > limits.seriesChannelsMax)
  ) {
    return { path: ['fields'], message: `must be 1 .. ${limits.seriesChannelsMax} channels` };
  }
  return explainTime(given) ?? explainWindow(given);
}

function explainTime({ payload, fields, time }: MqttInputOptions): { path: string[]; message: string } | null {
  if (time === 'arrival') return null;
  if (payload === 'csv' && !(Array.isArray(fields) && fields.includes(time)))
    return { path: ['time'], message: 'must be arrival or one of fields' };
  if (payload === 'sparkplug' && time !== 'timestamp')
    return { path: ['time'], message: 'must be arrival or timestamp with payload: sparkplug' };
  if (payload === 'number' || payload === 'binary' || payload === 'raw')
    return { path: ['time'], message: `must be arrival with payload: ${payload}` };
  return null;
}

export const mqttInputOptions = options.superRefine((given, context) => {
  const problem = explain(given);
  if (problem !== null) context.addIssue({ code: 'custom', ...problem });
});
