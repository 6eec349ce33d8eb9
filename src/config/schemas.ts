/**
 * What every configuration has besides its parts: device, paths, pipelines, stages and reports, as zod has them.
 *
 * Descriptions are the reference's text. What depends on several keys is the checks' (cross-check.ts and its neighbours).
 */
import { z } from 'zod';
import { weekdays } from '../core/active-hours.js';
import { variablePattern } from '../core/condition.js';
import { eventDefaults } from '../core/event.js';
import { idPattern } from '../core/id.js';
import { limits } from '../core/limits.js';
import { cropDefaults, reportModes } from '../core/pipeline.js';
import { trackDefaults } from '../core/track.js';
import { whenFullModes } from '../core/waiting.js';
import { keepSchemas } from './keep-schemas.js';
import { polygonSchema } from './polygon-schema.js';

const name = () => z.string().regex(idPattern);
const absolutePath = () => z.string().regex(/^\//).max(4096);

export const deviceSchema = z.strictObject({
  id: name()
    .optional()
    .describe('name of this device in topics and results; the host name, with other characters replaced by -, if not given'),
  name: z.string().min(1).max(128).optional().describe('what people call it; the id if not given'),
  site: z.string().max(128).default('').describe('where it stands'),
});

export const pathsSchema = z.strictObject({
  state_dir: absolutePath().optional().describe('what must survive a restart; $STATE_DIRECTORY or /var/lib/shoal if not given'),
  run_dir: absolutePath().optional().describe('socket and other short-lived files; $RUNTIME_DIRECTORY or /run/shoal if not given'),
  models_dirs: z
    .array(absolutePath())
    .max(16)
    .default([])
    .describe('folders with models, the first wins; then the bundled models, then models in the state directory'),
});

const condition = () =>
  z
    .string()
    .min(1)
    .max(limits.conditionCharsMax)
    .meta({ expected: `a condition, text of 1 .. ${limits.conditionCharsMax} characters` });
const time = (pattern: RegExp, expected: string) => z.string().regex(pattern).meta({ expected });

/** A day: what lasts longer is no event. */
const span = z.int().min(0).max(86_400_000);

export const reportSchema = z.strictObject({
  when: condition()
    .optional()
    .describe('CEL over the stages: a result for which it is false stays silent; without it every result is published'),
  mode: z
    .enum(reportModes)
    .default('every')
    .describe(
      'tell every result that holds; or, on_change, those that say something else than the last one told; or the events they amount to: a start, updates and an end with one id, and a retained state',
    ),
  on_after_ms: span
    .optional()
    .describe(
      'events: when must have held for this long before an event starts (ms); what a model of the stages advises, else 0, if not given',
    ),
  off_after_ms: span
    .optional()
    .describe(
      `events: when must not have held for this long before an event ends (ms); what a model of the stages advises, else ${eventDefaults.off_after_ms}, if not given`,
    ),
  cooldown_ms: span
    .optional()
    .describe('events: for this long after an end none starts (ms); what a model of the stages advises, else 0, if not given'),
  update_every_ms: span
    .optional()
    .describe(
      `events: at most one update in this time (ms); 0 for none, ${eventDefaults.update_every_ms} if not given; on_change: a result that says the same is told again after this time (ms), never if 0 or not given`,
    ),
  track: z
    .strictObject({
      boxes: z.string().regex(variablePattern).describe('the stage whose boxes are followed'),
      where: condition()
        .optional()
        .describe(
          "CEL over the fields of one observation of that stage, such as score >= 0.6 && in_zone(box, 'door'): which things count; all if not given",
        ),
      min_iou: z
        .number()
        .min(0.05)
        .max(0.95)
        .default(trackDefaults.min_iou)
        .describe('boxes of two captures that overlap by less (intersection over union) are not the same thing, 0.05 .. 0.95'),
      max_gap_ms: z
        .int()
        .min(0)
        .max(limits.trackGapMsMax)
        .default(trackDefaults.max_gap_ms)
        .describe('a thing that is not seen for longer is gone, and its event ends (ms)'),
    })
    .optional()
    .describe('events: one event for each thing that a stage finds, followed by its box from capture to capture'),
  active: z
    .strictObject({
      days: z
        .array(z.enum(weekdays))
        .min(1)
        .max(7)
        .default([...weekdays])
        .describe('days on which it begins'),
      from: time(/^([01]\d|2[0-3]):[0-5]\d$/, '"00:00" .. "23:59"')
        .default('00:00')
        .describe('when it begins, by the clock of time_zone'),
      to: time(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, '"00:00" .. "24:00"')
        .default('24:00')
        .describe('when it ends; of the next day where it is not after from'),
      time_zone: z.string().min(1).max(64).describe('as in Europe/Berlin'),
    })
    .optional()
    .describe('results are silent outside these hours; while the clock is not synchronized it is taken to be within them'),
  trace: z.enum(['none', 'summary', 'full']).default('summary').describe('how much of the trace travels with a published result'),
  snapshot: z
    .boolean()
    .optional()
    .describe(
      `events: publish a picture of an event, retained, on a topic of its own: its first capture, then its best; at most ${limits.pictureBytesMax / 1000} KB, redacted as its input says; no if not given`,
    ),
});

const zonesSchema = z
  .record(name(), polygonSchema())
  .refine((zones) => Object.keys(zones).length <= limits.zonesMax, `more than ${limits.zonesMax} zones`)
  .describe(
    "named polygons of 3 .. 32 corners, 0 .. 1 of the picture, x to the right, y down: in_zone(p.box, 'door') in conditions is true for what stands in one, by the bottom centre of its box",
  );

/** What every input can have, whatever its type. How captures wait depends on the input where nothing is said (core/waiting.ts). */
export const inputSchema = z.strictObject({
  route: z
    .enum(['named', 'auto'])
    .default('named')
    .describe('named: pipelines that name it in from look at its captures; auto: every pipeline that can read them, told by their content'),
  zones: zonesSchema.optional(),
  ...keepSchemas,
  when_full: z
    .enum(whenFullModes)
    .optional()
    .describe(
      'when as many captures wait for an engine as may: block, the input waits; keep_latest, what has waited longest is dropped; drop_newest, what comes is dropped; what is dropped is counted with its cause; block if not given, for a camera keep_latest and for a microphone drop_newest',
    ),
  max_waiting: z
    .int()
    .min(1)
    .max(limits.waitingPerInputMax)
    .optional()
    .describe(
      `captures of this input that may wait for an engine; ${limits.waitingPerInputMax} if not given, 1 with keep_latest, 16 with drop_newest`,
    ),
});

export const inputKeys = Object.keys(inputSchema.shape);

export const variantsSchema = z
  .enum(['pinned', 'auto'])
  .default('pinned')
  .describe(
    'which variant of a model runs where a stage names none: what the release measured for this class of board, or what "shoal models tune" found best on this very board, if it ran',
  );

const hangMsMax = 3_600_000;

const stageName = () => z.string().regex(variablePattern);
const modelName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}(@[A-Za-z0-9_.+-]{1,64})?$/)
    .meta({ expected: 'name or name@version' });

