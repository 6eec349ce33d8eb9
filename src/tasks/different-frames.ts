/**
 * Frames of 32 ms that are speech in one answer and not in the other, against the frames of speech there should have been.
 *
 * A frame is speech when its middle lies in a segment. Silence on which both agree counts for nothing, so that a recording does not
 * become better by a long pause. Source: the frame of the Silero model, 512 samples at 16 kHz; the ratio is NIST's detection error rate.
 */

import type { Observation } from '../core/result.js';
import type { TaskMetric } from '../core/task.js';

const frameS = 0.032;

export const differentFrames: TaskMetric = {
  name: 'frames of 32 ms that differ',
  budget: 0.02,
  score(reference, found) {
    const expected = speech(reference);
    const heard = speech(found);
    const missed = [...expected].filter((frame) => !heard.has(frame)).length;
    const extra = [...heard].filter((frame) => !expected.has(frame)).length;
    return { errors: missed + extra, total: expected.size };
  },
};

function speech(observations: readonly Observation[]): Set<number> {
  const frames = new Set<number>();
  for (const { segment } of observations) {
    if (segment === undefined) continue;
    const first = Math.ceil(segment.start_s / frameS - 0.5);
    for (let frame = first; (frame + 0.5) * frameS < segment.end_s; frame++) frames.add(frame);
  }
  return frames;
}
