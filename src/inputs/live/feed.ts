/**
 * The corridor's end of a live input: headers, offers, counters, and what health is told of the source.
 *
 * Guarantees: captures of one feed are offered in the order in which they were seen, at most `limits.liveOffersMax` of them unaccepted at once;
 * what comes on top, and whatever the input gives up before it is a capture, is counted with its reason; a source that says nothing for longer
 * than `silentMs` is `down` with that reason, so that silence never looks like "nothing there". A change of health is logged once.
 * Deliberately keeps no capture: what came from a live source is gone when it was not taken (law of the design: lossy, and counted).
 */
import type { CaptureHeader, StreamPlace } from '../../core/capture.js';
import type { InputContext, Offer } from '../../core/contracts.js';
import { captureId } from '../../core/id.js';
import { limits } from '../../core/limits.js';
import { Receipt, type Settlement } from '../../core/receipt.js';
import { sniff } from '../../core/sniff.js';

export interface FeedOptions {
  /** What one piece is called: `frame`, `window`, `line`. */
  readonly piece: string;
  /** Longest silence that is no trouble; null for a source that may say nothing for days. */
  readonly silentMs: number | null;
  /** The source was silent for so long, and is again each time it has been silent for so long once more. */
  readonly onSilent?: (reason: string) => void;
}

export interface Seen {
  /** For a person, at most 255 characters without control characters. */
  readonly name: string;
  /** Encoded; the feed owns them from here. */
  readonly bytes: Uint8Array;
  /** Where the input knows better than the first bytes say. */
  readonly as?: Pick<CaptureHeader, 'kind' | 'mediaType'>;
  readonly source?: string;
  readonly retained?: boolean;
  /** Where it lies in the stream it was cut from; what is skipped counts, so that it shows as a gap. */
  readonly stream?: StreamPlace;
  /** When the last of it was taken, by our own clock; now where it is not given. */
  readonly monoMs?: number;
  /** When it was taken by the source's own clock, ms since 1970. */
  readonly deviceMs?: number;
  readonly onSettled?: (settlement: Settlement) => void;
}

export class LiveFeed {
  readonly #input: string;
  readonly #options: FeedOptions;
  readonly #context: InputContext;
  readonly #captures;
  readonly #skipped;
  #offer: Offer | null = null;
  #underway = 0;
  /** What health was last told: a trouble, null for well; undefined while there was nothing to tell. */
  #said: string | null | undefined;
  #heardMs = 0;
  /** Until when silence is no trouble: it was told just now, or the source is being opened. */
  #patientMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #onRoom: (() => void)[] = [];

