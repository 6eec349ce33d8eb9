/**
 * The numbers of a line: columns of CSV, places in JSON, fields of a sentence.
 *
 * Guarantees: every channel gets a finite number or the line is none, with why; nothing of a line is believed.
 */
import { readSentence, sentenceNumber } from './nmea.js';
import type { StreamOptions } from './stream-options.js';

/** Why a line is no sample; `other` for one that is fine and not meant. */
export type NotRead = 'not_json' | 'no_number' | 'bad_checksum' | 'no_sentence' | 'other';

/** Writes the line's numbers into `values`, one a channel; null when it did. */
export type ReadLine = (line: string, values: Float64Array) => NotRead | null;

/** Of options with `fields` in which there is no mistake. */
export function lineReader({ format, fields = [] }: StreamOptions): { readonly channels: readonly string[]; readonly read: ReadLine } {
  const channels = Array.isArray(fields) ? fields : Object.keys(fields);
  const places = Array.isArray(fields) ? fields.map((name, i) => (format === 'csv' ? i + 1 : name)) : Object.values(fields);
  if (format === 'csv') return { channels, read: csvReader(places.map(Number)) };
  if (format === 'json') return { channels, read: jsonReader(places.map(String)) };
  return { channels, read: nmeaReader(places.map(String)) };
}

function csvReader(columns: readonly number[]): ReadLine {
  return (line, values) => {
    const cells = cellsOf(line);
    for (const [channel, column] of columns.entries()) {
      const value = numberOf(cells[column - 1]?.trim());
      if (value === null) return 'no_number';
      values[channel] = value;
    }
    return null;
  };
}

/** By commas, else semicolons, else tabs, else blanks. */
function cellsOf(line: string): string[] {
  for (const mark of [',', ';', '\t']) if (line.includes(mark)) return line.split(mark);
  return line.trim().split(/ +/);
}

function jsonReader(paths: readonly string[]): ReadLine {
  const steps = paths.map((path) => path.split('.'));
  return (line, values) => {
    let document: unknown;
    try {
      document = JSON.parse(line);
    } catch {
      return 'not_json';
    }
    for (const [channel, path] of steps.entries()) {
      const value = path.reduce<unknown>(inside, document);
      const number = typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : numberOf(value);
      if (number === null || !Number.isFinite(number)) return 'no_number';
      values[channel] = number;
    }
    return null;
  };
}

function inside(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

function nmeaReader(places: readonly string[]): ReadLine {
  const wanted = places.map((place) => place.slice(place.indexOf('.') + 1));
  const kind = places[0]?.slice(0, places[0].indexOf('.'));
  return (line, values) => {
    const sentence = readSentence(line);
    if ('why' in sentence) return sentence.why === 'no sentence' ? 'no_sentence' : 'bad_checksum';
    if (sentence.kind !== kind) return 'other';
    for (const [channel, place] of wanted.entries()) {
      const value = sentenceNumber(sentence, place);
      if (value === null) return 'no_number';
      values[channel] = value;
    }
    return null;
  };
}

function numberOf(value: unknown): number | null {
  if (typeof value !== 'string' || !/^[+-]?(\d|\.\d)/.test(value)) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
