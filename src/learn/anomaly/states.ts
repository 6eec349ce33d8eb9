/**
 * The states a machine is in when all is well (off, slow, fast): clusters of its windows, as many as the data shows and no more.
 *
 * Guarantees: the same rows give the same states. How many: the fewest whose distance, on rows that took no part, is within a tenth of the
 * best. Splitting noise brings such rows no nearer, so one cloud stays one state.
 *
 * Source: Lloyd, Least squares quantization in PCM (1982); Arthur and Vassilvitskii, k-means++ (2007).
 */
import { seededRandom } from '../../core/random.js';
import { pick, type Rows } from './linear.js';

const statesMax = 8;
/** Fewer rows say nothing of a state. */
const rowsPerState = 8;
const rowsToChooseBy = 600;
const rowsToFitBy = 3000;
const roundsMax = 40;
const starts = 3;
const nearEnough = 1.1;

/** The middle of each state, row after row: `count` x columns. */
export interface States {
  readonly count: number;
  readonly middles: Float64Array;
}

export function findStates(rows: Rows, count = countStates(rows)): States {
  return cluster(thinned(rows, rowsToFitBy), count);
}

export function countStates(rows: Rows): number {
  const some = thinned(rows, rowsToChooseBy);
  // Whole runs of neighbours on one side: they are alike, and would vouch for each other.
  const run = Math.max(1, Math.floor(some.rows / 40));
  const [fitted, other] = [0, 1].map((side) =>
    pick(
      some,
      indices(some.rows).filter((i) => Math.floor(i / run) % 2 === side),
    ),
  );
  const most = Math.max(1, Math.min(statesMax, Math.floor(rows.rows / rowsPerState)));
  const distances: number[] = [];
  for (let count = 1; count <= most && fitted !== undefined && other !== undefined; count++) {
    distances.push(distanceTo(other, cluster(fitted, count)));
  }
  const best = Math.min(...distances);
  return Math.max(1, distances.findIndex((distance) => distance <= best * nearEnough) + 1);
}

/** The nearest state of a row, and how far it is, squared. */
export function nearestState({ count, middles }: States, { data, columns }: Rows, row: number): { state: number; distance: number } {
  let [state, least] = [0, Number.POSITIVE_INFINITY];
  for (let s = 0; s < count; s++) {
    let distance = 0;
    for (let c = 0; c < columns && distance < least; c++)
      distance += ((data[row * columns + c] ?? 0) - (middles[s * columns + c] ?? 0)) ** 2;
    if (distance < least) [state, least] = [s, distance];
  }
  return { state, distance: least };
}

function cluster(rows: Rows, count: number): States {
  let best: { states: States; distance: number } | null = null;
  for (let start = 0; start < (count === 1 ? 1 : starts); start++) {
    let states = firstStates(rows, count, seededRandom(start + 1));
    let before = Number.POSITIVE_INFINITY;
    for (let round = 0; round < roundsMax; round++) {
      const moved = moveStates(rows, states);
      states = moved.states;
      if (moved.distance >= before * 0.9999) break;
      before = moved.distance;
    }
    const distance = distanceTo(rows, states);
    if (best === null || distance < best.distance) best = { states, distance };
  }
  return best?.states ?? { count: 1, middles: new Float64Array(rows.columns) };
}

/** Each further one a row drawn by how far it is from those there are. */
function firstStates(rows: Rows, count: number, random: () => number): States {
  const chosen = [Math.floor(random() * rows.rows)];
  while (chosen.length < count) {
    const states = statesAt(rows, chosen);
    const far = indices(rows.rows).map((row) => nearestState(states, rows, row).distance);
    let left = random() * far.reduce((sum, distance) => sum + distance, 0);
    const drawn = far.findIndex((distance) => {
      left -= distance;
      return left < 0;
    });
    chosen.push(Math.max(0, drawn));
  }
  return statesAt(rows, chosen);
}

function statesAt(rows: Rows, which: readonly number[]): States {
  return { count: which.length, middles: Float64Array.from(pick(rows, which).data) };
}

function moveStates(rows: Rows, states: States): { states: States; distance: number } {
  const { columns, data } = rows;
  const sums = new Float64Array(states.count * columns);
  const members = new Float64Array(states.count);
  let total = 0;
  for (let row = 0; row < rows.rows; row++) {
    const { state, distance } = nearestState(states, rows, row);
    total += distance;
    members[state] = (members[state] ?? 0) + 1;
    for (let c = 0; c < columns; c++) sums[state * columns + c] = (sums[state * columns + c] ?? 0) + (data[row * columns + c] ?? 0);
  }
  const middles = sums.map((sum, i) => {
    const size = members[Math.floor(i / columns)] ?? 0;
    return size === 0 ? (states.middles[i] ?? 0) : sum / size;
  });
  return { states: { count: states.count, middles }, distance: total };
}

function distanceTo(rows: Rows, states: States): number {
  return indices(rows.rows).reduce((sum, row) => sum + nearestState(states, rows, row).distance, 0) / rows.rows;
}

function thinned(rows: Rows, most: number): Rows {
  if (rows.rows <= most) return rows;
  return pick(
    rows,
    Array.from({ length: most }, (_, i) => Math.floor((i * rows.rows) / most)),
  );
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
