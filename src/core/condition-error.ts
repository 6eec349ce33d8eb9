/**
 * A condition that cannot be used, told so that the place within it can be pointed at.
 */
import { ShoalError } from './errors.js';

/** A condition that cannot be used; `line` and `column` count from 1 within its text. */
export class ConditionError extends ShoalError {
  readonly summary: string;
  readonly hint: string | null;
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, summary: string, hint: string | null = null) {
    const before = text.slice(0, offset).split('\n');
    const line = before.length;
    const column = (before.at(-1)?.length ?? 0) + 1;
    super('CONFIG_INVALID', `${summary} at line ${line}, column ${column}${hint === null ? '' : `; ${hint}`}`);
    this.name = 'ConditionError';
    this.summary = summary;
    this.hint = hint;
    this.line = line;
    this.column = column;
  }
}
