/**
 * A series as a model learned on this board wants it: its channels by name, at its rate, window after window.
 */
import { ShoalError } from '../core/errors.js';
import { channelOf, type Series } from '../core/series.js';

/** Two rates are the same within this share: a sensor's clock is no better. */
const rateTolerance = 0.02;

/** The samples of the named channels: views. Throws CAPTURE_UNSUPPORTED saying which are there. */
export function namedChannels(series: Series, names: readonly string[], who: string): readonly Float32Array[] {
  return names.map((name) => {
    const at = series.channels.indexOf(name);
    if (at >= 0) return channelOf(series, at);
    throw new ShoalError(
      'CAPTURE_UNSUPPORTED',
      `${who} was learned with a channel "${name}"; this series has ${series.channels.join(', ')}`,
    );
  });
}

/** Throws CAPTURE_UNSUPPORTED where the rate is not known or another than `rateHz`. */
export function checkRate(series: Series, rateHz: number, who: string): void {
  if (series.rateHz === null) {
    throw new ShoalError(
      'CAPTURE_UNSUPPORTED',
      `${who} needs ${shortNumber(rateHz)} Hz, and this series has no even rate: have the input resample it`,
    );
  }
  if (Math.abs(series.rateHz / rateHz - 1) <= rateTolerance) return;
  throw new ShoalError(
    'CAPTURE_UNSUPPORTED',
    `${who} was learned at ${shortNumber(rateHz)} Hz, this series has ${shortNumber(series.rateHz)} Hz: have the input resample it, or learn again`,
  );
}

/** Where the windows begin: whole ones only. */
export function windowStarts(length: number, samples: number, hop: number): number[] {
  return Array.from({ length: length < samples ? 0 : Math.floor((length - samples) / hop) + 1 }, (_, i) => i * hop);
}

/** Three digits that count, for a person. */
export function shortNumber(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}
