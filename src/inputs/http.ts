/**
 * Captures that callers bring by HTTP: a body is spooled, answered for, and then taken as a file of a watched folder is.
 *
 * Guarantees: durable before it is answered (http/spool.ts), settled after the commit (folder/taker.ts): what was answered with an id is looked
 * at, and looked at under that id. Nothing is answered for, and nothing is left, of an upload that was torn, too large or did not fit. The spool
 * is bounded in captures and bytes and leaves the disk its reserve. Does not: listen, know of status codes, or check who calls (the http room
 * does, by the token lent to it); look at the body (what it is, its first bytes tell, as those of a file).
 */
import { join } from 'node:path';
import type { BroughtContext, Input, InputKind, Offer } from '../core/contracts.js';
import type { Brought, Intake, IntakeAnswer } from '../core/intake.js';
import type { Secret } from '../core/secret.js';
import { folderTrouble } from './folder/errno.js';
import { Places } from './folder/places.js';
import { Taker } from './folder/taker.js';
import { Arrivals } from './http/arrivals.js';
import { type HttpInputOptions, httpInputOptions } from './http/options.js';
import { Refused, untilTorn } from './http/refused.js';
import { Room } from './http/room.js';
import { type Incoming, isFull, Spool } from './http/spool.js';

export const httpInput: InputKind<HttpInputOptions, BroughtContext> = {
  type: 'http',
  options: httpInputOptions,
  byHttp: true,
  create: (name, options, context) => new HttpInput(name, options, context),
};

/** The folder machinery looks again after this, though it is told of each arrival. */
const rescanMs = 3000;

class HttpInput implements Input, Intake {
  readonly replayable = true;
  readonly whenFull = 'block';
  readonly token: Secret | null;
  readonly #name: string;
  readonly #options: HttpInputOptions;
  readonly #context: BroughtContext;
  readonly #path: string;
  readonly #taker: Taker;
  readonly #spool: Spool;
  readonly #room: Room;
  readonly #answers;
  /** Keys of uploads under way. */
  readonly #busy = new Set<string>();
  #opened: Promise<void> | null = null;
  #withdraw: (() => void) | null = null;
  #stopping = false;

  constructor(name: string, options: HttpInputOptions, context: BroughtContext) {
    this.#name = name;
    this.#options = options;
    this.#context = context;
    this.token = options.token ?? null;
    this.#path = options.path ?? join(context.stateDir, 'spool', name);
    const places = new Places(this.#path);
    const arrivals = new Arrivals(places, (id) => this.#taker.holds(id));
    const folder = { ...options, path: this.#path, settle_ms: 0, rescan_ms: rescanMs };
    this.#taker = new Taker(name, places, arrivals, folder, context, (id) => {
      arrivals.remove(id);
      this.#room.tell();
    });
    this.#spool = new Spool(places, arrivals, options.key_hours, context);
    this.#room = new Room(name, arrivals, options, () => this.#spool.freeBytes(), context.metrics);
    this.#answers = context.metrics.counter({
      name: 'shoal_input_brought_total',
      help: 'Bodies that callers brought: taken, repeated (an idempotency key that was known), or why not.',
      labels: ['input', 'answer'],
    });
  }

  /** Resolves when the spool is open and callers are taken from, or when it could not be opened: then each caller tries again. */
  async start(offer: Offer): Promise<void> {
    if (this.#stopping || this.#withdraw !== null) return;
    this.#withdraw = this.#context.offerIntake(this);
    await this.#open().catch(() => undefined);
    await this.#taker.start(offer);
  }

  /** Callers whose bodies are under way are refused when the next piece of them comes. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#withdraw?.();
    await this.#taker.stop();
  }

  async take(brought: Brought): Promise<IntakeAnswer> {
    const answer = await this.#take(brought).catch((error: unknown) => this.#refused(error));
    this.#answers.inc({ input: this.#name, answer: answer.kind === 'refused' ? answer.refusal : answer.kind });
    this.#room.tell();
    return answer;
  }

  async #take(brought: Brought): Promise<IntakeAnswer> {
    const { key } = brought;
    if (this.#stopping) throw new Refused('unavailable', 'the daemon is stopping');
    await this.#open();
    if (key === null) return this.#receive(brought);
    if (this.#busy.has(key)) throw new Refused('in_progress', 'another upload with this Idempotency-Key is under way');
    const known = this.#spool.keys.find(key);
    if (known !== null) return { kind: 'repeated', capture: known };
    this.#busy.add(key);
    return await this.#receive(brought).finally(() => this.#busy.delete(key));
  }

  async #receive({ name, key, bytes: announced, body }: Brought): Promise<IntakeAnswer> {
    this.#bound(announced ?? 0);
    const share = await this.#room.reserve(announced ?? 0);
    let incoming: Incoming | null = null;
    try {
      incoming = await this.#spool.begin();
      let bytes = 0;
      for await (const piece of untilTorn(body)) {
        bytes += piece.length;
        if (this.#stopping) throw new Refused('unavailable', 'the daemon is stopping');
        this.#bound(bytes);
        await share.grow(bytes);
        await incoming.write(piece);
      }
      if (bytes === 0) throw new Refused('empty', 'the body is empty: send the bytes of one capture');
      await incoming.store(name, key);
      this.#taker.wake();
      return { kind: 'taken', capture: incoming.id, bytes };
    } finally {
      await incoming?.discard();
      share.release();
    }
  }

  #bound(bytes: number): void {
    const { max_bytes: most } = this.#options;
    if (bytes > most) throw new Refused('too_large', `the body has more than ${most} bytes, which is max_bytes of this input`);
  }

  /** Once; anew after it failed. */
  #open(): Promise<void> {
    this.#opened ??= this.#spool.open().catch((error: unknown) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  #refused(error: unknown): IntakeAnswer {
    if (error instanceof Refused) return { kind: 'refused', refusal: error.refusal, reason: error.message };
    if (isFull(error)) return { kind: 'refused', refusal: 'no_space', reason: 'the disk of the spool is full' };
    // Its folders may have gone with their disk, and come back with it.
    this.#opened = null;
    const reason = folderTrouble(this.#path, error);
    this.#context.log.warn({ reason }, 'a capture could not be spooled; its caller was told to try again');
    return { kind: 'refused', refusal: 'unavailable', reason: 'the spool cannot be written to now' };
  }
}
