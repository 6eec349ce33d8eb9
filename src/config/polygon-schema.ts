/** A polygon on a picture, as a person writes it: zones and masks have the same form. */
import { z } from 'zod';
import { limits } from '../core/limits.js';
import { areaOf } from '../core/zone.js';

const share = () => z.number().min(0).max(1);

export const polygonSchema = () =>
  z
    .array(z.tuple([share(), share()]))
    .min(3)
    .max(limits.zonePointsMax)
    .refine((polygon) => polygon.length < 3 || areaOf(polygon) > 1e-6, 'its points enclose nothing')
    .describe('corners [x, y], in order');
