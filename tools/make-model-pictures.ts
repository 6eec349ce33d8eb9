/**
 * Draws each vision model at work: its golden capture with what its golden output says, which the tests hold it to.
 *
 * `node dist/tools/make-model-pictures.js [NAME ...]` writes docs/pictures/models/NAME.jpg, all without arguments. Needs the DejaVu fonts (Debian:
 * fonts-dejavu-core); the pictures are committed, since fonts differ between machines. A picture carries the hash of capture and output,
 * so that a test can tell one that is out of date.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import type { Observation, Point } from '../src/core/result.js';
import { isPictured, type KnownCard, knownCards, pictureOf } from './known-cards.js';

const width = 400;
const ink = '#ffd21f';
const plate = '#14283c';
const textPx = 12;
const signPx = textPx + 6;

interface Size {
  readonly width: number;
  readonly height: number;
}

const escaped = (text: string) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const percent = (score: number) => `${Math.round(score * 100)} %`;

/** What is written beside an observation. */
function wordsOf({ score, label, text, values }: Observation): string {
  if (text !== undefined) return text;
  const numbers = Object.entries(values ?? {}).map(([name, value]) => `${name.replace('_deg', '')} ${value}°`);
  if (numbers.length > 0) return numbers.join(', ');
  if (label === '0' || label === '180') return `${label}°`;
  return label === undefined ? percent(score) : `${label} ${percent(score)}`;
}

const wideOf = (words: string) => words.length * textPx * 0.6 + 8;

/** Words on a plate whose lower left corner is at x, y; within the picture. */
function sign(words: string, x: number, y: number, size: Size): string {
  const left = Math.max(0, Math.min(x, size.width - wideOf(words)));
  const low = Math.max(signPx, Math.min(y, size.height));
  return `<rect x="${left}" y="${low - signPx}" width="${wideOf(words)}" height="${signPx}" fill="${plate}"/><text x="${left + 4}" y="${low - 5}" font-size="${textPx}" fill="#fff" font-family="DejaVu Sans">${escaped(words)}</text>`;
}

function polygon(corners: readonly Point[], size: Size): string {
  const points = corners.map(([x, y]) => `${x * size.width},${y * size.height}`).join(' ');
  return `<polygon points="${points}" fill="none" stroke="${ink}" stroke-width="2"/>`;
}

/** Its outline, its key points, and its words: under a line of text, above a box, and within one that begins at the top. */
function drawn(observation: Observation, index: number, size: Size): string {
  const { box, quad, points = {} } = observation;
  const places = Object.values(points);
  const radius = places.length > 20 ? 2 : 4;
  const marks = places
    .map(([x, y]) => `<circle cx="${x * size.width}" cy="${y * size.height}" r="${radius}" fill="#25e08a" stroke="${plate}"/>`)
    .join('');
  const words = wordsOf(observation);
  if (box === undefined) return marks + sign(words, 0, size.height - index * signPx, size);
  const [left, top] = [box.x_min * size.width, box.y_min * size.height];
  const [right, low] = [box.x_max * size.width, box.y_max * size.height];
  if (quad !== undefined) return polygon(quad, size) + sign(words, right - wideOf(words), low + signPx + 1, size);
  const corners: Point[] = [
    [box.x_min, box.y_min],
    [box.x_max, box.y_min],
    [box.x_max, box.y_max],
    [box.x_min, box.y_max],
  ];
  return polygon(corners, size) + marks + sign(words, left, top < signPx ? low : top, size);
}

async function draw(known: KnownCard): Promise<void> {
  const { capture, found, hash } = known.golden;
  const { data, info } = await sharp(capture).resize({ width }).flatten().png().toBuffer({ resolveWithObject: true });
  const shapes = found.map((observation, index) => drawn(observation, index, info)).join('');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${info.width}" height="${info.height}">${shapes}</svg>`;
  await sharp(data)
    .composite([{ input: Buffer.from(svg) }])
    .jpeg({ quality: 80, mozjpeg: true })
    .withExif({ IFD0: { ImageDescription: hash } })
    .toFile(pictureOf(known));
}

const names = process.argv.slice(2);
for (const known of (await knownCards()).filter(isPictured)) {
  if (names.length > 0 && !names.includes(known.card.name)) continue;
  mkdirSync(path.dirname(pictureOf(known)), { recursive: true });
  await draw(known);
}
