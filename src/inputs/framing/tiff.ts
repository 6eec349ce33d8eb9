/**
 * Raw pixels as an image that an engine decodes: an uncompressed TIFF 6.0 file of one strip, its header before the pixels as they are.
 */
export const pixelLayouts = ['rgb24', 'gray8'] as const;
export type PixelLayout = (typeof pixelLayouts)[number];

export const bytesPerPixel: Readonly<Record<PixelLayout, number>> = { rgb24: 3, gray8: 1 };

const short = 3;
const long = 4;

/** `pixels` are width x height x 3 (red, green, blue) or x 1 bytes, row by row from the top; read, not kept. */
export function tiffOf(pixels: Uint8Array, width: number, height: number, layout: PixelLayout): Buffer {
  const samples = bytesPerPixel[layout];
  const bitsAt = 8 + 2 + 10 * 12 + 4;
  const dataAt = bitsAt + 2 * samples;
  const entries: readonly (readonly [tag: number, type: number, count: number, value: number])[] = [
    [256, long, 1, width],
    [257, long, 1, height],
    // BitsPerSample: three do not fit into an entry and stand after the directory.
    [258, short, samples, samples === 1 ? 8 : bitsAt],
    [259, short, 1, 1],
    // PhotometricInterpretation: RGB, or black is zero.
    [262, short, 1, layout === 'rgb24' ? 2 : 1],
    [273, long, 1, dataAt],
    [277, short, 1, samples],
    [278, long, 1, height],
    [279, long, 1, pixels.length],
    [284, short, 1, 1],
  ];
  const file = Buffer.alloc(dataAt + pixels.length);
  file.write('II*\0', 0, 'latin1');
  file.writeUInt32LE(8, 4);
  file.writeUInt16LE(entries.length, 8);
  for (const [i, [tag, type, count, value]] of entries.entries()) {
    const at = 10 + i * 12;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8);
  }
  for (let i = 0; i < samples; i++) file.writeUInt16LE(8, bitsAt + 2 * i);
  file.set(pixels, dataAt);
  return file;
}
