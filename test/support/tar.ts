/** Archives as somebody else would write them: any name, any type. */
import { blockBytes, fileHeader, padding } from '../../src/registry/ustar.js';

export interface TarEntry {
  readonly name: string;
  readonly body?: Uint8Array | string;
  /** The type of the header; '0' is a file. */
  readonly type?: string;
  /** What the header says, where it is not the truth. */
  readonly bytes?: number;
}

export function tarOf(entries: readonly TarEntry[]): Buffer {
  const pieces = entries.flatMap(({ name, body = '', type = '0', bytes }) => {
    const content = Buffer.from(body);
    const header = fileHeader(name, bytes ?? content.length);
    header.write(type, 156, 'latin1');
    header.write('        ', 148, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return [header, content, Buffer.alloc(padding(content.length))];
  });
  return Buffer.concat([...pieces, Buffer.alloc(2 * blockBytes)]);
}
