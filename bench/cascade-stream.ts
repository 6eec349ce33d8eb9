/**
 * A mixed stream for `bench/cascade`: in turn a picture with faces, with text, with both, with neither.
 *
 * Photos are those of the samples and the shared test data, varied in size, light and side; text is rendered on a plain or graded ground, or on
 * a plate below a photo. Same seed, same stream where fonts and libvips are the same.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { type Random, seeded } from './rendered/random.js';
import { judged, lineOfText } from './rendered/vocabulary.js';

export const kinds = ['faces', 'text', 'both', 'neither'] as const;
export type Kind = (typeof kinds)[number];

export interface StreamCapture {
  readonly kind: Kind;
  /** JPEG. */
  readonly bytes: Uint8Array;
}

const withFaces = ['samples/astronaut.png', 'samples/camera.png', 'data/faces/13.jpg', 'data/faces/19.jpg'];
const withNeither = ['samples/coffee.png', 'samples/chelsea.png', 'data/photos/orange.png'];

/** `data` is the folder of the shared test data. */
export async function streamCapture(index: number, data: string): Promise<StreamCapture> {
  // The engine's decoder, where it shares this process, allows photos only.
  sharp.unblock({ operation: ['VipsForeignLoadSvg'] });
  const random = seeded(8_000_000 + index);
  const kind = kinds[index % kinds.length] ?? 'neither';
  const image =
    kind === 'text' ? sharp(await ground(random)) : sharp(await photo(random, kind === 'neither' ? withNeither : withFaces, data));
  const drawn = kind === 'text' ? image.composite([{ input: lettering(random, 860, 640, 'none') }]) : image;
  const flat = kind === 'both' ? await withPlate(random, await drawn.png().toBuffer()) : await drawn.png().toBuffer();
  return {
    kind,
    bytes: await sharp(flat)
      .removeAlpha()
      .jpeg({ quality: random.whole(70, 92) })
      .toBuffer(),
  };
}

async function photo(random: Random, files: readonly string[], data: string): Promise<Buffer> {
  const side = random.whole(520, 900);
  const image = sharp(await readFile(path.join(data, random.pick(files))))
    .flatten()
    .toColourspace('srgb')
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: false })
    .linear(random.between(0.8, 1.15), random.between(-12, 12));
  return (random.chance(0.5) ? image.flop() : image).png({ compressionLevel: 1 }).toBuffer();
}

function ground(random: Random): Promise<Buffer> {
  const tone = () => `rgb(${random.whole(200, 255)},${random.whole(200, 255)},${random.whole(200, 255)})`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="860" height="640"><defs><linearGradient id="g"><stop offset="0" stop-color="${tone()}"/><stop offset="1" stop-color="${tone()}"/></linearGradient></defs><rect width="100%" height="100%" fill="url(#g)"/></svg>`;
  return sharp(Buffer.from(svg)).png({ compressionLevel: 1 }).toBuffer();
}

async function withPlate(random: Random, picture: Buffer): Promise<Buffer> {
  const { width = 0, height = 0 } = await sharp(picture).metadata();
  const plate = 220;
  const taller = sharp(picture).extend({ bottom: plate, background: 'white' });
  return taller
    .composite([{ input: lettering(random, width, plate, 'white'), left: 0, top: height }])
    .png()
    .toBuffer();
}

/** Two to five lines of words, as many as there is room for. */
function lettering(random: Random, width: number, height: number, background: string): Buffer {
  const lines: string[] = [];
  let y = random.whole(40, 60);
  const most = random.whole(2, 5);
  while (lines.length < most && y < height - 10) {
    const size = random.whole(24, 38);
    const words = lineOfText(random, judged).slice(0, Math.floor(width / (size * 0.62)) - 2);
    const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    lines.push(`<text x="${random.whole(12, 30)}" y="${y}" font-family="DejaVu Sans" font-size="${size}" fill="#161616">${escaped}</text>`);
    y += size + random.whole(14, 50);
  }
  const back = background === 'none' ? '' : `<rect width="100%" height="100%" fill="${background}"/>`;
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${back}${lines.join('')}</svg>`);
}
