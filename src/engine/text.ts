/**
 * Texts as tasks get them: UTF-8, bounded. Damaged bytes become replacement characters, since a text with one of them is still a text.
 */
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

/** Without a byte order mark. Throws CAPTURE_TOO_LARGE. */
export function openText(bytes: Uint8Array): string {
  if (bytes.length > limits.textBytesMax) {
    throw new ShoalError('CAPTURE_TOO_LARGE', `the text has ${bytes.length} bytes, at most ${limits.textBytesMax} are looked at`);
  }
  return new TextDecoder().decode(bytes);
}
