/**
 * Which files make up a model: those its card names, and a few with a fixed name. Nothing else is copied, packed or unpacked.
 */
import { limits } from '../core/limits.js';
import { type Card, cardFile, licenceFile } from './card.js';

/** Beside the card where they are: what a compilation measured, and whose work a golden capture is. */
const companions = ['measured.json', 'golden/SOURCES.md'];

export interface CardFile {
  /** Relative to the version folder. */
  readonly path: string;
  readonly bytesMax: number;
  /** False for what may be missing. */
  readonly needed: boolean;
}

/** The card first, each path once; weights with exactly the bytes they have. */
export function filesOfCard(card: Card): readonly CardFile[] {
  const files = new Map<string, CardFile>();
  const add = (path: string | undefined, bytesMax: number, needed = true): void => {
    if (path !== undefined && !files.has(path)) files.set(path, { path, bytesMax, needed });
  };
  add(cardFile, limits.cardBytesMax);
  add(licenceFile, limits.modelFileBytesMax);
  for (const { file, bytes, recipe } of Object.values(card.variants)) {
    add(file, bytes);
    add(recipe, limits.modelFileBytesMax);
  }
  add(card.labels, limits.labelsBytesMax);
  for (const { capture, each, output } of card.golden) for (const path of [capture, each, output]) add(path, limits.modelFileBytesMax);
  for (const [path, { bytes }] of Object.entries(card.source.download ?? {})) add(path, bytes);
  for (const path of companions) add(path, limits.modelFileBytesMax, false);
  return [...files.values()];
}
