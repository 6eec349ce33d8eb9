/**
 * A stream of bytes as captures: cut into pieces, each looked at, and offered or counted.
 *
 * Guarantees: nothing vanishes uncounted (`shoal_input_skipped_total`); a source of which `limits.streamBadPiecesMax` pieces in a row make no sense
 * is down, with the reason: noise never looks like silence. Deliberately waits for nothing: whoever can hold its source back looks at the
 * feed's room between pieces.
 */
import type { CaptureHeader, StreamPlace } from '../../core/capture.js';
import type { Clock } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import type { LiveFeed, Seen } from '../live/feed.js';
import { windowFeed } from '../window-feed.js';
import { eachSample, planWindow } from '../window-options.js';
import { Windows } from '../windows.js';
import { FixedFramer } from './fixed-framer.js';
import type { Dropped, Framer } from './framer.js';
import { LengthFramer } from './length-framer.js';
import { LineFramer } from './line-framer.js';
import { lineReader, type NotRead } from './line-values.js';
import { readSentence } from './nmea.js';
import { frameBytesOf, type PcmLayout, SlidingBytes, wavOf } from './pcm.js';
import { Places } from './places.js';
import type { StreamOptions } from './stream-options.js';
import { bytesPerPixel, type PixelLayout, tiffOf } from './tiff.js';

/** What a stream holds besides what its options say. */
export interface StreamShape {
  /** With format pcm: windows in bytes. */
  readonly sound?: { readonly layout: PcmLayout; readonly lengthBytes: number; readonly hopBytes: number };
  /** With format pixels. */
  readonly picture?: { readonly width: number; readonly height: number; readonly layout: PixelLayout };
  /** The source is opened in the middle of what it says. */
  readonly midway?: boolean;
  /** What to look at when nothing of it makes sense. */
  readonly check: string;
}

type Bad = NotRead | 'not_text';
/** Null for a piece that was good. */
type Take = (bytes: Buffer, arrivedMs: number, place: StreamPlace | null) => Bad | null;

/** What was cut, and where it lies: null for text and binary pieces, each of which stands for itself. */
export interface Piece {
  readonly bytes: Buffer;
  readonly place: StreamPlace | null;
}

const inWords: Readonly<Record<Bad, string>> = {
  not_text: 'are no text (UTF-8)',
  not_json: 'are no JSON',
  no_number: 'have no number where fields says',
  bad_checksum: 'have no right checksum',
  no_sentence: 'are no NMEA sentences',
  other: 'are others',
};

export class Stream {
  readonly #feed: LiveFeed;
  readonly #clock: Clock;
  readonly #check: string;
  readonly #framer: Framer;
  readonly #places: Places | null;
  readonly #windows: Windows | null;
  readonly #take: Take;
  #badInARow = 0;

  constructor(options: StreamOptions, shape: StreamShape, feed: LiveFeed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
    this.#check = shape.check;
    this.#framer = framerOf(options, shape, (why) => feed.skipped(why));
    this.#places = placesOf(shape, clock);
    const reader = options.fields === undefined ? null : lineReader(options);
    const out = windowFeed(feed, clock, 'arrival', 'window');
    this.#windows = reader === null ? null : new Windows(planWindow(options) ?? eachSample, reader.channels, 'arrival', out);
    this.#take = this.#windows === null || reader === null ? wholeTaker(options, shape, feed) : sampleTaker(this.#windows, reader.read);
  }

  /** The pieces that end within these bytes, each to be taken in its turn. */
  cut(bytes: Uint8Array): Piece[] {
    return this.#framer.push(bytes).map((piece) => ({ bytes: piece, place: this.#places?.next() ?? null }));
  }

  /** Makes of a piece what it is, and offers it. */
  take({ bytes, place }: Piece): void {
    const bad = this.#take(bytes, this.#clock.monoMs(), place);
    if (bad === null || bad === 'other') {
      this.#badInARow = 0;
      this.#feed.heard();
    } else {
      this.#feed.skipped(bad);
      if (++this.#badInARow === limits.streamBadPiecesMax) {
        this.#feed.trouble(`the last ${this.#badInARow} pieces ${inWords[bad]}: ${this.#check}`);
      }
    }
  }

