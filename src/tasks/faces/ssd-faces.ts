/** Faces by a detector of the SSD kind (UltraFace and its like), without points: see objects/ssd.ts for how its outputs are read. */
import { z } from 'zod';
import type { ModelFacts } from '../../core/model.js';
import { floats } from '../../core/tensor.js';
import { ssd, ssdParams } from '../objects/ssd.js';
import { frameOf, pixelFormat } from '../pixels.js';
import { commonParams, type FaceDecoder } from './decoder.js';

export const ssdFacesParams = z.strictObject({ ...ssdParams, ...commonParams, pixels: pixelFormat });

type Params = z.infer<typeof ssdFacesParams>;

/** Throws MODEL_INVALID. */
export function ssdFaces(model: ModelFacts, params: Params): FaceDecoder {
  const frame = frameOf(model, params.pixels);
  const decode = ssd({ model, width: frame.width, height: frame.height, kinds: 1 }, params);
  return {
    frame,
    pointNames: [],
    maxOverlap: params.max_overlap,
    small: params.small,
    decode: (outputs, minScore) => decode((name) => floats(outputs, name), minScore).map(({ score, box }) => ({ score, box, points: [] })),
  };
}
