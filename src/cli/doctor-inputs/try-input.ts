/**
 * One input, tried by itself: opened, one capture taken, closed.
 *
 * Guarantees: at most `waitMs` and the input's own stop; nothing that the input sees goes anywhere. A replayable input is not started, for it would
 * claim what it finds: it is asked to look. Deliberately knows no type of input: what is wrong with a device is what the input says of itself.
 */
import type { Capture } from '../../core/capture.js';
import type { BroughtContext, Health, Input, InputKind, Log, ManagedConnection, Metrics, Surroundings } from '../../core/contracts.js';
import { reasonOf } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { SystemClock } from '../../ops/clock.js';
import type { Check } from '../board-checks.js';
import { captureText } from './capture-text.js';

export interface TriedInput {
  readonly name: string;
  readonly kind: Pick<InputKind<never, BroughtContext>, 'type' | 'create'>;
  readonly options: unknown;
  readonly stateDir: string;
  /** Makes a connection of the configuration, for this trial alone. */
  connect(name: string, surroundings: Surroundings): ManagedConnection;
}

export async function tryInput({ name, kind, options, stateDir, connect }: TriedInput, waitMs: number): Promise<Check> {
  const check = `input ${name}`;
  const trial = new Trial();
  let input: Input | null = null;
  try {
    input = kind.create(name, options as never, trial.context(stateDir, connect));
    if (input.replayable) return await lookAt(check, kind.type, input);
    await input.start(trial.offer);
    return judged(check, kind.type, await trial.end(waitMs), waitMs);
  } catch (error) {
    return { check, state: 'fail', found: `${kind.type}, cannot be used`, advice: reasonOf(error) };
  } finally {
    await input?.stop().catch(() => {});
    await trial.disconnect();
  }
}

async function lookAt(check: string, type: string, input: Input): Promise<Check> {
  if (input.look === undefined) return { check, state: 'ok', found: `${type}, not tried: others bring its captures` };
  return { check, state: 'ok', found: `${type}, ${await input.look()}` };
}

interface TrialEnd {
  readonly capture: Capture | null;
  /** Something came that the input could read. */
  readonly heard: boolean;
  /** Pieces that never became a capture, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly state: string;
  readonly reason: string | undefined;
}

function judged(check: string, type: string, end: TrialEnd, waitMs: number): Check {
  const { capture, state, reason } = end;
  if (capture !== null) return { check, state: 'ok', found: `${type}, saw ${captureText(capture)}` };
  if (state === 'down') return { check, state: 'fail', found: `${type}, saw nothing`, advice: reason ?? 'it gives no reason' };
  const seconds = waitMs / 1000;
  return { check, state: 'warn', found: `${type}, no capture within ${seconds} s`, advice: whyNone(end, seconds) };
}

function whyNone({ heard, skipped, state, reason }: TrialEnd, seconds: number): string {
  const count = [...skipped.values()].reduce((sum, each) => sum + each, 0);
  const pieces = count === 1 ? '1 piece' : `${count} pieces`;
  const reasons = [...skipped].map(([why, times]) => (skipped.size === 1 ? why : `${why} ${times}`)).join(', ');
  if (heard) {
    const without = count === 0 ? '' : `; ${pieces} came that did not count (${reasons})`;
    return `It speaks${without}: a window needs more time, give it with --wait.`;
  }
  if (count > 0) return `${pieces} came, none fits (${reasons}): compare the format and the fields with what is sent.`;
  // What is well and was not heard is only subscribed to.
  if (state === 'ok')
    return `No message within ${seconds} s: is the topic right, does the device publish? If seldom, give it more time with --wait.`;
  return `It is open and says nothing (${reason ?? state}): if it speaks seldom, give it more time with --wait.`;
}

/** Surroundings that remember what the input says of itself, and a corridor that takes one capture. */
class Trial {
  #capture: Capture | null = null;
  #state = 'starting';
  #reason: string | undefined;
  #heard = false;
  readonly #skipped = new Map<string, number>();
  #onChange: () => void = () => {};
  #seq = 0;
  readonly #connections: ManagedConnection[] = [];

  context(stateDir: string, connect: TriedInput['connect']): BroughtContext {
    const surroundings = { clock: new SystemClock(), log: silence, metrics: this.#metrics(), health: this.#health() };
    return {
      ...surroundings,
      boot: 0,
      ledger: { settled: async () => new Map(), close: async () => {} },
      nextSeq: () => ++this.#seq,
      stateDir,
      offerIntake: () => () => {},
      connection: (name) => {
        const connection = connect(name, surroundings);
        this.#connections.push(connection);
        // One that cannot be made says so in health.
        void connection.start().catch(() => {});
        return connection;
      },
    };
  }

  async disconnect(): Promise<void> {
    for (const connection of this.#connections) await connection.stop().catch(() => {});
  }

  /** Never accepts: one is enough. */
  readonly offer = (capture: Capture): Promise<void> => {
    this.#capture ??= capture;
    this.#onChange();
    return new Promise(() => {});
  };

  /** When there is a capture, when it stayed down, or when the time is over. */
  end(waitMs: number): Promise<TrialEnd> {
    return new Promise((resolve) => {
      let downTimer: NodeJS.Timeout | undefined;
      const done = () => {
        clearTimeout(timer);
        clearTimeout(downTimer);
        resolve({ capture: this.#capture, heard: this.#heard, skipped: this.#skipped, state: this.#state, reason: this.#reason });
      };
      const timer = setTimeout(done, waitMs);
      this.#onChange = () => {
        clearTimeout(downTimer);
        if (this.#capture !== null) done();
        // What is only away for a moment is not what is to be told.
        else if (this.#state === 'down') downTimer = setTimeout(done, limits.doctorDownMs);
      };
      this.#onChange();
    });
  }

  #health(): Health {
    return {
      set: (_part, state, reason) => {
        this.#state = state;
        this.#reason = reason;
        this.#onChange();
      },
      progress: (part) => {
        this.#heard ||= part.startsWith('input:');
      },
    };
  }

  #metrics(): Metrics {
    const skip = ({ reason = 'other' }: Readonly<Record<string, string>> = {}, by = 1) => {
      this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + by);
    };
    return { ...uncounted, counter: ({ name }) => ({ inc: name === 'shoal_input_skipped_total' ? skip : () => {} }) };
  }
}

const silence: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silence };
const uncounted: Metrics = {
  counter: () => ({ inc: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
};
