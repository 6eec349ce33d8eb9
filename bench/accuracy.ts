/**
 * What the bundled models find in real pages, photos and recordings, through the tasks as the daemon runs them.
 *
 * Small sets: a gate against regressions, not a claim about the world.
 */
import { accuracyFaces } from './accuracy-faces.js';
import { accuracyOcr } from './accuracy-ocr.js';
import { accuracyOrientation } from './accuracy-orientation.js';
import { accuracySpeech } from './accuracy-speech.js';
import type { Figure } from './figure.js';

export async function accuracy(): Promise<readonly Figure[]> {
  return [...(await accuracyOcr()), ...(await accuracyOrientation()), ...(await accuracyFaces()), ...(await accuracySpeech())];
}
