/** What the drafts of cards for foreign models have in common: how a picture's tensor lies, and what is usually said of it. */
import type { ForeignModel } from '../core/card-draft.js';

export interface PictureInput {
  readonly layout: 'nchw' | 'nhwc';
  readonly channels: 1 | 3;
  readonly width: number;
  readonly height: number;
  /** What the model itself says that its numbers are; null where it does not. */
  readonly known: NumberRange | null;
}

/** What the numbers of a picture are, as a card has it under `pixels`. */
export interface NumberRange {
  readonly pixels: Readonly<Record<string, unknown>>;
  /** For a person. */
  readonly said: string;
}

const usualRanges: readonly (NumberRange & { readonly least: number; readonly greatest: number })[] = [
  { least: 0, greatest: 255, pixels: {}, said: '0 to 255' },
  { least: 0, greatest: 1, pixels: { scale: 1 / 255 }, said: '0 to 1' },
  { least: -1, greatest: 1, pixels: { scale: 2 / 255, mean: 1 }, said: '-1 to 1' },
  { least: -128, greatest: 127, pixels: { mean: 128 }, said: '-128 to 127' },
];

/** The bytes of a model hold a little more or less than the pictures it was calibrated with. */
const rangeTolerance = 0.03;

function rangeOf(range: readonly [least: number, greatest: number] | undefined): NumberRange | null {
  if (range === undefined) return null;
  const [least, greatest] = range;
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= rangeTolerance * (greatest - least);
  const found = usualRanges.find((usual) => near(usual.least, least) && near(usual.greatest, greatest));
  return found === undefined ? null : { pixels: found.pixels, said: `${found.said}, as the bytes say that the model makes of them` };
}

/** The only input, if it holds one picture of a fixed size. */
export function pictureInput({ inputs, ranges }: ForeignModel): PictureInput | null {
  const [input, ...more] = inputs;
  const [, ...sizes] = input?.shape ?? [];
  if (input === undefined || more.length > 0 || sizes.length !== 3 || sizes.some((size) => typeof size !== 'number')) return null;
  const [a = 0, b = 0, c = 0] = sizes.map(Number);
  const bytes = input.dtype !== 'float32';
  const known = bytes ? { pixels: {}, said: 'bytes as they are' } : rangeOf(ranges[input.name]);
  if (a === 1 || a === 3) return { layout: 'nchw', channels: a, height: b, width: c, known };
  return c === 1 || c === 3 ? { layout: 'nhwc', channels: c, height: a, width: b, known } : null;
}

/** Names for classes nobody named. */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, kind) => `class-${kind}`);
}
