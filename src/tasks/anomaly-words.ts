/**
 * What moved, in words: the features that account for most of how unusual a window is, each with what it was and what it should have been.
 */

import type { SeriesFeature } from './series-features.js';
import type { ForecastFeature } from './series-forecast.js';
import { shortNumber } from './series-windows.js';

/** How many a person reads; below a tenth a feature accounts for little. */
const toldMax = 3;
const shareMin = 0.1;

interface Moved {
  readonly share: ArrayLike<number>;
  readonly found: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
}

/** Indices of what to tell of, that which accounts for most first; the first even where it is little. */
function leading(share: ArrayLike<number>): number[] {
  const order = Array.from({ length: share.length }, (_, i) => i).sort((a, b) => (share[b] ?? 0) - (share[a] ?? 0));
  return order.filter((i, place) => place === 0 || (place < toldMax && (share[i] ?? 0) >= shareMin));
}

export function windowWords(features: readonly SeriesFeature[], moved: Moved): string {
  return leading(moved.share)
    .flatMap((i) => {
      const feature = features[i];
      return feature === undefined ? [] : [`${featureWords(feature, moved.found[i] ?? 0, moved.expected[i] ?? 0)}${part(moved.share[i])}`];
    })
    .join('; ');
}

/** `scale` and name by channel turn residuals into the unit of the channel. */
export function forecastWords(
  features: readonly ForecastFeature[],
  moved: Moved,
  channels: readonly { readonly name: string; readonly scale: number }[],
  stepS: number,
): string {
  return leading(moved.share)
    .flatMap((i) => {
      const feature = features[i];
      if (feature === undefined) return [];
      const scale = channels.find(({ name }) => name === feature.channel)?.scale ?? 1;
      return [`${residualWords(feature, moved.found[i] ?? 0, moved.expected[i] ?? 0, scale, stepS)}${part(moved.share[i])}`];
    })
    .join('; ');
}

function part(share: number | undefined): string {
  return ` (${Math.round(100 * Math.min(1, share ?? 0))} %)`;
}

function times(log10: number): string {
  return `${shortNumber(10 ** log10)} times the usual`;
}

function against(found: number, expected: number): string {
  return `${shortNumber(found)}, usually ${shortNumber(expected)}`;
}

function featureWords({ channel, what, band, other }: SeriesFeature, found: number, expected: number): string {
  switch (what) {
    case 'energy':
      return `${channel}: energy from ${shortNumber(band?.[0] ?? 0)} to ${shortNumber(band?.[1] ?? 0)} Hz ${times(found - expected)}`;
    case 'strength':
      return `${channel}: strength ${times(found - expected)}`;
    case 'peak':
      return `${channel}: peaks against its strength ${times(found - expected)}`;
    case 'tails':
      return `${channel}: tails (kurtosis) ${times(found - expected)}`;
    case 'roughness':
      return `${channel}: steps against its strength ${times(found - expected)}`;
    case 'crossings':
      return `${channel}: crosses its mean in ${against(100 * found, 100 * expected)} % of the steps`;
    case 'slope':
      return `${channel}: slope ${against(found, expected)}`;
    case 'level':
      return `${channel}: level ${against(found, expected)}`;
    case 'correlation':
      return `${channel} and ${other ?? ''}: correlation ${against(found, expected)}`;
  }
}

function residualWords({ channel, what, span }: ForecastFeature, found: number, expected: number, scale: number, stepS: number): string {
  if (what === 'changes') return `${channel}: changes from step to step ${times(found - expected)}, for ${duration(span * stepS)}`;
  const off = found * scale;
  const side = `${shortNumber(Math.abs(off))} ${off < 0 ? 'below' : 'above'}`;
  const than = what === 'next' ? 'what went before lets expect' : 'what is usual at this time';
  return `${channel}: ${side} ${than}${span === 1 ? '' : `, for ${duration(span * stepS)}`}`;
}

/** In the largest unit of which it is at least one. */
export function duration(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ] as const;
  const [size, name] = units.find(([each]) => seconds >= each) ?? [1, 's'];
  return `${shortNumber(seconds / size)} ${name}`;
}
