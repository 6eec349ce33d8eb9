/**
 * What a linear model of texts is shown: which words, pairs of words and runs of characters stand in it, each hashed into a bucket. Pure.
 *
 * Guarantees: the same text gives the same buckets on every machine and in every version; nothing of a text can be read back from its buckets
 * alone. The rule, in order:
 * 1. Unicode NFKC, lower case; every decimal digit becomes `0`, so that numbers are told by their length.
 * 2. A word is a run of letters, marks and digits; everything else that is no white space stands for itself, one character a word.
 * 3. Features: `w` and each run of 1 .. `words` words with a space between them; `c` and each run of `characters[0]` .. `characters[1]` code
 *    points of a word with a space on either side of it.
 * 4. The bucket of a feature is the 32-bit FNV-1a hash of its UTF-8 bytes modulo `buckets`. A bucket counts once, however often it is met.
 * 5. All n buckets weigh the same, 1 / sqrt(n).
 *
 * Sources: Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning; Fowler, Noll, Vo, FNV-1a.
 */
import { z } from 'zod';
import { limits } from '../core/limits.js';

export const textFeatureParams = z.strictObject({
  /** A power of two. */
  buckets: z
    .int()
    .min(256)
    .max(1 << 20)
    .refine((buckets) => Number.isInteger(Math.log2(buckets)), { message: 'buckets is a power of two' }),
  /** Words in a row that make a feature, at most. */
  words: z.int().min(1).max(3),
  /** Characters in a row that make a feature, least and most. */
  characters: z
    .tuple([z.int().min(1).max(8), z.int().min(1).max(8)])
    .refine(([least, most]) => least <= most, { message: 'characters are least and most' }),
});

export type TextFeatureParams = z.infer<typeof textFeatureParams>;

const wordPattern = /[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}]/gu;
const utf8 = new TextEncoder();

/** The buckets of a text, ascending, each once; none for a text of white space. What lies beyond `limits.textBytesMax` characters is not looked at. */
export function textBuckets(text: string, { buckets, words, characters }: TextFeatureParams): Int32Array {
  const plain = text
    .slice(0, limits.textBytesMax)
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/\p{Nd}/gu, '0');
  const found = new Set<number>();
  const add = (feature: string) => found.add(fnv1a(feature) & (buckets - 1));
  const all = plain.match(wordPattern) ?? [];
  for (const [i, word] of all.entries()) {
    for (let count = 1; count <= words && i + count <= all.length; count++) add(`w${all.slice(i, i + count).join(' ')}`);
    const points = [' ', ...word, ' '];
    for (let length = characters[0]; length <= characters[1]; length++) {
      for (let at = 0; at + length <= points.length; at++) add(`c${points.slice(at, at + length).join('')}`);
    }
  }
  return Int32Array.from(found).sort();
}

/** Unsigned would be the same modulo a power of two: the sign is only the highest bit. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