  /** What comes next has nothing to do with what came before. */
  reset(): void {
    this.#framer.reset();
    this.#places?.begin();
    if (this.#windows !== null && this.#windows.end() > 0) this.#feed.skipped('gap');
    this.#badInARow = 0;
  }

  /** See Framer. */
  get lost(): boolean {
    return this.#framer.lost;
  }
}

function framerOf(options: StreamOptions, { sound, picture, midway }: StreamShape, onDrop: (why: Dropped) => void): Framer {
  const maxBytes = options.max_bytes;
  if (sound !== undefined) return new SlidingBytes(sound.lengthBytes, sound.hopBytes, onDrop);
  if (picture !== undefined) return new FixedFramer(picture.width * picture.height * bytesPerPixel[picture.layout], onDrop);
  if (options.format === 'binary') return new LengthFramer({ prefix: options.length_prefix, maxBytes }, onDrop);
  return new LineFramer({ maxBytes, midway: midway ?? false }, onDrop);
}

/** Of sound and pictures, which are a stream. */
function placesOf({ sound, picture }: StreamShape, clock: Clock): Places | null {
  if (picture !== undefined) return new Places({ length: 1, hop: 1 }, clock);
  if (sound === undefined) return null;
  const frameBytes = frameBytesOf(sound.layout);
  return new Places({ length: sound.lengthBytes / frameBytes, hop: sound.hopBytes / frameBytes }, clock);
}

function sampleTaker(windows: Windows, read: (line: string, values: Float64Array) => NotRead | null): Take {
  const values = new Float64Array(windows.channels.length);
  return (piece, arrivedMs) => {
    const bad = read(piece.toString('utf8'), values);
    if (bad === null) windows.push(values, 0, arrivedMs);
    return bad;
  };
}

/** Each piece a capture. */
function wholeTaker(options: StreamOptions, { sound, picture }: StreamShape, feed: LiveFeed): Take {
  const push = (seen: Seen, place: StreamPlace | null = null): null => {
    feed.push(place === null ? seen : { ...seen, stream: place });
    return null;
  };
  if (sound !== undefined) {
    const seconds = sound.lengthBytes / frameBytesOf(sound.layout) / sound.layout.rateHz;
    return (piece, _, place) => push({ name: `${seconds} s of sound`, bytes: wavOf(piece, sound.layout), as: wav }, place);
  }
  if (picture !== undefined) {
    const { width, height, layout } = picture;
    return (piece, _, place) => push({ name: `${width} x ${height} pixels`, bytes: tiffOf(piece, width, height, layout), as: tiff }, place);
  }
  if (options.format === 'binary') return (piece) => push({ name: `${piece.length} bytes`, bytes: piece });
  const as = options.format === 'json' ? json : plain;
  const wrong = textCheck(options);
  return (piece) => {
    let text: string;
    try {
      text = utf8.decode(piece);
    } catch {
      return 'not_text';
    }
    return wrong(text) ?? push({ name: nameOf(text), bytes: piece, as });
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const wav: Pick<CaptureHeader, 'kind' | 'mediaType'> = { kind: 'audio', mediaType: 'audio/wav' };
const tiff: Pick<CaptureHeader, 'kind' | 'mediaType'> = { kind: 'image', mediaType: 'image/tiff' };
const json: Pick<CaptureHeader, 'kind' | 'mediaType'> = { kind: 'text', mediaType: 'application/json' };
const plain: Pick<CaptureHeader, 'kind' | 'mediaType'> = { kind: 'text', mediaType: 'text/plain' };

function textCheck({ format, sentences }: StreamOptions): (text: string) => Bad | null {
  if (format === 'json') {
    return (text) => {
      try {
        JSON.parse(text);
        return null;
      } catch {
        return 'not_json';
      }
    };
  }
  if (format !== 'nmea') return () => null;
  return (text) => {
    const sentence = readSentence(text);
    if ('why' in sentence) return sentence.why === 'no sentence' ? 'no_sentence' : 'bad_checksum';
    return sentences === undefined || sentences.includes(sentence.kind) ? null : 'other';
  };
}

/** Its first words, on one line. */
function nameOf(text: string): string {
  return text.slice(0, 60).replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?');
}
