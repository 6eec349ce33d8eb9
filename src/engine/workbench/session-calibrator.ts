/**
 * The calibrator the compiler is given: runs a model with any of its tensors as outputs over the calibration samples.
 *
 * Guarantees: one thread and the graph as it is written, so that what is seen are the file's own tensors and the same bytes give the
 * same values; every call goes over the same samples. Where the first call takes longer than `limits.calibrationMs`, the samples it
 * had no time for are left out of all calls (at least `limits.calibrationSamplesMin` stay).
 */

import { limits } from '../../core/limits.js';
import type { Tensors } from '../../core/tensor.js';
import type { Calibrator } from '../../core/workbench.js';
import { Session } from '../session.js';
import { type Bench, runSample, type Sample } from './sample.js';

export interface CalibratorSetup extends Bench {
  readonly samples: readonly Sample[];
  /** Called after each sample of each call. */
  readonly onSample?: (done: number, of: number) => void;
  readonly maxMs?: number;
}

export class SessionCalibrator implements Calibrator {
  readonly #setup: CalibratorSetup;
  #samples: readonly Sample[];
  #timed = false;

  constructor(setup: CalibratorSetup) {
    this.#setup = setup;
    this.#samples = setup.samples;
  }

  /** The samples that are used; fewer than given once the time has run out. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** The model must still have the outputs of the original: the task goes on with them. */
  async run(model: Uint8Array, see: (outputs: Tensors, run: number) => void): Promise<void> {
    const session = await Session.fromBytes(this.#setup.model, model, 'the model to calibrate', {
      threads: 1,
      arena: false,
      asWritten: true,
    });
    let runs = 0;
    const began = performance.now();
    try {
      for (const [index, sample] of this.#samples.entries()) {
        if (!this.#timed && index >= limits.calibrationSamplesMin && performance.now() - began > this.#maxMs) {
          this.#samples = this.#samples.slice(0, index);
          break;
        }
        await runSample(this.#setup, sample, async (feeds) => {
          const outputs = await session.runAll(feeds);
          see(outputs, runs++);
          return outputs;
        });
        this.#setup.onSample?.(index + 1, this.#samples.length);
      }
      this.#timed = true;
    } finally {
      await session.release();
    }
  }

  get #maxMs(): number {
    return this.#setup.maxMs ?? limits.calibrationMs;
  }
}
