/**
 * Plain text payloads: one number, or lines of separated values.
 */
import { toNumber, toTimeMs } from './field.js';
import { Malformed, type PayloadReader, SampleBuffer, type Samples, tooMany } from './samples.js';

const oneNumber = new Malformed('no_number', 'expected one number as text, such as 23.5');

export class NumberReader implements PayloadReader {
  readonly #samples: SampleBuffer;

  constructor(name: string) {
    this.#samples = new SampleBuffer([name], false);
    this.#samples.room(1);
  }

  read(payload: Buffer): Samples | Malformed {
    const number = payload.length > longestNumber ? Number.NaN : toNumber(payload.toString('latin1'));
    this.#samples.values[0] = number;
    return Number.isNaN(number) ? oneNumber : this.#samples;
  }
}

/** The longest way to write a double, with a margin for blanks. */
const longestNumber = 64;

/** Each line a sample; empty lines and those that begin with # are passed over. */
export class CsvReader implements PayloadReader {
  readonly #columns: readonly (string | null)[];
  readonly #separator: string;
  readonly #timeColumn: number;
  readonly #samples: SampleBuffer;

  /** Names of the columns from the first one on; null for one to pass over. `timeColumn` is -1 where there is none. */
  constructor(columns: readonly (string | null)[], separator: string, timeColumn: number) {
    this.#columns = columns;
    this.#separator = separator;
    this.#timeColumn = timeColumn;
    const channels = columns.filter((name, i) => name !== null && i !== timeColumn);
    this.#samples = new SampleBuffer(channels as string[], timeColumn >= 0);
  }

  read(payload: Buffer): Samples | Malformed {
    const lines = payload
      .toString('utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    if (lines.length === 0) return this.#expected('missing_field');
    if (!this.#samples.room(lines.length)) return tooMany;
    for (const [i, line] of lines.entries()) {
      const wrong = this.#put(line, i);
      if (wrong !== null) return wrong;
    }
    return this.#samples;
  }

  #put(line: string, at: number): Malformed | null {
    const cells = line.split(this.#separator);
    if (cells.length < this.#columns.length) return this.#expected('missing_field');
    const { values, times, channels } = this.#samples;
    let next = at * channels.length;
    for (let c = 0; c < this.#columns.length; c++) {
      if (this.#columns[c] === null || c === this.#timeColumn) continue;
      const number = toNumber(cells[c]);
      if (Number.isNaN(number)) return this.#expected('no_number');
      values[next++] = number;
    }
    if (times === null) return null;
    const timeMs = toTimeMs(cells[this.#timeColumn]?.trim());
    times[at] = timeMs;
    return Number.isNaN(timeMs) ? this.#expected('no_time') : null;
  }

  #expected(reason: string): Malformed {
    return new Malformed(reason, `expected lines of ${this.#columns.map((name) => name ?? '-').join(this.#separator)}`);
  }
}
