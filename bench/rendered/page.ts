/**
 * Images with text on cluttered ground, for a text detector: photos, plates, shapes, rules; tilted lines of many sizes.
 *
 * Without truth: the boxes of the model as shipped are the measure. Same seed, same set, same photos give the same image where
 * fonts and libvips are the same. Needs the fonts of the set (`needFonts`).
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { addNoise } from './line.js';
import { type Random, seeded } from './random.js';
import type { RenderedSet } from './sets.js';
import { lineOfText } from './vocabulary.js';

const sizes = [
  { width: 960, height: 720 },
  { width: 1280, height: 720 },
  { width: 720, height: 960 },
  { width: 640, height: 640 },
] as const;

type Size = (typeof sizes)[number];

/** `data` is the folder of the shared test data. Answers a JPEG. */
export async function renderPage(index: number, set: RenderedSet, data: string): Promise<Buffer> {
  // The engine's decoder, where it shares this process, allows photos only.
  sharp.unblock({ operation: ['VipsForeignLoadSvg'] });
  const random = seeded(set.seed + 500_000 + index);
  const size = random.pick(sizes);
  const light = random.chance(0.6);
  const ground = await paint(random, size, light, set, data);
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${shapes(random, size)}${texts(random, size, set, light)}</svg>`;
  const drawn = sharp(ground)
    .composite([{ input: Buffer.from(overlay) }])
    .removeAlpha();
  const flat = await drawn.raw().toBuffer();
  addNoise(flat, random.chance(0.5) ? random.between(2, 10) : 0, random);
  const image = sharp(flat, { raw: { ...size, channels: 3 } });
  if (random.chance(0.35)) image.blur(random.between(0.4, 1.1));
  return image.jpeg({ quality: random.whole(50, 92) }).toBuffer();
}

/** A photo, made paler or darker, or a plain or graded ground. */
async function paint(random: Random, size: Size, light: boolean, set: RenderedSet, data: string): Promise<Buffer> {
  if (random.chance(0.5)) {
    const photo = sharp(await readFile(path.join(data, random.pick(set.photos))));
    const shift = light ? 110 : -40;
    const paled = photo
      .resize({ ...size, fit: 'cover' })
      .flatten()
      .toColourspace('srgb')
      .linear(random.between(0.4, 0.8), shift);
    return paled.png({ compressionLevel: 1 }).toBuffer();
  }
  const [from, to] = [tint(random, light), tint(random, light)];
  const graded = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}"><defs><linearGradient id="g"><stop offset="0" stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient></defs><rect width="100%" height="100%" fill="url(#g)"/></svg>`;
  return sharp(Buffer.from(graded)).flatten().png({ compressionLevel: 1 }).toBuffer();
}

function tint(random: Random, light: boolean): string {
  const level = (): number => (light ? random.whole(165, 255) : random.whole(0, 85));
  return `rgb(${level()},${level()},${level()})`;
}

function shapes(random: Random, { width, height }: Size): string {
  const one = (): string => {
    const x = random.whole(0, width);
    const y = random.whole(0, height);
    const paint = `rgb(${random.whole(0, 255)},${random.whole(0, 255)},${random.whole(0, 255)})`;
    return random.pick([
      `<rect x="${x}" y="${y}" width="${random.whole(10, 260)}" height="${random.whole(10, 200)}" fill="${paint}" opacity="0.35"/>`,
      `<circle cx="${x}" cy="${y}" r="${random.whole(5, 90)}" fill="${paint}" opacity="0.3"/>`,
      `<line x1="${x}" y1="${y}" x2="${random.whole(0, width)}" y2="${random.whole(0, height)}" stroke="${paint}" stroke-width="${random.whole(1, 5)}"/>`,
      `<path d="M${x} ${y} q 40 -60 90 10 t 80 ${random.whole(-60, 60)}" stroke="${paint}" stroke-width="3" fill="none"/>`,
    ]);
  };
  return Array.from({ length: random.whole(3, 16) }, one).join('');
}

/** Rows of one or two texts down the page, about a third tilted, a fifth on a plate of the other brightness. */
function texts(random: Random, { width, height }: Size, set: RenderedSet, light: boolean): string {
  const drawn: string[] = [];
  for (let y = random.whole(20, 60); y < height - 30; ) {
    const size = random.whole(14, 48);
    const tilt = random.chance(0.3) ? random.between(-5, 5) : 0;
    const base = y + size;
    for (let x = random.whole(15, 140); x < width - 120; ) {
      const text = fitted(random, set, size, width - 20 - x);
      if (text === '') break;
      const long = Math.round(text.length * size * 0.6);
      const plate = random.chance(0.2);
      const font = random.pick(set.fonts);
      const turn = `transform="rotate(${tilt.toFixed(2)} ${x} ${base})"`;
      if (plate)
        drawn.push(
          `<rect x="${x - 8}" y="${base - size - 2}" width="${long + 16}" height="${Math.round(size * 1.4)}" rx="4" fill="${tint(random, !light)}" ${turn}/>`,
        );
      const weight = random.chance(0.3) ? 'bold' : 'normal';
      drawn.push(
        `<text x="${x}" y="${base}" font-family="${font}" font-size="${size}" font-weight="${weight}" fill="${tint(random, plate ? light : !light)}" ${turn}>${text}</text>`,
      );
      x += long + random.whole(60, 300);
    }
    y = base + Math.round(size * random.between(0.6, 1.6)) + Math.round(Math.abs(tilt) * 6);
  }
  return drawn.join('');
}

/** As many words of a line as fit, escaped; empty when none does. */
function fitted(random: Random, set: RenderedSet, size: number, room: number): string {
  const words = lineOfText(random, set.vocabulary).split(' ');
  const most = Math.floor(room / (size * 0.62));
  while (words.join(' ').length > most) words.pop();
  return words.join(' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
