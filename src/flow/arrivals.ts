/**
 * What arrives at the schedule, and what of it is dropped before an engine sees it.
 *
 * Guarantees: a drop is a report with its cause, on record for a replayable capture, so that it can be explained; of live ones there may be
 * dozens a second: they are only counted. A place within a rate that was taken for a capture that is dropped after all is given back.
 */
import type { Capture } from '../core/capture.js';
import type { Clock } from '../core/contracts.js';
import type { Queued } from '../core/fair-queue.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { DropCause, Receipt } from '../core/receipt.js';
import type { WaitingRules } from '../core/waiting.js';
import type { Paces } from './paces.js';
import type { Reported, Reporter } from './report.js';
import type { Route } from './router.js';

export interface Waiting extends Queued {
  readonly capture: Capture;
  readonly receipt: Receipt;
  readonly pipelines: readonly PipelineSpec[];
  /** What is said already, of pipelines that do not look at it. */
  readonly said: readonly Reported[];
  /** Its age counts against budgets: of an input that blocks, captures wait in the source as well as here. */
  readonly ages: boolean;
  solo: boolean;
  attempt: number;
  /** The rates of its pipelines have let it through. */
  paced: boolean;
}

type Droppable = Pick<Waiting, 'capture' | 'pipelines' | 'since' | 'attempt'>;

export class Arrivals {
  readonly #clock: Clock;
  readonly #reporter: Reporter;
  readonly #paces: Paces;

  constructor(clock: Clock, reporter: Reporter, paces: Paces) {
    this.#clock = clock;
    this.#reporter = reporter;
    this.#paces = paces;
  }

  arrival(capture: Capture, receipt: Receipt, { pipelines, priority }: Exclude<Route, { unrouted: string }>, rules: WaitingRules): Waiting {
    const since = this.#clock.monoMs();
    const solo = capture.claim?.suspect ?? false;
    const ages = rules.whenFull !== 'block';
    const base = { capture, receipt, input: capture.header.input, priority, since, ages, solo, attempt: solo ? 2 : 1 };
    // What may wait is not dropped for its rate: it waits for its turn.
    if (!ages) return { ...base, pipelines, said: [], paced: false };
    const { taken, beyond } = this.#paces.sift(pipelines, since);
    const said = beyond.length === 0 ? [] : [this.#drop({ capture, pipelines: beyond, since, attempt: 1 }, 'max_rate')];
    return { ...base, priority: Math.min(...taken.map((each) => each.priority), 9), pipelines: taken, said, paced: true };
  }

  /** One that waits is not looked at after all. */
  dropped(waiting: Waiting, cause: 'overtaken' | 'queue_full'): Reported {
    if (waiting.paced) this.#paces.giveBack(waiting.pipelines);
    return this.#drop(waiting, cause);
  }

  #drop({ capture, pipelines, since, attempt }: Droppable, cause: keyof typeof dropReasons): Reported {
    const verdict = { outcome: 'dropped', reason: dropReasons[cause], cause } as const;
    const queueMs = this.#clock.monoMs() - since;
    return keptOf(capture, this.#reporter.unanswered(capture.header, pipelines, verdict, { queueMs, attempt }));
  }
}

/** What is kept of a drop: of a live capture nothing. */
export function keptOf({ claim }: Capture, reported: Reported): Reported {
  return claim === undefined ? { ...reported, results: [] } : reported;
}

const dropReasons = {
  overtaken: 'a newer capture of its input came while it waited (when_full: keep_latest)',
  queue_full: 'as many of its input waited already as may (when_full: drop_newest)',
  max_rate: "it came sooner than the pipeline's max_rate_hz takes one",
} as const satisfies Partial<Record<DropCause, string>>;
