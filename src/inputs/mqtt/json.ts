/**
 * JSON payloads: an object is a sample, a list of objects are many, and so are fields that hold lists of numbers.
 *
 * Guarantees: with fields named, all of them are in each sample, or it is malformed. Without, every number of the object is a channel, named
 * by its path; new ones are taken in when they come, and what an earlier message had must be in a later one too.
 */
import { limits } from '../../core/limits.js';
import { follow, toNumber, toTimeMs } from './field.js';
import { Malformed, type PayloadReader, SampleBuffer, type Samples, tooMany } from './samples.js';

export interface NamedField {
  readonly name: string;
  readonly path: readonly string[];
}

/** Text of a payload as JSON, or what was expected. */
export function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8')) as unknown;
  } catch {
    return noJson;
  }
}

export const noJson = new Malformed('no_json', 'expected JSON');
const noTime = new Malformed('no_time', 'expected the time as a number since 1970 or ISO 8601 where time: says it is');

export class FieldsReader implements PayloadReader {
  readonly #fields: readonly NamedField[];
  readonly #time: readonly string[] | null;
  readonly #periodMs: number;
  readonly #samples: SampleBuffer;

  constructor(fields: readonly NamedField[], time: readonly string[] | null, periodMs: number) {
    this.#fields = fields;
    this.#time = time;
    this.#periodMs = periodMs;
    this.#samples = new SampleBuffer(
      fields.map(({ name }) => name),
      time !== null,
    );
  }

  read(payload: Buffer): Samples | Malformed {
    const root = parseJson(payload);
    return root instanceof Malformed ? root : (this.take(root) ?? this.#samples);
  }

  /** Null when all is well. */
  take(root: unknown): Malformed | null {
    if (!Array.isArray(root)) return this.#takeOne(root);
    if (root.length === 0 || !this.#samples.room(root.length)) return root.length === 0 ? missing(this.#fields[0]?.name ?? '') : tooMany;
    for (const [i, each] of root.entries()) {
      const wrong = this.#put(each, i);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  #takeOne(root: unknown): Malformed | null {
    const [first] = this.#fields;
    if (first !== undefined && Array.isArray(follow(root, first.path))) return this.#takeLists(root);
    this.#samples.room(1);
    return this.#put(root, 0);
  }

  #put(root: unknown, at: number): Malformed | null {
    const { values, times } = this.#samples;
    const fields = this.#fields;
    const offset = at * fields.length;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as NamedField;
      const value = follow(root, field.path);
      const number = typeof value === 'number' ? value : toNumber(value);
      if (Number.isNaN(number)) return value === undefined || value === null ? missing(field.name) : noNumber(field.name);
      values[offset + i] = number;
    }
    if (times === null || this.#time === null) return null;
    const timeMs = toTimeMs(follow(root, this.#time));
    times[at] = timeMs;
    return Number.isNaN(timeMs) ? noTime : null;
  }

  /** A list of each field, all of one length. */
  #takeLists(root: unknown): Malformed | null {
    const lists = this.#fields.map(({ path }) => follow(root, path));
    const count = Array.isArray(lists[0]) ? lists[0].length : 0;
    if (count === 0 || !this.#samples.room(count)) return count === 0 ? missing(this.#fields[0]?.name ?? '') : tooMany;
    const { values, times } = this.#samples;
    for (const [c, list] of lists.entries()) {
      const name = this.#fields[c]?.name ?? '';
      if (!Array.isArray(list) || list.length !== count)
        return new Malformed('wrong_length', `expected ${name} to be a list of ${count} like the others`);
      for (let i = 0; i < count; i++) {
        const number = toNumber(list[i]);
        if (Number.isNaN(number)) return noNumber(name);
        values[i * lists.length + c] = number;
      }
    }
    if (times === null || this.#time === null) return null;
    const startMs = toTimeMs(follow(root, this.#time));
    if (Number.isNaN(startMs)) return noTime;
    for (let i = 0; i < count; i++) times[i] = startMs + i * this.#periodMs;
    return null;
  }
}

/** Which keys of an object are channels, where nobody named them. */
export interface AllRule {
  /** Whether objects within the object are looked into. */
  readonly nested: boolean;
  /** Whether true, false, ON and OFF are numbers too. */
  readonly switches: boolean;
  leavesOut(key: string): boolean;
}

export const everyNumber: AllRule = { nested: true, switches: false, leavesOut: () => false };

export class AllNumbersReader implements PayloadReader {
  readonly #rule: AllRule;
  readonly #time: readonly string[] | null;
  readonly #samples: SampleBuffer;
  /** The keys of the message before, in their order: as long as they are the same, no name is put together. */
  #keys: string[] = [];
  /** Of each key, how deep it stands, and whether it holds an object: without these `{"b":{"a":0}}` would pass for `{"b":0,"a":{}}`. */
  #places: number[] = [];
  #at = 0;
  #same = true;

  constructor(rule: AllRule, time: readonly string[] | null) {
    this.#rule = rule;
    this.#time = time;
    this.#samples = new SampleBuffer([], time !== null);
  }

  read(payload: Buffer): Samples | Malformed {
    const root = parseJson(payload);
    if (root instanceof Malformed) return root;
    if (root === null || typeof root !== 'object' || Array.isArray(root)) return new Malformed('no_object', 'expected a JSON object');
    const samples = this.#samples;
    const timeKey = this.#time?.length === 1 ? this.#time[0] : undefined;
    this.#at = 0;
    this.#same = true;
    const count = this.#walk(root as Record<string, unknown>, timeKey, 0, 0);
    if (!this.#same || count === 0 || count !== samples.channels.length || this.#at !== this.#keys.length) {
      const wrong = this.#learn(root as Record<string, unknown>, timeKey);
      if (wrong !== null) return wrong;
    }
    samples.count = 1;
    if (samples.times === null || this.#time === null) return samples;
    const timeMs = toTimeMs(follow(root, this.#time));
    samples.times[0] = timeMs;
    return Number.isNaN(timeMs) ? noTime : samples;
  }

  /** Values in the order of the keys, for as long as they are those of the message before. Answers how many. */
  #walk(object: Record<string, unknown>, timeKey: string | undefined, depth: number, from: number): number {
    let count = from;
    for (const key in object) {
      const value = object[key];
      if (this.#isNested(value, depth)) {
        if (!this.#follows(key, placeOf(depth, true))) return count;
        count = this.#walk(value, undefined, depth + 1, count);
        if (!this.#same) return count;
        continue;
      }
      const number = this.#numberOf(key, value);
      if (Number.isNaN(number) || key === timeKey) continue;
      if (!this.#follows(key, placeOf(depth, false))) return count;
      this.#samples.values[count++] = number;
    }
    return count;
  }

  #follows(key: string, place: number): boolean {
    if (this.#keys[this.#at] === key && this.#places[this.#at] === place) this.#at++;
    else this.#same = false;
    return this.#same;
  }

  #isNested(value: unknown, depth: number): value is Record<string, unknown> {
    return this.#rule.nested && typeof value === 'object' && value !== null && !Array.isArray(value) && depth < limits.payloadDepthMax;
  }

  #numberOf(key: string, value: unknown): number {
    const isNumber =
      typeof value === 'number' || (this.#rule.switches && (typeof value === 'boolean' || value === 'ON' || value === 'OFF'));
    return isNumber && !this.#rule.leavesOut(key) ? toNumber(value) : Number.NaN;
  }

  /** Another shape than before: a wider one is learned, a narrower one lacks something, and one in another order is read by name. */
  #learn(root: Record<string, unknown>, timeKey: string | undefined): Malformed | null {
    const keys: string[] = [];
    const places: number[] = [];
    const found = new Map<string, number>();
    const collect = (object: Record<string, unknown>, prefix: string, depth: number) => {
      for (const key in object) {
        const value = object[key];
        if (this.#isNested(value, depth)) {
          keys.push(key);
          places.push(placeOf(depth, true));
          collect(value, `${prefix}${key}.`, depth + 1);
          continue;
        }
        const number = this.#numberOf(key, value);
        if (Number.isNaN(number) || (depth === 0 && key === timeKey)) continue;
        keys.push(key);
        places.push(placeOf(depth, false));
        found.set(channelName(`${prefix}${key}`), number);
      }
    };
    collect(root, '', 0);
    const samples = this.#samples;
    const lost = samples.channels.find((name) => !found.has(name));
    if (lost !== undefined) return missing(lost);
    if (found.size === 0) return new Malformed('no_number', withoutNumbers(root));
    if (found.size > limits.seriesChannelsMax)
      return new Malformed('too_many', `at most ${limits.seriesChannelsMax} numbers; name those you want under fields`);
    if (found.size === samples.channels.length) {
      for (const [i, name] of samples.channels.entries()) samples.values[i] = found.get(name) ?? 0;
      return null;
    }
    this.#keys = keys;
    this.#places = places;
    samples.channels = [...found.keys()];
    samples.values = Float64Array.from(found.values());
    return null;
  }
}

function placeOf(depth: number, nested: boolean): number {
  return depth * 2 + (nested ? 1 : 0);
}

/** As a series may have it. */
function channelName(path: string): string {
  return path.replace(/\p{C}/gu, '?').slice(-64) || '?';
}

/** What to do about an object in which there is no number. */
function withoutNumbers(root: Record<string, unknown>): string {
  const list = Object.keys(root).find((key) => Array.isArray(root[key]));
  return list === undefined ? 'expected an object with numbers' : `${channelName(list)} is a list: name it in fields`;
}

function missing(name: string): Malformed {
  return new Malformed('missing_field', `expected a value for ${name}`);
}

function noNumber(name: string): Malformed {
  return new Malformed('no_number', `expected ${name} to be a number`);
}
