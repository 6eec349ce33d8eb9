/**
 * What watching an input is: captures shown as they are offered, to somebody on this machine.
 *
 * Guarantees of the form: a frame is a little-endian uint32 with the length of a UTF-8 JSON head, the head, and as many bytes as its `bytes`
 * says. What was missed is counted in every head, so that a reader knows what it has not seen. Nothing read is believed: a head or content
 * beyond `limits` ends the reading.
 */
import type { Capture, CaptureHeader } from './capture.js';
import { ShoalError } from './errors.js';
import { limits } from './limits.js';

interface TapCount {
  /** Captures that were offered since the beginning and are not shown, because the reader was slow. */
  readonly missed: number;
}

export type TapHead =
  | (TapCount & {
      readonly kind: 'capture';
      readonly header: CaptureHeader;
      /** Bytes that follow: all of the content, or 0. */
      readonly bytes: number;
      /** Why the content does not follow: beyond `limits.tapContentBytesMax`, or its file was gone before it was read. */
      readonly left_out?: 'too_large' | 'gone';
    })
  /** Nothing was offered for a while. */
  | (TapCount & { readonly kind: 'alive' })
  | (TapCount & { readonly kind: 'end'; readonly reason: TapEnd });

/** `time`: what was asked for is over. `stopping`: the daemon, or its input, stops. */
export type TapEnd = 'time' | 'stopping';

export interface TapFrame {
  readonly head: TapHead;
  readonly content: Uint8Array;
}

export interface TapReader {
  /** Resolves when there is room for more; rejects when the reader is gone. */
  write(frame: TapFrame): Promise<void>;
  /** After the last frame. */
  end(): void;
}

/** Where captures are watched. */
export interface TapPort {
  /** Inputs there are, in the order of the configuration. */
  readonly names: readonly string[];
  /** Of these parts are hidden before anything is shown (`redact`), so what they offer is not shown as it came. */
  readonly hidden: ReadonlySet<string>;
  /** Answers how to end it early; null when too many watch already. */
  open(input: string, seconds: number, reader: TapReader): (() => void) | null;
}

/** What a tap needs of a capture. */
export type Offered = Pick<Capture, 'header' | 'content'>;

/** The bytes before the content, which the caller owns. */
export function encodeTapHead(head: TapHead): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const bytes = Buffer.allocUnsafe(4 + json.length);
  bytes.writeUInt32LE(json.length, 0);
  json.copy(bytes, 4);
  return bytes;
}

/** Frames of a stream of bytes. Throws DAEMON_UNREACHABLE for what is none; a stream that breaks off ends with its last whole frame. */
export async function* readTapFrames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<TapFrame, void, void> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  let wanted = 4;
  for await (const piece of stream) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < wanted) continue;
    let held = Buffer.concat(pieces);
    let next = nextFrame(held);
    for (; 'head' in next; next = nextFrame(held)) {
      yield next;
      held = held.subarray(next.size);
    }
    wanted = next.wanted;
    pieces.splice(0, pieces.length, held);
    bytes = held.length;
  }
}

/** The first frame and its size, or how many bytes tell more. */
function nextFrame(held: Buffer): (TapFrame & { readonly size: number }) | { readonly wanted: number } {
  if (held.length < 4) return { wanted: 4 };
  const contentAt = 4 + held.readUInt32LE(0);
  if (contentAt > 4 + limits.tapHeadBytesMax) throw noTap();
  if (held.length < contentAt) return { wanted: contentAt };
  const head = parseHead(held.toString('utf8', 4, contentAt));
  const contentBytes = head.kind === 'capture' ? head.bytes : 0;
  if (!(contentBytes >= 0 && contentBytes <= limits.tapContentBytesMax)) throw noTap();
  const size = contentAt + contentBytes;
  return held.length < size ? { wanted: size } : { head, content: held.subarray(contentAt, size), size };
}

/** Both ends are of one version: the shape is the daemon's word. */
function parseHead(json: string): TapHead {
  try {
    const head = JSON.parse(json) as TapHead;
    if (['capture', 'alive', 'end'].includes(head.kind)) return head;
  } catch {
    // Said below.
  }
  throw noTap();
}

function noTap(): ShoalError {
  return new ShoalError('DAEMON_UNREACHABLE', 'what the daemon answered cannot be read: is it of another version than this command?');
}
