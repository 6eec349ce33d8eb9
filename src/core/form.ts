/**
 * Forms: what an engine decodes a capture to, and which media types it can.
 *
 * One place for both sides: the router asks whether a pipeline can look at a capture, the engine what to make of its bytes. A media type has
 * one form. What has none can still be looked at as a file.
 */

/** What the stages look at: decoded, or the bytes as they are (`file`). A `series` is a window of a signal, channels x length. */
export type Form = 'image' | 'audio' | 'series' | 'text';
export type Reads = Form | 'file';

/** A window of a signal as one input made it, in our own bytes (series.ts). */
export const seriesMediaType = 'application/vnd.shoal.series';

const mediaTypes: Readonly<Record<Form, readonly string[]>> = {
  image: ['image/jpeg', 'image/png', 'image/webp', 'image/tiff'],
  audio: ['audio/wav', 'audio/flac', 'audio/ogg'],
  series: [seriesMediaType, 'text/csv', 'text/tab-separated-values', 'application/x-ndjson'],
  text: ['text/plain', 'text/html', 'text/xml', 'application/json'],
};

const forms: ReadonlyMap<string, Form> = new Map(
  Object.entries(mediaTypes).flatMap(([form, types]) => types.map((type) => [type, form as Form] as const)),
);

/** What an engine of this daemon decodes such a capture to; null when nothing but its bytes can be looked at. */
export function formOf(mediaType: string): Form | null {
  return forms.get(mediaType) ?? null;
}

/** The media types that decode to one of these forms. */
export function mediaTypesOf(wanted: Iterable<Reads>): readonly string[] {
  const asked = new Set<string>(wanted);
  return [...forms].filter(([, form]) => asked.has(form)).map(([type]) => type);
}

/** A form with its article, for a person. */
export const formInWords: Readonly<Record<Reads, string>> = {
  image: 'an image',
  audio: 'audio',
  series: 'a series',
  text: 'a text',
  file: 'any file',
};
