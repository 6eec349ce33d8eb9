/**
 * What a caller calls the capture it brings: `X-Shoal-Name`, else the file name of `Content-Disposition` (RFC 6266).
 *
 * The bytes as they were sent, mostly UTF-8; Node gives each as one character. Deliberately no judge of them: they are for people only.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** Null where the caller gives none. */
export function fileNameOf(headers: IncomingHttpHeaders): Buffer | null {
  const own = headers['x-shoal-name'];
  if (typeof own === 'string' && own !== '') return Buffer.from(own, 'latin1');
  const disposition = headers['content-disposition'] ?? '';
  const extended = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(disposition)?.[1];
  if (extended !== undefined) return unescapePercent(extended);
  const quoted = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1]?.replace(/\\(.)/g, '$1');
  const name = quoted ?? /;\s*filename\s*=\s*([^;\s"]+)/i.exec(disposition)?.[1];
  return name === undefined || name === '' ? null : Buffer.from(name, 'latin1');
}

function unescapePercent(text: string): Buffer {
  return Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