/** A step of `degrade`, but for the options of its stage's task, which are written beside these keys. */
export const degradeSchema = z.strictObject({
  stage: stageName().optional().describe('a stage to run with the keys of this step instead of its own'),
  model: modelName().optional().describe('name or name@version of another model for that stage'),
  variant: name().optional().describe('another variant of its model, or of the one named here'),
  escalate: z.literal('off').optional().describe('off: that stage takes no second look'),
  skip: stageName().optional().describe('a stage to leave out'),
  pipeline: name().optional().describe('another pipeline that looks at the capture instead; the last step'),
});

export const degradeKeys = Object.keys(degradeSchema.shape);

/** A pipeline but for its stages, which depend on their tasks. */
export const pipelineSchema = z.strictObject({
  from: z
    .array(name())
    .min(1)
    .max(limits.inputsMax)
    .optional()
    .describe('inputs whose captures it looks at, besides those with route: auto; without any of these it must name one'),
  stages: z.array(z.unknown()).min(1).max(limits.stagesMax).describe('tasks, in this order'),
  report: reportSchema.prefault({}).describe('which results are worth telling'),
  budget_ms: z
    .int()
    .min(1)
    .max(hangMsMax)
    .optional()
    .describe(
      'the wish, looked at between stages: beyond it the outcome is late (ms); none if not given. Waiting for an engine counts, except for inputs that block',
    ),
  max_rate_hz: z
    .number()
    .min(0.001)
    .max(1000)
    .optional()
    .describe(
      'captures it looks at a second, at most (Hz); further ones wait where their input blocks, and are dropped otherwise; as many as come if not given',
    ),
  degrade: z
    .array(z.unknown())
    .min(1)
    .max(limits.degradeStepsMax)
    .optional()
    .describe(
      'what to give up, in this order, while budget_ms cannot be met or the board is under pressure; each step on top of those before',
    ),
  hang_ms: z
    .int()
    .min(limits.hangMsMin)
    .max(hangMsMax)
    .optional()
    .describe('the hard end of a job, by killing the engine (ms); engine.hang_ms if not given'),
  priority: z.int().min(0).max(9).default(5).describe('0 is served first, 9 last'),
  sinks: z.array(name()).min(1).max(limits.sinksMax).optional().describe('sinks that get its results; all if not given'),
  abstain: condition()
    .optional()
    .describe('CEL over the stages: where it holds, the outcome is abstained, whatever report.when says: the models are not sure'),
});

