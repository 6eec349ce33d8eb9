/**
 * Tables as series: CSV, TSV and JSON lines of numbers, a row a moment, a column a channel.
 *
 * Guarantees: a column named time, timestamp, ts, date or datetime (in any case) is the time of the row and no channel; it gives the rate where
 * its steps are even within a tenth. Where most are, rows are missing, doubled or late, and the table is laid on an even grid (even-grid.ts); else
 * the rate is null. A column that is no number anywhere is left out; a gap in one that is one is filled by
 * what stood before it, and counted. Without a row of names the channels are c1, c2, ... Deliberately knows no quoting beyond RFC 4180's.
 */
import { ShoalError } from './errors.js';
import { evenGrid } from './even-grid.js';
import { limits } from './limits.js';
import type { Series } from './series.js';

/** Throws CAPTURE_DECODE, naming the line, or CAPTURE_TOO_LARGE. */
export function readSeriesTable(bytes: Uint8Array, mediaType: string): Series {
  const text = new TextDecoder().decode(bytes);
  const table = mediaType === 'application/x-ndjson' ? jsonRows(text) : delimitedRows(text, mediaType === 'text/csv' ? null : '\t');
  return seriesOf(table);
}

interface Table {
  readonly names: readonly string[];
  /** Cells by row; undefined where a row is short. */
  readonly rows: readonly (readonly (string | undefined)[])[];
}

const timeName = /^(time|timestamp|ts|date|datetime|time_?stamp|t)$/i;

function jsonRows(text: string): Table {
  const names: string[] = [];
  const at = new Map<string, number>();
  const rows: string[][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      throw broken(`line ${index + 1} is no JSON`);
    }
    if (typeof row !== 'object' || row === null) throw broken(`line ${index + 1} is no JSON object and no array`);
    const cells: string[] = [];
    for (const [key, value] of Object.entries(row)) {
      const name = Array.isArray(row) ? `c${Number(key) + 1}` : key;
      if (!at.has(name)) {
        at.set(name, names.length);
        names.push(name);
      }
      if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') cells[at.get(name) ?? 0] = String(value);
    }
    rows.push(cells);
    bounded(rows.length * names.length);
  }
  return { names, rows };
}

/** A null separator is told by the first line: a comma, a semicolon or a tab, whichever is most frequent. */
function delimitedRows(text: string, separator: string | null): Table {
  const first = text.slice(0, text.indexOf('\n') < 0 ? undefined : text.indexOf('\n'));
  const mark = separator ?? [',', ';', '\t'].sort((a, b) => first.split(b).length - first.split(a).length)[0] ?? ',';
  const rows = splitRows(text, mark);
  const [head = []] = rows;
  const isHead = head.some((cell) => cell !== '' && numberOf(cell) === null && timeOf(cell) === null);
  const names = head.map((cell, i) => (isHead && cell !== '' ? cell : `c${i + 1}`));
  return { names, rows: isHead ? rows.slice(1) : rows };
}

function splitRows(text: string, mark: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  let cells = 0;
  const endCell = () => {
    row.push(cell.trim());
    cell = '';
    bounded(++cells);
  };
  const endRow = () => {
    endCell();
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text.charAt(i + 1) === '"') cell += text.charAt(++i);
      else quoted = false;
    } else if (character === '"' && cell === '') quoted = true;
    else if (character === mark) endCell();
    else if (character === '\n') endRow();
    else if (character !== '\r') cell += character;
  }
  if (quoted) throw broken('a quoted field does not end');
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

function seriesOf({ names, rows }: Table): Series {
  if (rows.length === 0) throw broken('it has no row of values');
  const times = names.findIndex((name, i) => timeName.test(name) && rows.some((row) => timeOf(row[i]) !== null));
  const columns = names
    .map((name, column) => ({ name: name.slice(0, 64), column }))
    .filter(({ column }) => column !== times && rows.some((row) => numberOf(row[column]) !== null));
  if (columns.length === 0) throw broken('no column of it is a number');
  if (columns.length > limits.seriesChannelsMax) {
    throw broken(`it has ${columns.length} columns of numbers, at most ${limits.seriesChannelsMax} are looked at`);
  }
  const length = rows.length;
  const data = new Float32Array(columns.length * length);
  let filled = 0;
  for (const [channel, { column }] of columns.entries()) {
    let last = rows.map((row) => numberOf(row[column])).find((value) => value !== null) ?? 0;
    for (const [i, row] of rows.entries()) {
      const value = numberOf(row[column]);
      if (value === null) filled++;
      else last = value;
      data[channel * length + i] = last;
    }
  }
  const clock = times < 0 ? [] : rows.map((row) => timeOf(row[times]));
  const { rateHz, startMs } = clockOf(clock);
  const series = { channels: columns.map(({ name }) => name), rateHz, length, data, startMs, filled };
  return rateHz === null ? (evenGrid(series, clock) ?? series) : series;
}

function clockOf(times: readonly (number | null)[]): Pick<Series, 'rateHz' | 'startMs'> {
  const known = times.filter((time) => time !== null);
  const startMs = known[0] ?? null;
  const steps = known.slice(1).map((time, i) => time - (known[i] ?? 0));
  const median = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const even = known.length === times.length && median > 0 && steps.every((step) => Math.abs(step - median) <= median / 10);
  return { rateHz: even ? 1000 / median : null, startMs };
}

function numberOf(cell: string | undefined): number | null {
  if (cell === undefined || !/^[+-]?(\d|\.\d)/.test(cell)) return null;
  const value = Math.fround(Number(cell));
  return Number.isFinite(value) ? value : null;
}

/** ISO 8601 with a space or a T, UTC where no zone is named; or seconds or milliseconds since 1970, or since whatever. Milliseconds. */
function timeOf(cell: string | undefined): number | null {
  if (cell === undefined) return null;
  const number = /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : null;
  if (number !== null) return number > 1e11 ? number : number * 1000;
  if (!/^\d{4}-\d\d-\d\d/.test(cell)) return null;
  const parsed = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(cell) ? cell.replace(' ', 'T') : `${cell.replace(' ', 'T')}Z`);
  return Number.isFinite(parsed) ? parsed : Date.parse(cell.slice(0, 10));
}

function bounded(values: number): void {
  if (values > limits.seriesValuesMax)
    throw new ShoalError('CAPTURE_TOO_LARGE', `the table has more than ${limits.seriesValuesMax} values`);
}

function broken(what: string): ShoalError {
  return new ShoalError('CAPTURE_DECODE', `the table cannot be read as a series: ${what}`);
}
