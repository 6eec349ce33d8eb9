/** The name a caller gives, as the name of a file: its last part, without what no file name has, bounded. Bytes, for it may be no valid UTF-8. */
import { limits } from '../../core/limits.js';
import { extendName } from '../folder/claim-name.js';

/** `fallback` where nothing is left. */
export function broughtName(said: Buffer | null, fallback: string): Buffer {
  if (said === null) return Buffer.from(fallback);
  const last = said.subarray(Math.max(said.lastIndexOf('/'), said.lastIndexOf('\\')) + 1);
  const name = Buffer.from(last.filter((byte) => byte >= 0x20 && byte !== 0x7f));
  const cut = extendName(name, '', nameBytesMax - limits.broughtNameBytesMax);
  return ['', '.', '..'].includes(cut.toString('latin1')) ? Buffer.from(fallback) : cut;
}

/** NAME_MAX of Linux, in bytes. */
const nameBytesMax = 255;
