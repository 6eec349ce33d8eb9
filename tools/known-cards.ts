/**
 * Every model there is, as its card and what it finds in its golden capture: those of models/ and those of catalogue/.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Observation } from '../src/core/result.js';
import { type Card, readCard } from '../src/registry/card.js';
import { openCatalogue } from '../src/registry/catalogue.js';
import { openRegistry } from '../src/registry/registry.js';

export interface KnownCard {
  readonly card: Card;
  /** Absolute. */
  readonly directory: string;
  readonly bundled: boolean;
  readonly golden: Golden;
}

/** What the tests hold a model to. */
export interface Golden {
  /** Absolute path of what it is given. */
  readonly capture: string;
  readonly found: readonly Observation[];
  /** Who made the capture and under which licence, a paragraph. */
  readonly credit: string;
  /** Of capture and answer: a picture that carries it shows these. SHA-256, hexadecimal. */
  readonly hash: string;
}

/** Bundled ones first, each kind by name. Throws for a card that cannot be read, or that has no golden capture. */
export async function knownCards(): Promise<KnownCard[]> {
  const bundled = await openRegistry(['models']);
  const catalogue = await openCatalogue('catalogue');
  const problem = [...bundled.problems, ...catalogue.problems][0];
  if (problem !== undefined) throw new Error(`${problem.path}: ${problem.reason}`);
  const known: KnownCard[] = [];
  for (const { directory } of bundled.list()) {
    const { card } = await readCard(directory);
    known.push({ card, directory, bundled: true, golden: await readGolden(card, directory) });
  }
  for (const { card, directory } of catalogue.entries) {
    known.push({ card, directory, bundled: false, golden: await readGolden(card, directory) });
  }
  return known;
}

async function readGolden({ golden: [first] }: Card, directory: string): Promise<Golden> {
  if (first === undefined) throw new Error(`${directory}: its card names no golden capture`);
  const capture = path.join(directory, first.capture);
  const answer = await readFile(path.join(directory, first.output), 'utf8');
  const credit = (await readFile(path.join(directory, 'golden', 'SOURCES.md'), 'utf8')).trim().replace(/\s+/g, ' ');
  const hash = createHash('sha256')
    .update(await readFile(capture))
    .update(answer)
    .digest('hex');
  return { capture, found: JSON.parse(answer) as Observation[], credit, hash };
}

/** Whether there is something to see: an embedding has no place and no name, and what is certainly not there neither. */
export function isPictured({ golden: { capture, found } }: KnownCard): boolean {
  return /\.(jpg|png)$/.test(capture) && found.some(({ embedding, score }) => embedding === undefined && score > 0);
}

/** Of the picture of a model at work, from the root of the repository. */
export function pictureOf({ card }: KnownCard): string {
  return `docs/pictures/models/${card.name}.jpg`;
}
