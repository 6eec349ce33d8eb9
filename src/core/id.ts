/**
 * Ids. A capture's is made once and sorts by time; a result's is derived, so that the same work always has the same name.
 */
import { createHash, randomFillSync } from 'node:crypto';

export const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

/** An id that `captureId` made. */
export const captureIdPattern = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** What may stand before `shoal/` in a topic: nothing, or one or two levels, so that no topic has more than seven. */
export const topicPrefixPattern = /^(?:[A-Za-z0-9_.-]{1,64}(?:\/[A-Za-z0-9_.-]{1,64})?)?$/;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** 26 characters of Crockford's base 32: 48 bits of wall time in ms, then 80 random bits (the ULID layout, in lower case). */
export function captureId(wallMs: number): string {
  const time = Math.max(0, Math.trunc(wallMs));
  let text = '';
  // The time takes ten characters, its first two bits always 0.
  for (let scale = 32 ** 9; scale >= 1; scale /= 32) text += alphabet.charAt(Math.floor(time / scale) % 32);
  const random = nextRandom();
  for (const byte of random) text += alphabet.charAt(byte & 31);
  return text;
}

const pool = new Uint8Array(16 * 256);
let poolAt = pool.length;

/** 16 random bytes, of which five bits each count; fetched many at a time, for a sensor's windows come by the thousand. */
function nextRandom(): Uint8Array {
  if (poolAt >= pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += 16;
  return pool.subarray(poolAt - 16, poolAt);
}

/** Wall time in ms out of a capture id. */
export function timeOfCaptureId(id: string): number {
  let value = 0n;
  for (const character of id.slice(0, 26)) value = (value << 5n) | BigInt(Math.max(0, alphabet.indexOf(character)));
  return Number(value >> 80n);
}

/**
 * 132 bits of SHA-256 over capture id and pipeline, base64url, 22 characters; never of the model (law 2). Begins where the first
 * character is no `-`, so that a command line takes it for what it is.
 */
export function resultId(capture: string, pipeline: string): string {
  return createHash('sha256').update(`${capture}\n${pipeline}`).digest('base64url').replace(/^-+/, '').slice(0, 22);
}

/** An event's, of the capture that began it: a restart finds the same name for the same event. 22 characters, as a result's. */
export function eventId(pipeline: string, input: string, firstCapture: string): string {
  return resultId(`event\n${input}\n${firstCapture}`, pipeline);
}
