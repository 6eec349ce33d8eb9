/**
 * Detectors whose boxes are whole in the output: middle and size in pixels of the input. YOLOv5 to v11 and their like as they are
 * exported; `objectness: true` for those up to v7, whose rows hold one.
 */
import { z } from 'zod';
import { around } from '../../core/rectangle.js';
import type { Decode, Head } from './decoder.js';
import { decodeRows, rowsOf } from './rows.js';

export const anchorFreeParams = { decoder: z.literal('anchor-free'), objectness: z.boolean() };

export function anchorFree(head: Head, { objectness }: { readonly objectness: boolean }): Decode {
  const { width, height, kinds } = head;
  return decodeRows(rowsOf(head, objectness), kinds, objectness, (x, y, w, h) => around(x / width, y / height, w / width, h / height));
}
