/** What was found against what there is: misses and false alarms by name. Pure. */

import { overlap, type Rectangle } from '../src/core/rectangle.js';
import type { Observation } from '../src/core/result.js';
import type { FacesTruth, SceneTruth } from './vision-truth.js';

export interface Tally {
  readonly found: number;
  readonly missed: readonly string[];
  readonly wrong: readonly string[];
}

const leastOverlap = 0.5;

function rectangle({ box }: Observation): Rectangle {
  return box === undefined ? [0, 0, 0, 0] : [box.x_min, box.y_min, box.x_max, box.y_max];
}

/** A thing is found by a box of its label that overlaps its own by half; each box finds one thing, the surest first. */
export function tallyObjects(observations: readonly Observation[], { things, also }: SceneTruth): Tally {
  const left = [...things];
  const wrong: string[] = [];
  for (const observation of observations) {
    const shared = left.map(([label, box]) => (label === observation.label ? overlap(box, rectangle(observation)) : 0));
    const most = Math.max(0, ...shared);
    if (most >= leastOverlap) left.splice(shared.indexOf(most), 1);
    else if (!also.includes(observation.label ?? '')) wrong.push(observation.label ?? '');
  }
  return { found: things.length - left.length, missed: left.map(([label]) => label), wrong };
}

/** A face is found by a box around its nose; each box finds the nose nearest to its middle. */
export function tallyFaces(observations: readonly Observation[], { noses }: FacesTruth): Tally {
  const left = [...noses];
  const wrong: string[] = [];
  for (const observation of observations) {
    const [x0, y0, x1, y1] = rectangle(observation);
    const away = left.map(([x, y]) =>
      x > x0 && x < x1 && y > y0 && y < y1 ? Math.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2) : Number.POSITIVE_INFINITY,
    );
    const nearest = Math.min(...away);
    if (Number.isFinite(nearest)) left.splice(away.indexOf(nearest), 1);
    else wrong.push('face');
  }
  return { found: noses.length - left.length, missed: left.map(() => 'face'), wrong };
}

/** `person x2, remote`, or `none`. */
export function counted(names: readonly string[]): string {
  const kinds = [...new Set(names)].sort();
  const parts = kinds.map((kind) => {
    const count = names.filter((name) => name === kind).length;
    return count === 1 ? kind : `${kind} x${count}`;
  });
  return parts.join(', ') || 'none';
}