const escalateSchema = z.strictObject({
  variant: name().optional().describe('another variant of the same model, or of the one named here'),
  model: modelName().optional().describe('name or name@version of another model for the task'),
});

const cropSchema = z.strictObject({
  margin: z
    .number()
    .min(0)
    .max(2)
    .default(cropDefaults.margin)
    .describe('how far around the box, a share of its longer side; cut off at the edge of the image'),
  square: z
    .boolean()
    .default(cropDefaults.square)
    .describe('as wide as high, around the middle of the box; at the edge of the image moved inwards'),
  min_px: z
    .int()
    .min(1)
    .max(limits.imageSideMax)
    .default(cropDefaults.minPx)
    .describe('a thing whose box is narrower or lower than this is not looked at (px of the image)'),
});

const stopSchema = z.strictObject({
  when: condition().describe('CEL over this stage and earlier ones: where it holds, no later stage runs'),
  reason: z.string().min(1).max(limits.stopReasonCharsMax).describe('why, for a person: it stands in the trace'),
});

/** A stage but for its task's own options, which are written beside these keys. */
export const stageSchema = z.strictObject({
  task: z.string().describe('what to do'),
  as: stageName()
    .optional()
    .describe(
      'name under which later stages and conditions find its observations; what the task is about (detect-text: text) if not given',
    ),
  each: z
    .union([stageName(), z.array(stageName()).min(1).max(limits.eachStagesMax)])
    .optional()
    .describe('an earlier stage, or a list of them: run once for each of their observations'),
  crop: z
    .union([z.literal(true), cropSchema])
    .optional()
    .describe('with each: shows the task the part of the image where each thing is, as if that were all; true for the defaults'),
  model: modelName().optional().describe('name or name@version; the default model of the task if not given'),
  variant: name().optional().describe('fp32, int8, ...; as the key variants says if not given'),
  when: condition().optional().describe('CEL over earlier stages: this one runs only where it holds'),
  accept: condition()
    .optional()
    .describe('CEL over the fields of one observation of this stage, such as score >= 0.8: whether it is good enough'),
  escalate: escalateSchema.optional().describe('what looks again at whatever is not accepted; its answers count'),
  stop: stopSchema.optional().describe('where the pipeline ends early'),
});

export const stageKeys = Object.keys(stageSchema.shape);
