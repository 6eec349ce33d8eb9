/**
 * The headers of ustar archives (POSIX.1-1988, pax(1) "ustar Interchange Format"): blocks of 512 bytes, a header before each file.
 *
 * Knows files and folders with short names, all that a model needs. Everything else (links, devices, pax and GNU extensions) is refused by
 * name, never skipped, since a reader that skips what it does not know disagrees with the next one about what is in the archive.
 */
import { ShoalError } from '../core/errors.js';

export const blockBytes = 512;

export interface ArchiveEntry {
  readonly kind: 'file' | 'folder';
  /** With `/` between; as written, but for a leading `./` and a trailing `/`. */
  readonly name: string;
  readonly bytes: number;
}

const refused: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '6': 'a pipe',
  x: 'a pax extension; make the archive with "tar --format=ustar" or "shoal models export"',
  g: 'a pax extension; make the archive with "tar --format=ustar" or "shoal models export"',
  L: 'a long name of GNU tar; make the archive with "tar --format=ustar" or "shoal models export"',
};

/** The entry of a header of 512 bytes; null for a block of zeros, which ends an archive. Throws MODEL_INVALID. */
export function readHeader(block: Buffer): ArchiveEntry | null {
  if (block.every((byte) => byte === 0)) return null;
  if (block.toString('latin1', 257, 262) !== 'ustar') throw invalid('it is no tar archive (ustar)');
  if (checksumOf(block) !== octal(block, 148, 8)) throw invalid('a header is damaged: its checksum is wrong');
  const type = String.fromCharCode(block[156] ?? 0);
  const prefix = block.toString('latin1', 263, 265) === '00' ? text(block, 345, 155) : '';
  const written = `${prefix === '' ? '' : `${prefix}/`}${text(block, 0, 100)}`;
  if (type !== '0' && type !== '\0' && type !== '5') {
    throw invalid(`"${printable(written)}" is ${refused[type] ?? `of the unknown type "${printable(type)}"`}`);
  }
  const name = written.replace(/^\.\//, '').replace(/\/$/, '');
  return { kind: type === '5' ? 'folder' : 'file', name, bytes: type === '5' ? 0 : octal(block, 124, 12) };
}

/** Throws MODEL_INVALID for a name that does not fit. */
export function fileHeader(name: string, bytes: number): Buffer {
  const [prefix, rest] = splitName(name);
  const block = Buffer.alloc(blockBytes);
  block.write(rest, 0, 100, 'latin1');
  block.write('0000644\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  block.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  // No time, no owner: the same model gives the same archive.
  block.write('00000000000\0', 136, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(prefix, 345, 155, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Bytes after a file up to the next header. */
export function padding(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes;
}

function splitName(name: string): [prefix: string, rest: string] {
  if (name.length <= 100) return ['', name];
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    if (at <= 155 && name.length - at - 1 <= 100) return [name.slice(0, at), name.slice(at + 1)];
  }
  throw invalid(`the name ${name} is too long for an archive`);
}

/** Of all bytes, its own eight counted as blanks. */
function checksumOf(block: Buffer): number {
  let sum = 8 * 32;
  for (let i = 0; i < blockBytes; i++) if (i < 148 || i >= 156) sum += block[i] ?? 0;
  return sum;
}

function octal(block: Buffer, at: number, length: number): number {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(block.toString('latin1', at, at + length))?.[1];
  if (digits === undefined) throw invalid('a header is damaged: a number is no octal number');
  return Number.parseInt(digits, 8);
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? length : end);
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

function invalid(what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', what);
}
