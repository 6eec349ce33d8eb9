/**
 * From speech probabilities, one a frame, to segments of speech: hysteresis, least lengths, padding. Pure; positions are samples.
 *
 * Source: Silero's reference, get_speech_timestamps, without its limit on the length of a segment. A segment starts with a frame
 * at or above `threshold` and ends with the first frame below `negThreshold` that at least `minSilence` samples of no renewed speech follow.
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

/** `length`: samples of the whole recording; the last frame may reach beyond it. */
export function speechSegments(probabilities: ArrayLike<number>, length: number, rule: SegmentRule): SpeechSegment[] {
  const spans: { start: number; end: number }[] = [];
  let start: number | null = null;
  let silentFrom: number | null = null;
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i] ?? 0;
    const at = i * rule.frame;
    if (probability >= rule.threshold) {
      silentFrom = null;
      start ??= at;
    } else if (probability < rule.negThreshold && start !== null) {
      silentFrom ??= at;
      if (at - silentFrom < rule.minSilence) continue;
      if (silentFrom - start > rule.minSpeech) spans.push({ start, end: silentFrom });
      start = null;
      silentFrom = null;
    }
  }
  if (start !== null && length - start > rule.minSpeech) spans.push({ start, end: length });
  const scores = spans.map((span) => mean(probabilities, Math.floor(span.start / rule.frame), Math.ceil(span.end / rule.frame)));
  return padded(spans, length, rule.pad).map((span, i) => ({ ...span, score: scores[i] ?? 0 }));
}

/** Widens each span on both sides; two that come closer than twice the padding share the gap. */
function padded(spans: readonly { start: number; end: number }[], length: number, pad: number): { start: number; end: number }[] {
  return spans.map((span, i) => {
    const before = spans[i - 1];
    const after = spans[i + 1];
    const gapBefore = before === undefined ? Number.POSITIVE_INFINITY : span.start - before.end;
    const gapAfter = after === undefined ? Number.POSITIVE_INFINITY : after.start - span.end;
    return {
      start: Math.trunc(Math.max(0, span.start - (gapBefore < 2 * pad ? Math.floor(gapBefore / 2) : pad))),
      end: Math.trunc(Math.min(length, span.end + (gapAfter < 2 * pad ? Math.floor(gapAfter / 2) : pad))),
    };
  });
}

function mean(values: ArrayLike<number>, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i] ?? 0;
  return to > from ? sum / (to - from) : 0;
}
