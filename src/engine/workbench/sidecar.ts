/**
 * What may lie beside a sample: the observations of an earlier stage, and what stands in it. Pure.
 *
 * Observations are a list, or a payload as `shoal infer --json` prints it with one stage in it. Only their places are taken over.
 */
import { z } from 'zod';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Observation } from '../../core/result.js';

const share = z.number().min(0).max(1);
const point = z.tuple([share, share]);
const place = z.object({
  box: z.object({ x_min: share, y_min: share, x_max: share, y_max: share }).optional(),
  quad: z.tuple([point, point, point, point]).optional(),
});
const list = z.array(place).min(1).max(limits.observationsMax);
const payload = z.object({ observations: z.record(z.string(), list) });

/** Throws CAPTURE_UNSUPPORTED, saying what is wrong with it. */
export function observationsOf(json: string): Observation[] {
  const wrong = (what: string) => new ShoalError('CAPTURE_UNSUPPORTED', `the observations beside it: ${what}`);
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch (cause) {
    throw wrong(`not readable as JSON: ${reasonOf(cause)}`);
  }
  const parsed = z.union([list, payload]).safeParse(raw);
  if (!parsed.success) throw wrong('expected a list of {"quad": [[x, y], ...]} or {"box": {...}} with shares of the image, 0..1');
  const stages = Array.isArray(parsed.data) ? [parsed.data] : Object.values(parsed.data.observations);
  const [places, ...others] = stages;
  if (places === undefined || others.length > 0) throw wrong(`${stages.length} stages, expected one`);
  return places.map(({ box, quad }, index) => {
    if (box === undefined && quad === undefined) throw wrong(`number ${index} has neither quad nor box`);
    return { score: 1, ...(box === undefined ? {} : { box }), ...(quad === undefined ? {} : { quad }) };
  });
}

/** One observation a line of text. Throws CAPTURE_UNSUPPORTED when there are not as many lines as places. */
export function transcriptOf(text: string, each: readonly Observation[] | null): Observation[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const places = each?.length ?? 1;
  if (lines.length !== places) {
    throw new ShoalError(
      'CAPTURE_UNSUPPORTED',
      `its transcript has ${lines.length} lines of text for ${places} ${places === 1 ? 'line' : 'places'} of the image; they must be as many, in the same order`,
    );
  }
  return lines.map((line, index) => ({ score: 1, text: line, ...(each === null ? {} : { of: index }) }));
}
