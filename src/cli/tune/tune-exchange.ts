/**
 * Tunings from board to board of one class: a fleet measures once and installs the same answer everywhere.
 *
 * Guarantees: a tuning of another class is refused; of the same class, every difference between the boards is said, and only what speaks
 * of exactly the files installed here is taken.
 */
import { ShoalError } from '../../core/errors.js';
import { modelRef } from '../../core/model.js';
import { type BoardFingerprint, differences } from '../../registry/fingerprint.js';
import type { Registry } from '../../registry/registry.js';
import { parseTuneFile, type TuneFile, tuningOf } from '../../registry/tuning.js';

export interface Imported {
  readonly file: TuneFile;
  readonly taken: readonly string[];
  /** In which way the boards differ, and which models were not taken, a sentence each. */
  readonly differs: readonly string[];
  readonly leftOut: readonly string[];
}

/** Reads a tuning file that must be there. Throws USAGE. */
export async function readTuneFile(file: string): Promise<TuneFile> {
  const parsed = await parseTuneFile(file);
  if (parsed === null) throw new ShoalError('USAGE', `${file} does not exist; "shoal models tune --export FILE" writes one`);
  if (typeof parsed === 'string') throw new ShoalError('USAGE', parsed);
  return parsed;
}

/** What `there` says of the models here, on top of what `known` says. Throws USAGE for another class of board. */
export function importTuning(there: TuneFile, known: TuneFile, registry: Registry): Imported {
  const here = known.board;
  if (there.board.class !== here.class) {
    throw new ShoalError(
      'USAGE',
      `this tuning is of the class ${there.board.class}, this board is ${here.class}: run "shoal models tune" here, or import one of ${here.class}`,
    );
  }
  const leftOut: string[] = [];
  const models = { ...known.models };
  const taken: string[] = [];
  for (const [ref, tuning] of Object.entries(there.models)) {
    const model = registry.list().find((each) => modelRef(each) === ref);
    const fits = model === undefined ? 'it is not installed here' : tuningOf(model, { state: 'usable', file: there });
    if (typeof fits === 'string') {
      leftOut.push(`${ref} is left out: ${fits}`);
      continue;
    }
    models[ref] = { ...tuning, measured_on: tuning.measured_on ?? there.board };
    taken.push(ref);
  }
  return {
    file: { ...known, models },
    taken,
    leftOut,
    differs: differences(there.board, here).map((what) => `measured on another board of the class: ${what}`),
  };
}

export function emptyTuning(board: BoardFingerprint, shoal: string): TuneFile {
  return { schema: 'shoal/tune/1', shoal, board, models: {} };
}