  constructor(input: string, options: FeedOptions, context: InputContext) {
    this.#input = input;
    this.#options = options;
    this.#context = context;
    const { metrics } = context;
    this.#captures = metrics.counter({
      name: 'shoal_input_captures_claimed_total',
      help: 'Captures an input has claimed.',
      labels: ['input'],
    });
    this.#skipped = metrics.counter({
      name: 'shoal_input_skipped_total',
      help: 'Pieces of a live source that never became a capture, by reason.',
      labels: ['input', 'reason'],
    });
  }

  start(offer: Offer): void {
    this.#offer = offer;
    this.#heardMs = this.#context.clock.monoMs();
    this.#context.health.set(this.#part, 'starting', `no ${this.#options.piece} yet`);
    if (this.#options.silentMs !== null) {
      this.#timer = setInterval(() => this.#look(this.#options.silentMs ?? 0), Math.min(limits.liveLookMs, this.#options.silentMs));
    }
  }

  /** What is on its way may still settle; nothing more is offered. */
  stop(): void {
    if (this.#offer === null) return;
    this.#offer = null;
    clearInterval(this.#timer);
    this.#context.health.set(this.#part, 'down', 'stopped');
    this.#wake();
  }

  /** The source spoke: it is well, whatever becomes of what it said. */
  heard(): void {
    this.seen();
    this.#patientMs = 0;
    this.#context.health.progress(this.#part);
    this.#say(null);
  }

  /** The source spoke, but cannot be believed or used: it is not silent, and no better for that. */
  seen(): void {
    this.#heardMs = this.#context.clock.monoMs();
  }

  /** The source is being opened: it may be silent for `limits.liveOpenMs` from now. */
  opened(): void {
    this.#patientMs = this.#context.clock.monoMs() + limits.liveOpenMs;
  }

  /** The source can be heard now, though it has said nothing yet. */
  reached(): void {
    this.#heardMs = this.#context.clock.monoMs();
    this.#patientMs = 0;
    this.#say(null);
  }

  /** The source cannot be used, or not be believed; `reason` says why and what to do. Until it is heard again. */
  trouble(reason: string): void {
    this.#say(reason);
  }

  skipped(reason: string, count = 1): void {
    if (count > 0) this.#skipped.inc({ input: this.#input, reason }, count);
  }

  /** Whether one more would be offered now. */
  get room(): boolean {
    return this.#offer !== null && this.#underway < limits.liveOffersMax;
  }

  /** Resolves when there is room, or when the feed has stopped: for a source that can be told to wait. */
  async untilRoom(): Promise<void> {
    while (this.#offer !== null && !this.room) await new Promise<void>((resolve) => this.#onRoom.push(resolve));
  }

  /** Makes a capture of it and offers it; false where there was no room, counted as `busy`. */
  push(seen: Seen): boolean {
    const offer = this.#offer;
    if (offer === null || !this.room) {
      if (offer !== null) this.skipped('busy');
      seen.onSettled?.({ kind: 'returned', reason: 'not accepted' });
      return false;
    }
    this.#underway++;
    this.#captures.inc({ input: this.#input });
    const receipt = new Receipt(seen.onSettled ?? (() => {}));
    const capture = { header: this.#header(seen), content: { bytes: seen.bytes } };
    // A rejection means that the daemon stops: a live capture is then as lost as the ones after it.
    offer(capture, receipt)
      .catch(() => this.skipped('stopping'))
      .finally(() => {
        this.#underway--;
        this.#wake();
      });
    return true;
  }

  #header({ name, bytes, as, source, retained, stream, monoMs, deviceMs }: Seen): CaptureHeader {
    const { clock, boot } = this.#context;
    const nowMs = clock.monoMs();
    const wallMs = deviceMs ?? clock.wallMs() - (nowMs - (monoMs ?? nowMs));
    const { kind, mediaType } = as ?? sniff(bytes.subarray(0, limits.sniffBytes));
    return {
      id: captureId(clock.wallMs()),
      input: this.#input,
      name,
      kind,
      mediaType,
      bytes: bytes.byteLength,
      ...(source === undefined ? {} : { source }),
      ...(retained === true ? { retained } : {}),
      ...(stream === undefined ? {} : { stream }),
      capturedAt: new Date(wallMs).toISOString(),
      clockSynced: clock.synced(),
      boot,
      seq: this.#context.nextSeq(),
      monoMs: monoMs ?? nowMs,
    };
  }

  #look(silentMs: number): void {
    const nowMs = this.#context.clock.monoMs();
    // A source that waits for us says nothing: its silence counts from when there is room again.
    if (!this.room) this.#heardMs = nowMs;
    if (nowMs - this.#heardMs < silentMs || nowMs < this.#patientMs) return;
    this.#patientMs = nowMs + silentMs;
    const { piece, onSilent } = this.#options;
    const reason = `no ${piece} for ${duration(silentMs)}`;
    // A trouble that was named says more than the silence that follows from it.
    if (typeof this.#said !== 'string') this.#say(reason);
    onSilent?.(reason);
  }

  #say(trouble: string | null): void {
    if (this.#offer === null || trouble === this.#said) return;
    if (trouble !== null) this.#context.log.warn({ input: this.#input }, `${trouble}; trying again`);
    else if (this.#said !== undefined) this.#context.log.info({ input: this.#input }, `the ${this.#options.piece}s come again`);
    this.#said = trouble;
    if (trouble === null) this.#context.health.set(this.#part, 'ok');
    else this.#context.health.set(this.#part, 'down', trouble);
  }

  #wake(): void {
    for (const go of this.#onRoom.splice(0)) go();
  }

  get #part(): string {
    return `input:${this.#input}`;
  }
}

/** For a person: seconds, or milliseconds below one. */
function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`;
}
