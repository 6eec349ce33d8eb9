/**
 * Images of single text lines with their text: fonts, sizes, colours, tilt, blur, noise and JPEG by seed.
 *
 * An image is one line with a margin, as a detector's box around it. The same seed and set give the same image where fonts
 * and libvips are the same. Needs the fonts of the set (`needFonts`).
 */
import sharp from 'sharp';
import { type Random, seeded } from './random.js';
import type { RenderedSet } from './sets.js';
import { lineOfText } from './vocabulary.js';

export interface RenderedLine {
  readonly text: string;
  /** JPEG or PNG. */
  readonly encoded: Buffer;
}

type Colour = readonly [red: number, green: number, blue: number];

interface Raw {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

export async function renderLine(index: number, set: RenderedSet): Promise<RenderedLine> {
  const random = seeded(set.seed + index);
  const text = lineOfText(random, set.vocabulary);
  const [paper, ink] = colours(random);
  const drawn = blend(await draw(random, text, set.fonts), paper, ink, random);
  const raw = await soften(drawn, paper, random);
  addNoise(raw.data, random.chance(0.5) ? random.between(2, 14) : 0, random);
  const image = sharp(raw.data, { raw: { width: raw.width, height: raw.height, channels: 3 } });
  const encoded = await (random.chance(0.6)
    ? image.jpeg({ quality: random.whole(35, 92) })
    : image.png({ compressionLevel: 1 })
  ).toBuffer();
  return { text, encoded };
}

/** Dark on light or light on dark, far enough apart to be legible. */
function colours(random: Random): readonly [paper: Colour, ink: Colour] {
  const tint = (low: number, high: number): Colour => [random.between(low, high), random.between(low, high), random.between(low, high)];
  const light = tint(165, 255);
  const dark = tint(0, 85);
  return random.chance(0.75) ? [light, dark] : [dark, light];
}

/** The text alone, as coverage in the alpha channel, cut to its ink. */
async function draw(random: Random, text: string, fonts: readonly string[]): Promise<Raw> {
  const style = `${random.chance(0.3) ? ' Bold' : ''}${random.chance(0.15) ? ' Italic' : ''}`;
  const font = `${random.pick(fonts)}${style} ${random.whole(15, 46)}`;
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const { data, info } = await sharp({ text: { text: escaped, font, rgba: true, dpi: 72 } })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Ink on paper whose brightness may fall off to one side, with a margin of a tenth to two fifths of the height. */
function blend(drawn: Raw, paper: Colour, ink: Colour, random: Random): Raw {
  const margins = Array.from({ length: 4 }, () => Math.max(2, Math.round(random.between(0.1, 0.4) * drawn.height)));
  const [left = 2, top = 2, right = 2, bottom = 2] = margins;
  const width = drawn.width + left + right;
  const height = drawn.height + top + bottom;
  const falloff = random.chance(0.3) ? random.between(-40, 40) : 0;
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = x >= left && x < left + drawn.width && y >= top && y < top + drawn.height;
      const alpha = inside ? (drawn.data[((y - top) * drawn.width + x - left) * 4 + 3] ?? 0) / 255 : 0;
      const shade = (falloff * x) / width;
      for (let channel = 0; channel < 3; channel++) {
        const value = (paper[channel] ?? 0) * (1 - alpha) + (ink[channel] ?? 0) * alpha + shade;
        data[to++] = Math.max(0, Math.min(255, value));
      }
    }
  }
  return { data, width, height };
}

async function soften({ data, width, height }: Raw, paper: Colour, random: Random): Promise<Raw> {
  let image = sharp(data, { raw: { width, height, channels: 3 } });
  const [r, g, b] = paper;
  if (random.chance(0.5)) image = image.rotate(random.between(-2.2, 2.2), { background: { r, g, b } });
  if (random.chance(0.4)) image = image.blur(random.between(0.4, 1.3));
  const softened = await image.raw().toBuffer({ resolveWithObject: true });
  return { data: softened.data, width: softened.info.width, height: softened.info.height };
}

/** Grey noise of about that many levels, the sum of two throws. */
export function addNoise(data: Uint8Array, levels: number, random: Random): void {
  if (levels === 0) return;
  for (let i = 0; i < data.length; i += 3) {
    const shift = (random.next() + random.next() - 1) * levels;
    for (let channel = i; channel < i + 3; channel++) data[channel] = Math.max(0, Math.min(255, (data[channel] ?? 0) + shift));
  }
}
