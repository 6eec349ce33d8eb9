/** What the three polled inputs have in common: channels of a device of sysfs, each with its unit. */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import type { Mistake } from '../framing/stream-options.js';
import { explainWindow, windowFields } from '../window-options.js';

export interface Channel {
  /** 1 .. 64 characters, unlike that of any other channel of the sensor. */
  readonly name: string;
  /** In the unit of the input's page. Rejects with the system's error. */
  read(): Promise<number>;
}

export interface Sensor {
  /** For a person. */
  readonly name: string;
  readonly channels: readonly Channel[];
}

/** Looks for it anew: numbers of devices change. Throws what is there instead, and what to do. */
export type FindSensor = () => Promise<Sensor>;

const { window, max_gap_ms } = windowFields;

/** To be spread into the options of an input. */
export const sensorFields = {
  root: z.string().regex(/^\//).max(4096).default('/sys').describe('where sysfs is'),
  channels: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(limits.seriesChannelsMax)
    .optional()
    .describe('channels by name, in this order; all if not given: "shoal doctor --inputs" shows them'),
  rate_hz: z
    .number()
    .min(0.001)
    .max(limits.sensorRateHzMax)
    .default(1)
    .describe(
      `how often it is read, and the rate of the windows (0.001 .. ${limits.sensorRateHzMax} Hz): every attribute is read anew each time`,
    ),
  window,
  max_gap_ms,
};

export type SensorOptions = z.output<z.ZodObject<typeof sensorFields>>;

export function explainSensor({ channels, ...options }: SensorOptions): Mistake | null {
  if (channels !== undefined && new Set(channels).size < channels.length) return { path: ['channels'], message: 'name a channel twice' };
  return options.window === undefined ? null : explainWindow(options);
}

/** The wanted channels in the wanted order; throws which there are. */
export function chooseChannels(sensor: Sensor, wanted: readonly string[] | undefined): Sensor {
  const { name, channels: all } = sensor;
  if (all.length === 0) throw new Error(`${name} has no channel that can be read`);
  if (wanted === undefined) {
    if (all.length <= limits.seriesChannelsMax) return sensor;
    throw new Error(`${name} has ${all.length} channels, at most ${limits.seriesChannelsMax} are read: name them under channels`);
  }
  const channels = wanted.map((one) => {
    const found = all.find((channel) => channel.name === one);
    if (found === undefined) throw new Error(`${name} has no channel ${one}; it has: ${all.map((channel) => channel.name).join(', ')}`);
    return found;
  });
  return { name, channels };
}
