/**
 * Any command as an input: what it writes to its standard output, as lines, numbers, sound, pictures or binary pieces.
 *
 * Guarantees: the command is run as it is written, without a shell, with the sandbox of exec/sandbox.ts; it ends with the input, with all that it
 * started in its process group, and is started again with backoff whenever it ends. When the daemon is killed (SIGKILL) only the command itself ends
 * with it: what it started is ended by whoever watches the daemon, as systemd does by its cgroup. While the corridor has no room its output
 * is not read, so that a command which can wait does: nothing is lost between it and us. Does not know whether a command that says nothing is well:
 * `stale_ms` says how long it may.
 */
import { z } from 'zod';
import type { Input, InputContext, InputKind, Offer } from '../core/contracts.js';
import { explainSandbox, sandboxed, sandboxFields } from './exec/sandbox.js';
import { explainShape, shapeFields, shapeOf } from './exec/shape.js';
import { type Piece, Stream } from './framing/stream.js';
import { explainStream, streamFields, textFormats } from './framing/stream-options.js';
import { Child } from './live/child.js';
import { LiveFeed } from './live/feed.js';

const execOptions = z
  .strictObject({
    command: z
      .array(z.string().max(4096))
      .min(1)
      .max(256)
      .describe('the command and its arguments, as in [rtl_433, -F, json]; no shell looks at them'),
    format: z
      .enum([...textFormats, 'binary', 'pcm', 'pixels'])
      .default('lines')
      .describe('what it writes: lines of text, of JSON, CSV or NMEA 0183; binary pieces, each after its length; raw sound; raw pixels'),
    ...sandboxFields,
    ...streamFields,
    ...shapeFields,
  })
  .superRefine((options, context) => {
    const mistake = explainStream(options) ?? explainShape(options) ?? explainSandbox(options);
    if (mistake !== null) context.addIssue({ code: 'custom', path: mistake.path, message: mistake.message });
  });

type ExecOptions = z.output<typeof execOptions>;

export const execInput: InputKind<ExecOptions> = {
  type: 'exec',
  options: execOptions,
  create: (name, options, context) => new ExecInput(name, options, context),
};

class ExecInput implements Input {
  readonly replayable = false;
  readonly whenFull = 'block';
  readonly #feed: LiveFeed;
  readonly #stream: Stream;
  readonly #child: Child;
  #pieces: Piece[] = [];
  #pumping: Promise<void> = Promise.resolve();
  #idle = true;
  #stopped = false;

  constructor(name: string, options: ExecOptions, context: InputContext) {
    const { clock } = context;
    this.#feed = new LiveFeed(name, { piece: pieceOf(options.format), silentMs: options.stale_ms ?? null }, context);
    this.#stream = new Stream(options, shapeOf(options), this.#feed, clock);
    const plan = sandboxed(options);
    this.#child = new Child(
      {
        plan,
        onOutput: (bytes) => this.#take(bytes),
        onStart: () => {
          if (!this.#idle) this.#child.pause();
        },
        onEnd: (reason) => this.#ended(reason.replace(/^prlimit (?=ended|was)/, `${options.command[0]} `)),
        explain: (words) =>
          /^prlimit: failed to execute .*No such file/.test(words) ? `there is no command ${options.command[0]} here` : null,
      },
      context,
    );
  }

  async start(offer: Offer): Promise<void> {
    if (this.#stopped) return;
    this.#feed.start(offer);
    this.#child.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#feed.stop();
    await this.#child.stop();
    await this.#pumping;
  }

  #take(bytes: Buffer): void {
    const wasLost = this.#stream.lost;
    this.#pieces.push(...this.#stream.cut(bytes));
    if (this.#stream.lost && !wasLost) this.#child.restart('it said a length above max_bytes: check length_prefix and max_bytes');
    if (this.#idle && this.#pieces.length > 0) this.#pumping = this.#pump();
  }

  /** Nothing more is read before what was read is taken: at most two arrivals are in memory. */
  async #pump(): Promise<void> {
    this.#idle = false;
    this.#child.pause();
    while (this.#pieces.length > 0) {
      for (const piece of this.#pieces.splice(0)) {
        if (!this.#feed.room) await this.#feed.untilRoom();
        if (this.#stopped) return;
        this.#stream.take(piece);
      }
    }
    this.#idle = true;
    this.#child.resume();
  }

  #ended(reason: string): void {
    this.#stream.reset();
    this.#feed.trouble(reason);
  }
}

function pieceOf(format: ExecOptions['format']): string {
  if (format === 'pixels') return 'picture';
  return format === 'binary' || format === 'pcm' ? 'piece' : 'line';
}
