/**
 * Problems of a configuration: collected, placed and told all at once.
 *
 * Guarantees: rendering is stable (golden tests hold it) and bounded; each problem names where, what was found, what is needed and,
 * where we know, what to do.
 */
import { type ErrorCode, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

export interface Place {
  /** Absolute path, or as given on the command line. */
  readonly file: string;
  /** From 1; absent where the whole file is meant. */
  readonly line?: number;
  readonly column?: number;
}

export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly place: Place;
  /** `pipelines.signs.stages[0].task`; empty for the file itself. */
  readonly path: string;
  /** What was found and what was expected. */
  readonly message: string;
  /** What to do. */
  readonly hint: string | null;
}

export type PathSegment = string | number;

export function formatPath(path: readonly PathSegment[]): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return printable(text, 120);
}

/** Makes anything a person may have typed safe to show on one line. */
export function printable(text: string, charactersMax = 60): string {
  const escaped = text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code === 10 ? '\\n' : code === 9 ? '\\t' : `\\u{${code.toString(16)}}`;
  });
  return escaped.length > charactersMax ? `${escaped.slice(0, charactersMax - 1)}…` : escaped;
}

/** A configuration that cannot be used, with every problem in it. */
export class ConfigError extends ShoalError {
  readonly file: string;
  readonly problems: readonly Problem[];
  /** The state directory the file names, as far as it could be understood: where to look for last-good. */
  readonly stateDir: string | null;

  constructor(
    file: string,
    problems: readonly Problem[],
    code: Extract<ErrorCode, 'CONFIG_INVALID' | 'CONFIG_UNREADABLE'> = 'CONFIG_INVALID',
    stateDir: string | null = null,
  ) {
    super(code, renderProblems(file, problems));
    this.name = 'ConfigError';
    this.file = file;
    this.problems = sortProblems(file, problems);
    this.stateDir = stateDir;
  }
}

/** `FILE: 3 problems`, then one aligned line each, in the order of the file. */
export function renderProblems(file: string, problems: readonly Problem[]): string {
  const rows = sortProblems(file, problems)
    .slice(0, limits.configProblemsMax)
    .map((problem) => [renderPlace(file, problem.place), problem.path, renderMessage(problem), problem.hint ?? '']);
  const widths = [0, 1, 2].map((column) => Math.min([32, 48, 56][column] ?? 0, Math.max(...rows.map((row) => row[column]?.length ?? 0))));
  const lines = rows.map((row) => `  ${row.map((cell, column) => pad(cell, widths[column])).join('')}`.trimEnd());
  const more = problems.length - rows.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return [`${file}: ${count(problems)}`, ...lines].join('\n');
}

function count(problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [plural(errors, 'problem'), plural(warnings, 'warning')].filter((_, i) => (i === 0 ? errors > 0 : warnings > 0));
  return parts.join(', ') || 'no problems';
}

export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function pad(cell: string, width: number | undefined): string {
  if (width === undefined) return cell;
  return width === 0 ? '' : `${cell.padEnd(width)}   `;
}

function renderMessage(problem: Problem): string {
  return problem.severity === 'warning' ? `warning: ${problem.message}` : problem.message;
}

function renderPlace(main: string, place: Place): string {
  const position = place.line === undefined ? '' : `${place.line}:${place.column ?? 1}`;
  if (place.file === main) return position;
  const name = place.file.split('/').slice(-2).join('/');
  return position === '' ? name : `${name}:${position}`;
}

function sortProblems(main: string, problems: readonly Problem[]): Problem[] {
  const rank = ({ place }: Problem) => [place.file === main ? '' : place.file, place.line ?? 0, place.column ?? 0] as const;
  return [...problems].sort((a, b) => {
    const [fileA, lineA, columnA] = rank(a);
    const [fileB, lineB, columnB] = rank(b);
    return (fileA < fileB ? -1 : fileA > fileB ? 1 : 0) || lineA - lineB || columnA - columnB;
  });
}
