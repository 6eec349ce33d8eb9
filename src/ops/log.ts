/**
 * The log: the only door to pino.
 *
 * Guarantees: one line a message, on stderr, written before the call returns; no secrets (see redact.ts); repeats of a message become a
 * count (see fold.ts); a line is at most `limits.logLineBytesMax` bytes; logging never throws: what cannot be written is counted in `lost`.
 * Under journald each line carries its priority. Deliberately has no threads, files, rotation or remote targets: that is journald's work.
 */
import { pino } from 'pino';
import { z } from 'zod';
import type { Log, LogFields } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import { Fold, type Repeats } from './fold.js';
import { boundedJson, textLine } from './log-line.js';
import { redactFields, redactText } from './redact.js';
import { type LogOutlet, stderrOutlet } from './stderr.js';

export const logOptions = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The least important kind of message that is written.'),
  format: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .describe('How a line looks: text for people, json for collectors; auto is text on a terminal and under journald, json otherwise.'),
});

export type LogOptions = z.output<typeof logOptions>;
type Level = LogOptions['level'];

interface Entry {
  readonly level: Level;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** Syslog priorities, as journald reads them from a line's prefix (sd-daemon(3)). */
const priorities: Readonly<Record<Level, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

export class DaemonLog implements Log {
  readonly #core: LogCore;
  readonly #bindings: Record<string, unknown>;

  constructor(core: LogCore, bindings: Record<string, unknown>) {
    this.#core = core;
    this.#bindings = bindings;
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#core.lost;
  }

  debug(fields: LogFields, message: string): void {
    this.#core.tell('debug', this.#bindings, fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#core.tell('info', this.#bindings, fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#core.tell('warn', this.#bindings, fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#core.tell('error', this.#bindings, fields, message);
  }

  child(fields: LogFields): DaemonLog {
    return new DaemonLog(this.#core, { ...this.#bindings, ...redactFields(fields) });
  }

  /** Tells what was counted and not yet told; the log may be used afterwards. */
  flush(): void {
    this.#core.flush();
  }
}

export function createLog(options: LogOptions, outlet: LogOutlet = stderrOutlet()): DaemonLog {
  return new DaemonLog(new LogCore(options, outlet), {});
}

class LogCore {
  lost = 0;
  readonly #outlet: LogOutlet;
  readonly #pino: pino.Logger;
  readonly #fold = new Fold<Entry>({ firstMs: limits.logFoldFirstMs, lastMs: limits.logFoldMaxMs, kindsMax: limits.logFoldsMax });
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = 0;

  constructor(options: LogOptions, outlet: LogOutlet) {
    this.#outlet = outlet;
    const asText = options.format === 'text' || (options.format === 'auto' && (outlet.journal || outlet.terminal));
    const stream = Object.assign(new LineStream(asText, outlet.journal, (line) => this.#write(line)), {
      [Symbol.for('pino.metadata')]: true,
    });
    this.#pino = pino(
      {
        level: options.level,
        base: null,
        timestamp: outlet.journal ? false : pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      stream,
    );
  }

  tell(level: Level, bindings: Record<string, unknown>, fields: LogFields, message: string): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    const entry = { level, fields: { ...bindings, ...redactFields(fields) }, message: redactText(message) };
    if (level === 'debug') {
      this.#emit(entry);
      return;
    }
    const now = this.#outlet.nowMs();
    this.#tellDue(now);
    if (this.#fold.admit(`${level}\n${message}\n${JSON.stringify(bindings)}`, now, entry)) this.#emit(entry);
    this.#schedule(now);
  }

  flush(): void {
    for (const repeats of this.#fold.drain(this.#outlet.nowMs())) this.#emitRepeats(repeats);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #emit(entry: Entry): void {
    this.#pino[entry.level](entry.fields, entry.message);
  }

  #emitRepeats({ count, latest, overMs }: Repeats<Entry>): void {
    const times = count === 1 ? 'once more' : `${count} times more`;
    this.#emit({
      ...latest,
      fields: { ...latest.fields, repeats: count },
      message: `${latest.message} (${times} in ${Math.round(overMs / 1000)} s)`,
    });
  }

  #tellDue(now: number): void {
    for (const repeats of this.#fold.due(now)) this.#emitRepeats(repeats);
  }

  #schedule(now: number): void {
    const next = this.#fold.nextDueMs();
    if (next === null || (this.#timer !== undefined && this.#timerDueMs <= next)) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = next;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(100, next - now)).unref();
  }

  #onTimer(): void {
    this.#timer = undefined;
    const now = this.#outlet.nowMs();
    this.#tellDue(now);
    this.#schedule(now);
  }

  #write(line: string): void {
    try {
      this.#outlet.write(line);
    } catch {
      // There is nowhere left to say it.
      this.lost++;
    }
  }
}

/** Receives pino's JSON line together with what it was made of (`pino.metadata`), and picks the form that is wanted. */
class LineStream {
  lastLevel = 0;
  lastObj: Record<string, unknown> = {};
  lastMsg = '';
  readonly #asText: boolean;
  readonly #journal: boolean;
  readonly #write: (line: string) => void;

  constructor(asText: boolean, journal: boolean, write: (line: string) => void) {
    this.#asText = asText;
    this.#journal = journal;
    this.#write = write;
  }

  write(json: string): void {
    const level = pino.levels.labels[this.lastLevel] as Level;
    const line = this.#asText ? textLine(level, this.lastObj, this.lastMsg, !this.#journal) : boundedJson(json, level, this.lastMsg);
    this.#write(this.#journal ? `<${priorities[level]}>${line}\n` : `${line}\n`);
  }
}
