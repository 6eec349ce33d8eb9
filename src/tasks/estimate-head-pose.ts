/**
 * estimate-head-pose: which way heads are turned, in degrees, for each face of an earlier stage or for an image that is one face.
 *
 * Answers `values` yaw_deg, pitch_deg and roll_deg as a camera sees them: yaw above 0 is turned to the left of the image, pitch above 0
 * looks up, roll above 0 is tilted clockwise. All are 0 for a face that looks into the camera; the model knows -99 .. 99. It gives no score
 * of its own: an observation carries that of its face, 1 for a whole image. Box and label are those of the face stage.
 *
 * Source: T.-Y. Yang and others, FSA-Net, CVPR 2019; signs after its demo's drawing of the axes (demo/demo_FSANET.py, draw_axis).
 */
import { z } from 'zod';
import type { ModelFacts } from '../core/model.js';
import type { Observation } from '../core/result.js';
import type { Task } from '../core/task.js';
import { differentAngles } from './different-angles.js';
import { framing } from './framing.js';
import { type Looking, lookAtEach } from './looks.js';
import { outputOf, readParams, unfit } from './model-params.js';
import { frameOf, pixelFormat } from './pixels.js';

const options = z.strictObject({});

type Options = z.infer<typeof options>;

const angles = ['yaw_deg', 'pitch_deg', 'roll_deg'] as const;

const params = z.strictObject({
  ...framing,
  pixels: pixelFormat,
  /** Share of a face's box by which it is widened on each side: models are trained on heads, detectors find faces. */
  margin: z.number().min(0).max(1).default(0),
  /** What the numbers of the output are, in their order. */
  angles: z.tuple([z.enum(angles), z.enum(angles), z.enum(angles)]),
});

/** Throws MODEL_INVALID. */
function poseOf(model: ModelFacts): Looking & { readonly angles: readonly string[] } {
  const settings = readParams(params, model);
  if (new Set(settings.angles).size !== angles.length)
    throw unfit(model, `its angles are ${settings.angles.join(', ')}, expected each once`);
  const frame = frameOf(model, settings.pixels);
  const { name, shape } = outputOf(model);
  if (shape.length !== 2 || shape[1] !== angles.length) {
    throw unfit(model, `its output "${name}" is [${shape.join(',')}], the three angles need [1,3]`);
  }
  return { frame, how: settings, margin: settings.margin, output: name, angles: settings.angles };
}

export const estimateHeadPose: Task<Options> = {
  name: 'estimate-head-pose',
  summary: 'Tells which way heads are turned: yaw, pitch and roll in degrees.',
  reads: 'image',
  takesEach: true,
  cutsOut: 'widens each face to the head that its model was trained on',
  looksAt: 'detect-faces',
  options,
  metric: differentAngles,
  fit: (model) => void poseOf(model),
  run(input) {
    const pose = poseOf(input.model);
    return lookAtEach(input, pose, (found, region): Observation[] => {
      const values = Object.fromEntries(pose.angles.map((name, i) => [name, Math.round((found[i] ?? Number.NaN) * 10) / 10]));
      const face = region === null ? undefined : input.each?.[region.of];
      return [
        {
          score: face?.score ?? 1,
          ...(face?.label === undefined ? {} : { label: face.label }),
          ...(face?.box === undefined ? {} : { box: face.box }),
          values,
        },
      ];
    });
  },
};
