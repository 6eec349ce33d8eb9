/**
 * A serial line: lines of text, CSV, JSON, NMEA 0183, or binary pieces, from a microcontroller, a receiver, an instrument.
 *
 * Guarantees: the native binding lives in a process of its own for each line (serial/port-main.ts): its crash is a restart. A device that is
 * unplugged is opened again when it is back, with backoff. What was begun when the line was opened does not count: the first line is taken from its
 * beginning on, and a binary stream out of step is taken up after a pause of `resync_ms`. A serial line does not wait: what finds no room is skipped
 * and counted. Deliberately writes nothing to the line.
 */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Input, InputContext, InputKind, Offer } from '../core/contracts.js';
import { Stream } from './framing/stream.js';
import { explainStream, streamFields, textFormats } from './framing/stream-options.js';
import { Child, type ChildPlan } from './live/child.js';
import { LiveFeed } from './live/feed.js';
import { type PortPlan, portEnd } from './serial/port-plan.js';

const serialOptions = z
  .strictObject({
    path: z
      .string()
      .regex(/^\//)
      .max(4096)
      .describe('the device; the name under /dev/serial/by-id/ stays the same when other devices come and go, /dev/ttyUSB0 does not'),
    baud_rate: z.int().min(50).max(4_000_000).default(115_200).describe('bits a second, 50 .. 4000000'),
    data_bits: z
      .union([z.literal(5), z.literal(6), z.literal(7), z.literal(8)])
      .default(8)
      .describe('bits of a character'),
    parity: z.enum(['none', 'even', 'odd']).default('none').describe('parity bit'),
    stop_bits: z
      .union([z.literal(1), z.literal(1.5), z.literal(2)])
      .default(1)
      .describe('stop bits'),
    rtscts: z.boolean().default(false).describe('flow control by the lines RTS and CTS'),
    format: z
      .enum([...textFormats, 'binary'])
      .default('lines')
      .describe('what it says: lines of text, of JSON, CSV or NMEA 0183; binary pieces, each after its length'),
    resync_ms: z
      .int()
      .min(1)
      .max(60_000)
      .default(50)
      .describe('binary: after a length above max_bytes the next piece begins after a pause of so long (1 .. 60000)'),
    ...streamFields,
  })
  .superRefine((options, context) => {
    const mistake = explainStream(options);
    if (mistake !== null) context.addIssue({ code: 'custom', path: mistake.path, message: mistake.message });
  });

type SerialOptions = z.output<typeof serialOptions>;

export const serialInput: InputKind<SerialOptions> = {
  type: 'serial',
  options: serialOptions,
  create: (name, options, context) => new SerialInput(name, options, context),
};

const portMain = fileURLToPath(new URL('./serial/port-main.js', import.meta.url));

class SerialInput implements Input {
  readonly replayable = false;
  readonly whenFull = 'block';
  readonly #options: SerialOptions;
  readonly #context: InputContext;
  readonly #feed: LiveFeed;
  readonly #stream: Stream;
  readonly #child: Child;
  #heardMs = 0;
  #stopped = false;

  constructor(name: string, options: SerialOptions, context: InputContext) {
    this.#options = options;
    this.#context = context;
    const binary = options.format === 'binary';
    this.#feed = new LiveFeed(name, { piece: binary ? 'piece' : 'line', silentMs: options.stale_ms ?? null }, context);
    const check = `check baud_rate (${options.baud_rate}) and format`;
    this.#stream = new Stream(options, { midway: true, check }, this.#feed, context.clock);
    const parts = {
      plan: () => portPlan(options),
      onOutput: (bytes: Buffer) => this.#take(bytes),
      onEnd: (reason: string) => this.#ended(reason),
      explain: explainEnd,
    };
    this.#child = new Child(parts, context);
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
  }

  #take(bytes: Buffer): void {
    const nowMs = this.#context.clock.monoMs();
    const pauseMs = nowMs - this.#heardMs;
    this.#heardMs = nowMs;
    if (this.#stream.lost) {
      if (pauseMs < this.#options.resync_ms) return;
      this.#stream.reset();
    }
    for (const piece of this.#stream.cut(bytes)) this.#stream.take(piece);
  }

  #ended(reason: string): void {
    this.#stream.reset();
    this.#feed.trouble(reason);
  }
}

function portPlan(options: SerialOptions): ChildPlan {
  const { path, baud_rate: baudRate, data_bits: dataBits, parity, stop_bits: stopBits, rtscts } = options;
  const plan: PortPlan = { path, baudRate, dataBits, parity, stopBits, rtscts };
  return {
    command: process.execPath,
    args: [portMain, JSON.stringify(plan)],
    setpriv: ['--no-new-privs'],
  };
}

/** What the process said last; null where it could not even do that. */
function explainEnd(lastWords: string): string | null {
  const at = lastWords.lastIndexOf(portEnd);
  return at < 0 ? null : lastWords.slice(at + portEnd.length).trim();
}
