/**
 * What may lie beside a sample: the observations of an earlier stage, and what stands in it. Pure.
 *
 * Observations are a list, or a payload as `shoal infer --json` prints it with one stage in it. Of an earlier stage only their places are taken
 * over, of a truth what can be right or wrong of it as well: labels, texts, segments.
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
const places = z.array(place).min(1).max(limits.observationsMax);
const word = z.string().max(limits.textCharsMax);
const seconds = z.number().min(0);
const claim = place.extend({
  label: word.optional(),
  text: word.optional(),
  segment: z.object({ start_s: seconds, end_s: seconds }).optional(),
  of: z.int().min(0).max(limits.observationsMax).optional(),
});
const claims = z.array(claim).max(limits.observationsMax);

/** Throws CAPTURE_UNSUPPORTED, saying what is wrong with it. */
export function observationsOf(json: string): Observation[] {
  const what = 'the observations beside it';
  const expected = 'a list of {"quad": [[x, y], ...]} or {"box": {...}} with shares of the image, 0..1';
  return listOf(json, places, what, expected).map(({ box, quad }, index) => {
    if (box === undefined && quad === undefined) {
      throw new ShoalError('CAPTURE_UNSUPPORTED', `${what}: number ${index} has neither quad nor box`);
    }
    return { score: 1, ...(box === undefined ? {} : { box }), ...(quad === undefined ? {} : { quad }) };
  });
}

/**
 * What a perfect model would find; without `of`, with places of an earlier stage, the first is about the first place, and so on. Throws
 * CAPTURE_UNSUPPORTED, saying what is wrong with it.
 */
export function truthOf(json: string, each: readonly Observation[] | null): Observation[] {
  const what = 'the truth beside it';
  const expected =
    'a list of observations with "label", "box", "quad", "segment" or "text", as the task finds them; an empty one for nothing';
  return listOf(json, claims, what, expected).map(({ of, ...claimed }, index) => {
    const about = of ?? index;
    if (each !== null && about >= each.length) {
      throw new ShoalError('CAPTURE_UNSUPPORTED', `${what}: number ${index} is about place ${about} of ${each.length}, counted from 0`);
    }
    const stated = Object.entries(claimed).filter(([, value]) => value !== undefined);
    if (stated.length === 0) throw new ShoalError('CAPTURE_UNSUPPORTED', `${what}: number ${index} says nothing; expected ${expected}`);
    return { score: 1, ...Object.fromEntries(stated), ...(each === null ? {} : { of: about }) };
  });
}

function listOf<Item>(json: string, list: z.ZodType<Item[]>, what: string, expected: string): Item[] {
  const wrong = (why: string) => new ShoalError('CAPTURE_UNSUPPORTED', `${what}: ${why}`);
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch (cause) {
    throw wrong(`not readable as JSON: ${reasonOf(cause)}`);
  }
  const parsed = z.union([list, z.object({ observations: z.record(z.string(), list) })]).safeParse(raw);
  if (!parsed.success) throw wrong(`expected ${expected}`);
  const stages = Array.isArray(parsed.data) ? [parsed.data] : Object.values(parsed.data.observations);
  const [found, ...others] = stages;
  if (found === undefined || others.length > 0) throw wrong(`${stages.length} stages, expected one`);
  return found;
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
