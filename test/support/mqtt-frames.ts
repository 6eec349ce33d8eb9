/**
 * Just enough of the MQTT wire format to watch a conversation: cuts a byte stream into packets and reads CONNECT, PUBLISH and PUBACK.
 */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  /** The packet as it was on the wire. */
  readonly raw: Buffer;
}

export const packetType = { connect: 1, connack: 2, publish: 3, puback: 4, pingreq: 12, disconnect: 14 } as const;

/** Feed it bytes, take whole packets. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const length = this.#rest.length < 2 ? null : readVarint(this.#rest, 1);
      if (length === null || this.#rest.length < length.next + length.value) return frames;
      const raw = this.#rest.subarray(0, length.next + length.value);
      const first = raw[0] ?? 0;
      frames.push({ type: first >> 4, flags: first & 15, body: raw.subarray(length.next), raw });
      this.#rest = this.#rest.subarray(raw.length);
    }
  }
}

export function readConnectLevel(frame: Frame): number {
  return frame.body[2 + frame.body.readUInt16BE(0)] ?? 0;
}

export interface PublishFrame {
  readonly topic: string;
  readonly packetId: number | null;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
}

export function readPublish(frame: Frame, level: number): PublishFrame {
  const qos = (frame.flags >> 1) & 3;
  let at = 2 + frame.body.readUInt16BE(0);
  const topic = frame.body.subarray(2, at).toString();
  const packetId = qos === 0 ? null : frame.body.readUInt16BE(at);
  if (qos > 0) at += 2;
  if (level === 5) {
    const properties = readVarint(frame.body, at) ?? { value: 0, next: at };
    at = properties.next + properties.value;
  }
  return {
    topic,
    packetId,
    payload: Buffer.from(frame.body.subarray(at)),
    qos,
    retain: (frame.flags & 1) === 1,
    dup: (frame.flags & 8) === 8,
  };
}

/** In 3.1.1, and where a broker leaves it out, the reason is 0. */
export function readPuback(frame: Frame): { readonly packetId: number; readonly reasonCode: number } {
  return { packetId: frame.body.readUInt16BE(0), reasonCode: frame.body[2] ?? 0 };
}

function readVarint(bytes: Buffer, at: number): { readonly value: number; readonly next: number } | null {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    value += (byte & 127) * 128 ** i;
    if (byte < 128) return { value, next: at + i + 1 };
  }
  throw new Error('malformed length in an MQTT packet');
}
