/** What a folder tells the operator: metrics, health, and a log that folds what repeats. */
import type { InputContext } from '../../core/contracts.js';
import type { Ending } from './closer.js';
import { folderTrouble } from './errno.js';
import type { Refusal } from './look.js';
import type { Kept } from './places.js';

/** The same kind of refusal or failure is logged once in this time, with the count of the others. */
const foldMs = 600_000;

type Source = 'folder' | 'taking' | 'closing';

export class Telling {
  readonly #input: string;
  readonly #path: string;
  readonly #context: InputContext;
  readonly #troubles = new Map<Source, string>();
  readonly #folded = new Map<Refusal | Ending, { at: number; more: number }>();
  readonly #claimed;
  readonly #settled;
  readonly #refused;
  readonly #evicted;
  readonly #waiting;
  readonly #age;
  #said = '';

  constructor(input: string, path: string, context: InputContext) {
    this.#input = input;
    this.#path = path;
    this.#context = context;
    const { metrics } = context;
    const labels = ['input'];
    this.#claimed = metrics.counter({ name: 'shoal_input_captures_claimed_total', help: 'Captures an input has claimed.', labels });
    this.#settled = metrics.counter({
      name: 'shoal_input_captures_settled_total',
      help: 'Claims that ended: done, failed, changed (written to after the claim), gone (file vanished), returned (to be offered again).',
      labels: ['input', 'result'],
    });
    this.#refused = metrics.counter({
      name: 'shoal_input_refused_total',
      help: 'Entries that never became a capture.',
      labels: ['input', 'reason'],
    });
    this.#evicted = metrics.counter({
      name: 'shoal_input_kept_files_deleted_total',
      help: 'Files deleted from done/ or failed/ to keep within hours, bytes and number.',
      labels: ['input', 'folder'],
    });
    this.#waiting = metrics.gauge({
      name: 'shoal_input_waiting_files',
      help: 'Files seen in the folder and not claimed yet, at least.',
      labels,
    });
    this.#age = metrics.gauge({
      name: 'shoal_input_waiting_age_seconds',
      help: 'Age of the oldest file that waits; 0 when none does.',
      labels,
    });
  }

  starting(): void {
    this.#context.health.set(this.#part, 'starting');
  }

  stopped(): void {
    this.#context.health.set(this.#part, 'down', 'stopped');
  }

  progress(): void {
    this.#context.health.progress(this.#part);
  }

  claimed(count: number): void {
    this.#claimed.inc({ input: this.#input }, count);
  }

  ended(name: string, ending: Ending): void {
    this.#settled.inc({ input: this.#input, result: ending });
    if (ending === 'failed') this.#warn(ending, name, `${name} could not be worked on: moved to failed/ with the reason beside it`);
    if (ending === 'changed')
      this.#warn(ending, name, `${name} was written to after it was taken: kept in failed/ with the reason beside it`);
  }

  waiting(count: number, oldestMs: number): void {
    this.#waiting.set(count, { input: this.#input });
    const age = Number.isFinite(oldestMs) && count > 0 ? Math.max(0, this.#context.clock.wallMs() - oldestMs) / 1000 : 0;
    this.#age.set(age, { input: this.#input });
  }

  evicted(place: Kept, files: number): void {
    this.#evicted.inc({ input: this.#input, folder: place }, files);
  }

  refused(name: string, refusal: Refusal): void {
    this.#refused.inc({ input: this.#input, reason: refusal });
    const done = refusal === 'directory' ? 'subfolders are not looked into' : 'moved to failed/ with the reason beside it';
    this.#warn(refusal, name, `refused ${name} (${refusal}): ${done}`);
  }

  #warn(kind: Refusal | Ending, name: string, message: string): void {
    const now = this.#context.clock.monoMs();
    const folded = this.#folded.get(kind);
    if (folded !== undefined && now - folded.at < foldMs) {
      folded.more++;
      return;
    }
    this.#folded.set(kind, { at: now, more: 0 });
    this.#context.log.warn({ name, kind, more_before: folded?.more ?? 0 }, message);
  }

  /** Null: this source of trouble is well again. Logs and sets health on change only. */
  trouble(source: Source, error: unknown): void {
    if (error === null) this.#troubles.delete(source);
    else this.#troubles.set(source, folderTrouble(this.#path, error));
    const said = [...this.#troubles.values()].join('; ');
    if (said === this.#said) return;
    if (said === '') this.#context.log.info({}, `${this.#path} is watched again`);
    else this.#context.log.warn({}, `${said}; trying again`);
    this.#said = said;
    this.say();
  }

  say(): void {
    if (this.#said === '') this.#context.health.set(this.#part, 'ok');
    else this.#context.health.set(this.#part, 'degraded', this.#said);
  }

  get #part(): string {
    return `input:${this.#input}`;
  }
}
