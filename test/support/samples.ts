/** Folders of real samples for the workbench, cut from the repository's own pictures: quick to make, different each. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';

export function freshFolder(name: string): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'shoal-samples-')), name);
  mkdirSync(folder);
  return folder;
}

/** `count` crops of a page of text, `side` pixels square; every second one lies on its head. Named `s00.png`, ... */
export async function pageCrops(count: number, side = 160): Promise<string> {
  const folder = freshFolder('pages');
  const page = await sharp('bench/data/page-1.jpg').toBuffer();
  const { width = 0, height = 0 } = await sharp(page).metadata();
  for (let i = 0; i < count; i++) {
    const left = Math.round(((width - side) * (i % 8)) / 8);
    const top = Math.round(((height - side) * Math.floor(i / 8)) / Math.max(1, Math.ceil(count / 8)));
    // Empty paper differs by its grey.
    const crop = sharp(page).extract({ left, top, width: side, height: side }).linear(1, -i);
    const turned = i % 2 === 0 ? crop : sharp(await crop.toBuffer()).rotate(180);
    await turned.png().toFile(path.join(folder, `s${String(i).padStart(2, '0')}.png`));
  }
  return folder;
}

/** `count` lines of the pages of text, each an image of its own, later ones smaller. Named `s00.png`, ... */
export async function lineCrops(count: number): Promise<string> {
  const folder = freshFolder('lines');
  const perPage = 10;
  for (let i = 0; i < count; i++) {
    const page = await sharp(`bench/data/page-${1 + (Math.floor(i / perPage) % 4)}.jpg`).toBuffer();
    // As tools/make-bench-pages.ts sets them (pixels).
    const strip = sharp(page).extract({ left: 50, top: 37 + 66 * (i % perPage), width: 900, height: 54 });
    const line = sharp(await strip.toBuffer()).resize({ height: 48 - Math.floor(i / (4 * perPage)) * 4 });
    await line.png().toFile(path.join(folder, `s${String(i).padStart(2, '0')}.png`));
  }
  return folder;
}
