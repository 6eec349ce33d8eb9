/**
 * Makes anything fit to be logged: no secrets, no binary, no depth without end.
 *
 * Guarantees: values under keys that name a secret become `***` at any depth, and so do passwords inside URLs in any string; the answer is
 * plain JSON data of bounded depth, width and string length. Deliberately does not guess at secrets in free text.
 */
import { ShoalError } from '../core/errors.js';

const secretKey = /(pass(word|wd|phrase)?|token|secret|authorization|api_?key|private_?key)$/i;
const urlPassword = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi;
const querySecret = /([?&](?:password|token|secret|api_?key)=)[^&\s"]+/gi;

const mask = '***';
const depthMax = 4;
const widthMax = 32;
const stringMax = 1024;

export function redactText(text: string): string {
  const masked = text.replace(urlPassword, `$1:${mask}@`).replace(querySecret, `$1${mask}`);
  return masked.length > stringMax ? `${masked.slice(0, stringMax)}...` : masked;
}

export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(fields, depthMax);
}

function redactObject(fields: object, depth: number): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields).slice(0, widthMax)) {
    if (value !== undefined) plain[key] = secretKey.test(key) ? mask : redactValue(value, depth);
  }
  return plain;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? String(value) : value;
  if (value instanceof Error) return errorFields(value, depth);
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (value instanceof Date) return value.toISOString();
  if (depth === 0) return '...';
  if (Array.isArray(value)) return value.slice(0, widthMax).map((entry: unknown) => redactValue(entry, depth - 1));
  return redactObject(value instanceof Map ? Object.fromEntries(value) : value, depth - 1);
}

/** An error of the house needs no stack: its message says what happened. Any other is a surprise, and its stack is the only lead. */
function errorFields(error: Error, depth: number): Record<string, unknown> {
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    message: redactText(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error instanceof ShoalError ? {} : { stack: redactText(error.stack ?? '') }),
    ...(error.cause !== undefined && depth > 0 ? { cause: redactValue(error.cause, depth - 1) } : {}),
  };
}
