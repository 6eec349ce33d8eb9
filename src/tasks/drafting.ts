/** What the drafts of cards for foreign models have in common: how a picture's tensor lies, and what is usually said of it. */
import type { ForeignModel } from '../core/card-draft.js';

export interface PictureInput {
  readonly layout: 'nchw' | 'nhwc';
  readonly channels: 1 | 3;
  readonly width: number;
  readonly height: number;
  /** It takes bytes as they are, so there is nothing to scale. */
  readonly bytes: boolean;
}

/** The only input, if it holds one picture of a fixed size. */
export function pictureInput({ inputs }: ForeignModel): PictureInput | null {
  const [input, ...more] = inputs;
  const [, ...sizes] = input?.shape ?? [];
  if (input === undefined || more.length > 0 || sizes.length !== 3 || sizes.some((size) => typeof size !== 'number')) return null;
  const [a = 0, b = 0, c = 0] = sizes.map(Number);
  const bytes = input.dtype !== 'float32';
  if (a === 1 || a === 3) return { layout: 'nchw', channels: a, height: b, width: c, bytes };
  return c === 1 || c === 3 ? { layout: 'nhwc', channels: c, height: a, width: b, bytes } : null;
}

/** Names for classes nobody named. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, kind) => `class-${kind}`);
}
