/**
 * Cards for detectors nobody described: the family by the shapes of the outputs, the pre-processing as that family's exporters have it.
 *
 * Sources: the export code and demos of YOLOv5 to v11 (ultralytics), YOLOX (demo_utils.py), SSD of torchvision and of the TensorFlow
 * object detection API. What cannot be told from tensors is a remark.
 */
import type { CardDraft, ForeignModel } from '../../core/card-draft.js';
import type { TensorSpec } from '../../core/tensor.js';
import { numbered, type PictureInput, pictureInput } from '../drafting.js';

const strides = [8, 16, 32];
/** Of a YOLO before v8, boxes a cell. */
const anchorsPerCell = 3;
const common = { min_score: 0.3, max_overlap: 0.45 };

export function draftDetector(model: ForeignModel): CardDraft[] {
  const picture = pictureInput(model);
  if (picture === null) return [];
  const [map, ...more] = model.outputs.filter(({ shape }) => shape.length === 4);
  if (map !== undefined && more.length === 0) return [oneGrid(map, picture)];
  const rows = model.outputs.filter(({ shape }) => shape.length === 3);
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) return oneOutput(only, picture, model);
  // More of them are the scales of a detector whose boxes have still to be decoded, each its own way: two picked from them would be wrong.
  return rows.length === 2 && model.outputs.length === 2 ? twoOutputs(rows, picture, model) : [];
}

function oneOutput(output: TensorSpec, picture: PictureInput, { labels }: ForeignModel): CardDraft[] {
  const [, first = 0, second = 0] = output.shape.map(Number);
  const [boxes, values] = first > second ? [first, second] : [second, first];
  const cells = strides.reduce((sum, stride) => sum + Math.ceil(picture.width / stride) * Math.ceil(picture.height / stride), 0);
  const found = `its output "${output.name}" has ${boxes} rows of ${values} values`;
  const make = (params: Record<string, unknown>, others: number, ...remarks: string[]): CardDraft => ({
    params: { ...params, ...common },
    labels: numbered(Math.max(0, values - others)),
    outputs: [output],
    remarks: [...remarks, ...scoreRemarks],
  });
  const yolo = { fit: 'letterbox', align: 'centre', pixels: { ...pixelsOf(picture, 'rgb'), ...unitScale(picture), pad: 114 } };
  const yolox = { fit: 'letterbox', align: 'start', pixels: { ...pixelsOf(picture, 'bgr'), ...picture.known?.pixels, pad: 114 } };
  const v8 = make(
    { decoder: 'anchor-free', objectness: false, ...yolo },
    4,
    `${found}, one a cell and no objectness: a YOLOv8 or later, boxes in pixels`,
    ...yoloRemarks(picture),
  );
  const v5 = make(
    { decoder: 'anchor-free', objectness: true, ...yolo },
    5,
    `${found}${boxes === anchorsPerCell * cells ? ', three a cell' : ''}: a YOLOv5 to v7, boxes in pixels and an objectness`,
    ...yoloRemarks(picture),
  );
  const x = make(
    { decoder: 'grid', strides, decoded: false, ...yolox },
    5,
    `${found}, one a cell of strides ${strides.join(', ')} with an objectness: a YOLOX, boxes not decoded`,
    'the picture at the top left on grey 114, channels B, G, R from 0 to 255, as YOLOX has it since 0.1.1',
  );
  const across = first < second;
  const order = across ? [v8, v5] : boxes === cells ? [x, v8, v5] : [v5, v8];
  // With labels the number of values decides; without, the layout must.
  return labels.length > 0 ? order : order.slice(0, 1);
}

/** FastestDet's head: a grid with all values of a cell, objectness first. */
function oneGrid(output: TensorSpec, picture: PictureInput): CardDraft {
  const [, values = 0, rows = 0, columns = 0] = output.shape.map(Number);
  return {
    params: { decoder: 'fastestdet', fit: 'stretch', pixels: { ...pixelsOf(picture, 'bgr'), ...unitScale(picture) }, ...common },
    labels: numbered(Math.max(0, values - 5)),
    outputs: [output],
    remarks: [
      `its output "${output.name}" is one grid of ${rows} x ${columns} cells of ${values} values: a FastestDet`,
      'the picture stretched, B, G, R from 0 to 1 (pixels), as that family has it',
      ...scoreRemarks,
    ],
  };
}

function twoOutputs(rows: readonly TensorSpec[], picture: PictureInput, { labels }: ForeignModel): CardDraft[] {
  const boxes = rows.find(({ shape }) => shape[2] === 4);
  const scores = rows.find(({ shape }) => shape[2] !== 4 && shape[1] === boxes?.shape[1]);
  if (boxes === undefined || scores === undefined) return [];
  const columns = Number(scores.shape[2]);
  const make = (background: boolean): CardDraft => ({
    params: {
      decoder: 'ssd',
      boxes: boxes.name,
      scores: scores.name,
      background,
      fit: 'stretch',
      pixels: { ...pixelsOf(picture, 'rgb'), ...unitScale(picture) },
      ...common,
    },
    labels: numbered(Math.max(1, columns - (background ? 1 : 0))),
    outputs: [boxes, scores],
    remarks: [
      `boxes and scores are two outputs: an SSD, ${background ? 'the first score that of the background' : 'without a background'}`,
      'its boxes are taken for corners in shares of the picture, already decoded; an SSD with priors needs "priors" in the card',
      ...pixelRemarks(picture),
      ...scoreRemarks,
    ],
  });
  return labels.length === columns ? [make(false)] : [make(true), make(false)];
}

function pixelsOf({ layout, channels }: PictureInput, order: 'rgb' | 'bgr'): Record<string, unknown> {
  return { layout, channels: channels === 1 ? 'grey' : order };
}

function unitScale({ known }: PictureInput): Readonly<Record<string, unknown>> {
  return known?.pixels ?? { scale: 1 / 255 };
}

function yoloRemarks(picture: PictureInput): string[] {
  return ['the picture in the middle on grey 114, as that family has it', ...pixelRemarks(picture)];
}

function pixelRemarks({ channels, known }: PictureInput): string[] {
  const order = channels === 1 ? 'grey' : 'R, G, B';
  return [known === null ? `${order} from 0 to 1 (pixels.scale, mean and std say otherwise)` : `${order}, ${known.said}`];
}

const scoreRemarks = ['things are told from a score of 0.3 (min_score); nobody has evaluated this model here'];
