/**
 * The names of kept copies: `<input>/<day>/<capture id>.<extension>`. Ids and inputs match `idPattern`, so no name leaves its folder.
 */

import { seriesMediaType } from '../core/form.js';
import { idPattern } from '../core/id.js';

const extensions: ReadonlyMap<string, string> = new Map([
  ['image/jpeg', 'jpg'],
  ['audio/wav', 'wav'],
  [seriesMediaType, 'series'],
  ['text/csv', 'csv'],
  ['text/tab-separated-values', 'tsv'],
  ['application/x-ndjson', 'ndjson'],
  ['application/json', 'json'],
  ['text/plain', 'txt'],
]);

const mediaTypes: ReadonlyMap<string, string> = new Map([...extensions].map(([type, extension]) => [extension, type]));

export const dayPattern = /^\d{4}-\d{2}-\d{2}$/;

export function fileNameOf(id: string, mediaType: string): string {
  return `${id}.${extensions.get(mediaType) ?? 'bin'}`;
}

/** Null for what is no name of ours. */
export function readFileName(name: string): { readonly id: string; readonly mediaType: string } | null {
  const [id = '', extension, ...more] = name.split('.');
  const mediaType = extension === 'bin' ? 'application/octet-stream' : mediaTypes.get(extension ?? '');
  return mediaType === undefined || more.length > 0 || !idPattern.test(id) ? null : { id, mediaType };
}

/** UTC; of a time that is none the first day of all. */
export function dayOf(capturedAt: string): string {
  const day = capturedAt.slice(0, 10);
  return dayPattern.test(day) ? day : '1970-01-01';
}
