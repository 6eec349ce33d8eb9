/**
 * What the protocol says in numbers: the size of a PUBLISH before it is sent, and what a reason code asks of us.
 */
import type { PublishOptions } from '../core/contracts.js';

/** 5 for MQTT 5, 4 for 3.1.1: the number on the wire. */
export type Protocol = 5 | 4;

const payloadFormatBytes = 2;

/** Exact bytes of the PUBLISH on the wire, fixed header included: what `Maximum Packet Size` is compared with. */
export function publishBytes(topic: string, payload: Uint8Array, options: PublishOptions, protocol: Protocol): number {
  let rest = 2 + Buffer.byteLength(topic) + (options.qos > 0 ? 2 : 0) + payload.byteLength;
  if (protocol === 5) {
    const properties = propertyBytes(options);
    rest += lengthBytes(properties) + properties;
  }
  return 1 + lengthBytes(rest) + rest;
}

function propertyBytes(options: PublishOptions): number {
  let bytes = options.contentType === undefined ? 0 : payloadFormatBytes + 3 + Buffer.byteLength(options.contentType);
  for (const [key, value] of Object.entries(options.userProperties ?? {})) bytes += 5 + Buffer.byteLength(key) + Buffer.byteLength(value);
  return bytes;
}

/** A variable byte integer takes one byte for each 7 bits. */
function lengthBytes(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Reason codes of MQTT 5 that stay true however often the same message is sent; the others may pass with time. */
const finalCodes: ReadonlySet<number> = new Set([
  0x87, // not authorized
  0x90, // topic name invalid
  0x95, // packet too large
  0x99, // payload format invalid
]);

export function isFinalCode(code: number | null): boolean {
  return code !== null && finalCodes.has(code);
}

export const takenOverCode = 0x8e;
export const retainRefusedCode = 0x9a;

/** CONNACK codes by which a broker says that it does not speak this version. */
export function isVersionRefusal(code: number | null): boolean {
  return code === 0x01 || code === 0x84;
}

/** CONNACK codes that a human must mend: credentials, client id, ban. Same meaning in both versions. */
const humanCodes: ReadonlySet<number> = new Set([0x02, 0x04, 0x05, 0x85, 0x86, 0x87, 0x8a, 0x8c]);

export function needsHuman(code: number | null): boolean {
  return code !== null && humanCodes.has(code);
}
