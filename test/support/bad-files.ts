/** Files that are not what they seem, made on the spot. */
import { crc32, deflateRawSync, constants as zlib } from 'node:zlib';

/** A JPEG whose second half is noise that holds no marker. */
export function corruptJpeg(good: Buffer): Buffer {
  const bytes = Buffer.from(good);
  for (let at = Math.floor(bytes.length / 3); at < bytes.length; at++) bytes[at] = (at * 167) % 251;
  return bytes.subarray(0, bytes.length - 2);
}

/** Two megabytes that decode to 16384 x 16384 black pixels of four 16-bit channels: 2 GB. */
export function hugePng(): Buffer {
  const side = 16_384;
  const rowBytes = 1 + side * 8;
  const rowsAtOnce = 16;
  const strip = deflateRawSync(Buffer.alloc(rowBytes * rowsAtOnce), { level: 9, finishFlush: zlib.Z_FULL_FLUSH });
  // A fully flushed piece of a deflate stream can be repeated; the last block is empty and final.
  const strips = Array<Buffer>(side / rowsAtOnce).fill(strip);
  const adler = Buffer.alloc(4);
  adler.writeUInt32BE((((rowBytes * side) % 65_521) * 65_536 + 1) >>> 0);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([16, 6, 0, 0, 0], 8);
  const data = Buffer.concat([Buffer.of(0x78, 0xda), ...strips, Buffer.of(0x03, 0x00), adler]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

export const svg = Buffer.from(
  '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>\n',
);

export const pdf = Buffer.from(
  '%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[]/Count 0>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n',
);

export const text = Buffer.from('This was saved under the name of a picture, and it is none.\n'.repeat(20));
