/**
 * Scores of normal windows by models that have not seen them: what a threshold and an honest figure are taken from, with every window in use.
 *
 * Guarantees: each window is judged once, by a fit on all others but its neighbours; it is whole stretches of time that are left out, since
 * windows that follow each other are alike, and those that overlap share samples.
 */
import { pick, type Rows } from './linear.js';
import { fitNormal, indicesOf, type NormalOptions } from './normal-model.js';

const folds = 5;
/** Stretches for each fold: few enough to be long, enough that a machine's states are in each. */
const stretchesPerFold = 8;

/** `apart`: windows so far from each other (in their order) share nothing. */
export function crossScores(rows: Rows, apart: number, options: NormalOptions): Float64Array {
  const stretch = Math.max(1, Math.ceil(rows.rows / (folds * stretchesPerFold)));
  const foldOf = (row: number): number => Math.floor(row / stretch) % folds;
  const all = Array.from({ length: rows.rows }, (_, row) => row);
  const scores = new Float64Array(rows.rows);
  for (let fold = 0; fold < folds; fold++) {
    const out = all.filter((row) => foldOf(row) === fold);
    const near = (row: number): boolean => {
      for (let d = 1 - apart; d < apart; d++) if (row + d >= 0 && row + d < rows.rows && foldOf(row + d) === fold) return true;
      return false;
    };
    const model = fitNormal(
      pick(
        rows,
        all.filter((row) => !near(row)),
      ),
      options,
    );
    const found = indicesOf(model, pick(rows, out));
    for (const [i, row] of out.entries()) scores[row] = found[i] ?? 0;
  }
  return scores;
}
