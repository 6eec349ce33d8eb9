/**
 * From speech probabilities, one a frame, to segments of speech: hysteresis, least lengths, padding. Pure; positions are samples.
 *
 * Source: Silero's reference, get_speech_timestamps, without its limit on the length of a segment. A segment starts with a frame
 * at or above `threshold` and ends with the first frame below `negThreshold` that at least `minSilence` samples of no renewed speech follow.
 * A recording may be heard in pieces: what is not over goes on with the next one, and all pieces together give the segments of the whole.
 */
export interface SegmentRule {
  readonly frame: number;
  readonly threshold: number;
  readonly negThreshold: number;
  readonly minSpeech: number;
  readonly minSilence: number;
  readonly pad: number;
}

/** `score` is the mean probability of its frames, before padding. */
export interface SpeechSegment {
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** Probabilities of some frames: their sum and how many they are. */
interface Frames {
  readonly sum: number;
  readonly frames: number;
}

/** A segment that may go on. `silence`: from where on nothing was spoken again so far, and the frames before that. */
interface OpenSegment extends Frames {
  readonly start: number;
  readonly silence: (Frames & { readonly from: number }) | null;
}

/** How far a recording was heard, and what was not over there. */
export interface Course {
  readonly at: number;
  readonly open: OpenSegment | null;
}

export const nothingHeard: Course = { at: 0, open: null };

/** Hears the next frames of a recording. `closed` are the segments that ended in them, without padding. */
export function hear(
  course: Course,
  probabilities: ArrayLike<number>,
  rule: SegmentRule,
): { readonly course: Course; readonly closed: readonly SpeechSegment[] } {
  const closed: SpeechSegment[] = [];
  let { at, open } = course;
  for (let i = 0; i < probabilities.length; i++, at += rule.frame) {
    const probability = probabilities[i] ?? 0;
    if (probability >= rule.threshold) open = { ...(open ?? { start: at, sum: 0, frames: 0 }), silence: null };
    else if (probability < rule.negThreshold && open !== null) {
      const silence = open.silence ?? { from: at, sum: open.sum, frames: open.frames };
      const { start } = open;
      open = at - silence.from < rule.minSilence ? { ...open, silence } : null;
      if (open === null && silence.from - start > rule.minSpeech)
        closed.push({ start, end: silence.from, score: silence.sum / silence.frames });
    }
    if (open !== null) open = { ...open, sum: open.sum + probability, frames: open.frames + 1 };
  }
  return { course: { at, open }, closed };
}

/** What was heard so far of a segment that may go on, without padding; null while it is too short to be one. */
export function soFar({ at, open }: Course, rule: SegmentRule): SpeechSegment | null {
  if (open === null) return null;
  const end = open.silence?.from ?? at;
  const { sum, frames } = open.silence ?? open;
  return end - open.start > rule.minSpeech ? { start: open.start, end, score: sum / frames } : null;
}

/** `length`: samples of the whole recording; the last frame may reach beyond it. */
export function speechSegments(probabilities: ArrayLike<number>, length: number, rule: SegmentRule): SpeechSegment[] {
  const { closed, course } = hear(nothingHeard, probabilities, rule);
  const { open } = course;
  const last = open === null || length - open.start <= rule.minSpeech ? [] : [{ ...open, end: length, score: open.sum / open.frames }];
  return padded([...closed, ...last], length, rule.pad);
}

/** Widens each segment on both sides; two that come closer than twice the padding share the gap. */
function padded(segments: readonly SpeechSegment[], length: number, pad: number): SpeechSegment[] {
  return segments.map(({ start, end, score }, i) => {
    const before = segments[i - 1];
    const after = segments[i + 1];
    const gapBefore = before === undefined ? Number.POSITIVE_INFINITY : start - before.end;
    const gapAfter = after === undefined ? Number.POSITIVE_INFINITY : after.start - end;
    return {
      start: Math.trunc(Math.max(0, start - (gapBefore < 2 * pad ? Math.floor(gapBefore / 2) : pad))),
      end: Math.trunc(Math.min(length, end + (gapAfter < 2 * pad ? Math.floor(gapAfter / 2) : pad))),
      score,
    };
  });
}
