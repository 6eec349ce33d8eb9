/**
 * What a text is, told by its first characters: a table, JSON, a page, a drawing, or just text. Pure.
 *
 * Deliberately shallow and cautious: a table is only what keeps the same number of separators over all its lines, in enough of them that
 * prose and programs do not pass for one; the last line of a head may be cut and says nothing.
 */

/** A media type, or null for what is no text: other encodings than UTF-8 and marked UTF-16, control characters. */
export function textType(head: Uint8Array): string | null {
  const text = decode(head);
  if (text === null) return null;
  const start = text.trimStart();
  if (/^<(\?xml|!DOCTYPE|!--|svg)/i.test(start) && /<svg[\s>]/i.test(start)) return 'image/svg+xml';
  if (/^<(!DOCTYPE html|html|head|body)[\s>]/i.test(start)) return 'text/html';
  if (start.startsWith('<?xml')) return 'text/xml';
  if (start.startsWith('{\\rtf')) return 'text/rtf';
  if (/^[{[]/.test(start)) return jsonType(start) ?? 'text/plain';
  return tableType(text) ?? 'text/plain';
}

/** Null where it is no text. A character may be cut at the very end. */
function decode(head: Uint8Array): string | null {
  const encoding = head[0] === 0xff && head[1] === 0xfe ? 'utf-16le' : head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    // `stream` keeps a cut last character back instead of refusing it.
    const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
    return hasControls(text) ? null : text;
  } catch {
    return null;
  }
}

/** Characters that no text has; tabs, line ends and the escape of coloured logs are in some. */
function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x7f || (code < 0x20 && !(code >= 0x09 && code <= 0x0d) && code !== 0x1b)) return true;
  }
  return false;
}

function jsonType(start: string): string | null {
  const lines = start
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.trim() !== '');
  if (lines.length >= 2 && lines.every(isJsonRow)) return 'application/x-ndjson';
  const object = /^\{\s*(\}|"(?:[^"\\]|\\.)*"\s*:)/;
  const list = /^\[\s*(\]|[{["]|(-?\d[\d.eE+-]*|true|false|null)\s*(,|\]\s*$))/;
  return object.test(start) || list.test(start) ? 'application/json' : null;
}

function isJsonRow(line: string): boolean {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null;
  } catch {
    return false;
  }
}

const separators = [
  { separator: '\t', mediaType: 'text/tab-separated-values', linesMin: 2 },
  { separator: ',', mediaType: 'text/csv', linesMin: 3 },
  { separator: ';', mediaType: 'text/csv', linesMin: 3 },
] as const;

function tableType(text: string): string | null {
  for (const { separator, mediaType, linesMin } of separators) {
    const counts = separatorsByLine(text, separator);
    const [first = 0] = counts;
    // Of two columns a line proves little.
    const lines = first === 1 ? 2 * linesMin : linesMin;
    if (first > 0 && counts.length >= lines && counts.every((count) => count === first)) return mediaType;
  }
  return null;
}

/** How often it stands in each whole line, outside quotes; -1 for a line that ends with it, as those of programs do. */
function separatorsByLine(text: string, separator: string): number[] {
  const counts: number[] = [];
  let count = 0;
  let quoted = false;
  let last = '';
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (character === '\n' && !quoted) {
      if (last !== '') counts.push(last === separator ? -1 : count);
      [count, last] = [0, ''];
    } else if (character === separator && !quoted) count++;
    if (character !== '\n' && character !== '\r') last = character;
  }
  return counts;
}
