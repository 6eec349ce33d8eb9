/**
 * Which reader reads what the options say the payloads are.
 */
import { BinaryReader } from './binary.js';
import { parsePath } from './field.js';
import { AllNumbersReader, everyNumber, FieldsReader, type NamedField } from './json.js';
import { type MqttInputOptions, noColumn } from './options.js';
import type { PayloadReader } from './samples.js';
import { CsvReader, NumberReader } from './text.js';
import { deviceReadings } from './zigbee2mqtt.js';

/** Names of the channels and where each is, as written; null where all are wanted. */
export function fieldPairs(fields: MqttInputOptions['fields']): readonly (readonly [string, string])[] | null {
  if (fields === undefined) return null;
  return Array.isArray(fields) ? fields.map((path) => [path.slice(-64), path] as const) : Object.entries(fields);
}

/** Of several samples in one message, where nothing else says when each was taken; ms. */
export function periodWithin({ sample_rate_hz: own, rate_hz: wanted }: MqttInputOptions): number {
  const rateHz = own ?? wanted;
  // In the same instant, but one after the other.
  return rateHz === undefined ? 0.001 : 1000 / rateHz;
}

/** A reader for one topic; not for sparkplug, whose topics share what they know, nor for raw, which is not read. */
export function createReader(options: MqttInputOptions): PayloadReader {
  const { payload, fields, time } = options;
  if (payload === 'number') return new NumberReader('value');
  if (payload === 'binary') return new BinaryReader(fields as readonly string[], options.dtype, options.layout);
  if (payload === 'csv') {
    const columns = (fields as readonly string[]).map((name) => (name === noColumn ? null : name));
    return new CsvReader(columns, options.separator, time === 'arrival' ? -1 : columns.indexOf(time));
  }
  const timePath = time === 'arrival' ? null : parsePath(time);
  const named: NamedField[] | undefined = fieldPairs(fields)?.map(([name, path]) => ({ name, path: parsePath(path) }));
  if (named !== undefined) return new FieldsReader(named, timePath, periodWithin(options));
  return new AllNumbersReader(payload === 'zigbee2mqtt' ? deviceReadings : everyNumber, timePath);
}
