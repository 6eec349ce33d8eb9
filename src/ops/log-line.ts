/**
 * How a log line looks.
 *
 * Guarantees: one line whatever the fields hold (control characters are escaped, so that a file's name cannot forge a line), at most
 * `limits.logLineBytesMax` bytes.
 */
import { limits } from '../core/limits.js';

/** Leaves room for the priority and the newline. */
const lineRoom = limits.logLineBytesMax - 8;

/** `time level part: message key=value ...`; journald has its own time and level. */
export function textLine(level: string, fields: Readonly<Record<string, unknown>>, message: string, stamped: boolean): string {
  const { part, ...rest } = fields;
  const head = stamped ? [new Date().toISOString(), level.padEnd(5)] : [];
  const words = [...head, ...(part === undefined ? [] : [`${String(part)}:`]), oneLine(message)];
  for (const [key, value] of Object.entries(rest)) words.push(`${key}=${word(value)}`);
  return cut(words.join(' '));
}

function word(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"=\p{Cc}]+$/u.test(text) || typeof value !== 'string' ? text : JSON.stringify(text);
}

/** A name with a newline in it must not be able to forge a line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** A JSON line that is too long would be cut into something no collector can read: its fields go instead. */
export function boundedJson(json: string, level: string, message: string): string {
  const line = json.trimEnd();
  if (Buffer.byteLength(line) <= lineRoom) return line;
  return JSON.stringify({ level, time: new Date().toISOString(), msg: message, truncated: true });
}

function cut(line: string): string {
  const bytes = Buffer.from(line);
  return bytes.length <= lineRoom ? line : `${bytes.subarray(0, lineRoom - 4).toString('utf8')}...`;
}
