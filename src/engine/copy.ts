/**
 * A copy of a capture that may be kept or shown: made where pictures are decoded, so that nothing unredacted ever leaves the engine.
 *
 * Guarantees: a picture is decoded with its masks, its faces are hidden where that was asked for, it is reduced and encoded anew, so no
 * metadata of the original is in it. It fails closed: a picture that cannot be looked at for faces, or in which the model still finds one
 * after `limits.redactRoundsMax` rounds, gives no copy. A face that the model does not find is not hidden: the docs say so.
 */
import { reasonOf, ShoalError } from '../core/errors.js';
import type { EngineAnswer, EngineJob } from '../core/job.js';
import type { Copy, CopyWish } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { ModelChoice } from '../core/pipeline.js';
import type { Box } from '../core/result.js';
import type { ImagePort, Pixels } from '../core/task.js';
import type { Decoding } from './decoding.js';
import { nothingOpened } from './open-form.js';
import { faceArea, obscure } from './redact.js';
import { runStage, type StageTools } from './stage.js';

/** Below what a pipeline takes for a face by itself: what may be one is hidden. */
const minScore = 0.4;
/** Averages left of a face, each way, by round; then one colour. */
const cellsOfRound = [4, 2];

/** Never throws: why there is no copy is in the answer. */
export async function copyCapture(
  { header, copy: wish }: Pick<EngineJob, 'header' | 'copy'>,
  decoding: Decoding,
  tools: StageTools,
): Promise<Pick<EngineAnswer, 'copy' | 'notCopied'>> {
  if (wish === undefined) return {};
  try {
    return { copy: header.kind === 'image' ? await pictureOf(decoding, wish, tools) : await bytesOf(header.mediaType, decoding, wish) };
  } catch (error) {
    const code = error instanceof ShoalError ? error.code : 'SHOAL_INTERNAL';
    return { notCopied: { code, message: reasonOf(error).slice(0, limits.textCharsMax) } };
  }
}

async function bytesOf(mediaType: string, { raw: { file } }: Decoding, { picturesOnly }: CopyWish): Promise<Copy> {
  if (picturesOnly) throw new ShoalError('CAPTURE_UNSUPPORTED', `it is ${mediaType}, and what cannot be redacted is not kept`);
  const length = file?.bytes ?? 0;
  if (length > limits.copyBytesMax) {
    throw new ShoalError('CAPTURE_TOO_LARGE', `it has ${length} bytes, a copy at most ${limits.copyBytesMax}`);
  }
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < length; at += limits.fileRangeBytesMax) {
    pieces.push((await file?.read(at, Math.min(limits.fileRangeBytesMax, length - at))) ?? new Uint8Array());
  }
  return { bytes: new Uint8Array(Buffer.concat(pieces)), mediaType, faces: 0 };
}

async function pictureOf(decoding: Decoding, { faces }: CopyWish, tools: StageTools): Promise<Copy> {
  const { encodeJpeg, imageOf } = await import('./image.js');
  const { image } = await decoding.decoded();
  if (image === null) throw new ShoalError('CAPTURE_UNSUPPORTED', 'no engine decodes such a picture');
  const scale = Math.min(1, limits.pictureSideMax / Math.max(image.width, image.height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  // Its own pixels: those of the capture are shared.
  const resized = await image.resize(side(image.width), side(image.height));
  const pixels = { ...resized, data: new Uint8Array(resized.data) };
  const hidden = faces === null ? 0 : await hideFaces(image, pixels, imageOf, (shown) => facesIn(shown, faces, tools));
  return { bytes: await encodeJpeg(pixels, limits.pictureBytesMax), mediaType: 'image/jpeg', faces: hidden };
}

/** Hides in `pixels` what is found in the picture at full size, and then what is still found in what is left. */
async function hideFaces(
  image: ImagePort,
  pixels: Pixels,
  imageOf: (pixels: Pixels) => ImagePort,
  find: (image: ImagePort) => Promise<readonly Box[]>,
): Promise<number> {
  let boxes = await find(image);
  const first = boxes.length;
  for (let round = 0; round < limits.redactRoundsMax; round++) {
    const cells = cellsOfRound[round] ?? 1;
    for (const box of boxes) obscure(pixels, faceArea(box, pixels), cells);
    boxes = await find(imageOf(pixels));
    if (boxes.length === 0) return first;
  }
  throw new ShoalError('INFERENCE', `a face is still found after it was hidden ${limits.redactRoundsMax} times`);
}

async function facesIn(image: ImagePort, { model, variant }: ModelChoice, tools: StageTools): Promise<readonly Box[]> {
  const options = { min_score: minScore, tiles: 'auto', max_runs: limits.tileRunsMax };
  const stage = { as: 'redact', task: 'detect-faces', model, variant, options };
  const { observations, trace, error } = await runStage(stage, { ...nothingOpened, image, file: null }, null, tools);
  if (error !== undefined) throw error;
  const boxes = observations.flatMap(({ box }) => box ?? []);
  if (trace.state === 'ran' && boxes.length === trace.found) return boxes;
  throw new ShoalError('INFERENCE', `of ${trace.found} faces only ${boxes.length} have a place`);
}
