/**
 * Series as tasks get them: a window of one of our own inputs, or a table of numbers.
 *
 * Guarantees: what comes out is complete and finite, or it fails with a reason that names the line.
 */
import { seriesMediaType } from '../core/form.js';
import { decodeSeries, type Series } from '../core/series.js';
import { readSeriesTable } from '../core/series-table.js';

/** Throws CAPTURE_DECODE or CAPTURE_TOO_LARGE. */
export function openSeries(bytes: Uint8Array, mediaType: string): Series {
  return mediaType === seriesMediaType ? decodeSeries(bytes) : readSeriesTable(bytes, mediaType);
}
