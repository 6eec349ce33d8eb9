/**
 * The configuration as JSON Schema (draft 7, as written, before defaults): for editors, for the reference, and for saying what was expected.
 *
 * Made from the same zod definitions that validate, so it cannot disagree with them about keys, types, ranges and defaults. What only a
 * program can know (does that input exist?) is not in it.
 */
import { z } from 'zod';
import { weekdays } from '../core/active-hours.js';
import { variablePattern } from '../core/condition.js';
import { ShoalError } from '../core/errors.js';
import { eventDefaults } from '../core/event.js';
import { idPattern } from '../core/id.js';
import { limits } from '../core/limits.js';
import { reportModes } from '../core/pipeline.js';
import { areaOf } from '../core/zone.js';
import type { ConfigKind, ConfigParts, ConfigTask } from './config-parts.js';

export interface JsonSchema {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  pattern?: string;
  format?: string;
  secret?: boolean;
  /** In words, where a pattern says too little: `z.string().regex(...).meta({ expected: 'name or name@version' })`. */
  expected?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema | JsonSchema[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  [key: string]: unknown;
}

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

const condition = () => z.string().min(1).max(limits.conditionCharsMax);
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
    .describe('tell every result that holds, or the events they amount to: a start, updates and an end with one id, and a retained state'),
  on_after_ms: span.optional().describe('events: when must have held for this long before an event starts (ms); 0 if not given'),
  off_after_ms: span
    .optional()
    .describe(`events: when must not have held for this long before an event ends (ms); ${eventDefaults.off_after_ms} if not given`),
  cooldown_ms: span.optional().describe('events: for this long after an end none starts (ms); 0 if not given'),
  update_every_ms: span
    .optional()
    .describe(`events: at most one update in this time (ms); 0 for none, ${eventDefaults.update_every_ms} if not given`),
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
});

const share = () => z.number().min(0).max(1);

/** What every input can have, whatever its type. */
export const zonesSchema = z
  .record(
    name(),
    z
      .array(z.tuple([share(), share()]))
      .min(3)
      .max(limits.zonePointsMax)
      .refine((zone) => zone.length < 3 || areaOf(zone) > 1e-6, 'its points enclose nothing')
      .describe('corners [x, y], in order'),
  )
  .refine((zones) => Object.keys(zones).length <= limits.zonesMax, `more than ${limits.zonesMax} zones`)
  .describe(
    "named polygons of 3 .. 32 corners, 0 .. 1 of the picture, x to the right, y down: in_zone(p.box, 'door') in conditions is true for what stands in one, by the bottom centre of its box",
  );

export const variantsSchema = z
  .enum(['pinned', 'auto'])
  .default('pinned')
  .describe(
    'which variant of a model runs where a stage names none: what the release measured for this class of board, or what "shoal models tune" found best on this very board, if it ran',
  );

const hangMsMax = 3_600_000;

/** A pipeline but for its stages, which depend on their tasks. */
export const pipelineSchema = z.strictObject({
  from: z.array(name()).min(1).max(limits.inputsMax).describe('inputs whose captures it looks at'),
  stages: z.array(z.unknown()).min(1).max(limits.stagesMax).describe('tasks, in this order'),
  report: reportSchema.prefault({}).describe('which results are worth telling'),
  budget_ms: z
    .int()
    .min(1)
    .max(hangMsMax)
    .optional()
    .describe('the wish, looked at between stages: beyond it the outcome is late (ms); none if not given'),
  hang_ms: z
    .int()
    .min(limits.hangMsMin)
    .max(hangMsMax)
    .optional()
    .describe('the hard end of a job, by killing the engine (ms); the larger of 30 s and 20 x the cost measured here if not given'),
  priority: z.int().min(0).max(9).default(5).describe('0 is served first, 9 last'),
  sinks: z.array(name()).min(1).max(limits.sinksMax).optional().describe('sinks that get its results; all if not given'),
  abstain: condition()
    .optional()
    .describe('CEL over the stages: where it holds, the outcome is abstained, whatever report.when says: the models are not sure'),
});

const stageName = () => z.string().regex(variablePattern);
const modelName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}(@[A-Za-z0-9_.+-]{1,64})?$/)
    .meta({ expected: 'name or name@version' });

const escalateSchema = z.strictObject({
  variant: name().optional().describe('another variant of the same model, or of the one named here'),
  model: modelName().optional().describe('name or name@version of another model for the task'),
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

export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const json = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as JsonSchema;
  delete json.$schema;
  return json;
}

const made = new WeakMap<ConfigParts, JsonSchema>();

/** The schema of the whole file; made once for the same parts. Do not write into it. */
export function configJsonSchema(parts: ConfigParts): JsonSchema {
  const schema = made.get(parts) ?? makeConfigJsonSchema(parts);
  made.set(parts, schema);
  return schema;
}

function makeConfigJsonSchema(parts: ConfigParts): JsonSchema {
  const { sections } = parts;
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Shoal configuration',
    type: 'object',
    properties: {
      version: { type: 'number', const: 1, description: 'version of this format' },
      device: { ...jsonSchemaOf(deviceSchema), description: 'who this device is' },
      paths: { ...jsonSchemaOf(pathsSchema), description: 'where things are on this device' },
      connections: { ...namedMap(parts.connections.map(kindSchema), 64, 0), description: 'shared connections, by name' },
      sinks: { ...namedMap(parts.sinks.map(kindSchema), limits.sinksMax), description: 'where results go, by name' },
      inputs: { ...namedMap(parts.inputs.map(inputSchema), limits.inputsMax), description: 'where captures come from, by name' },
      pipelines: { ...namedMap([pipelineJson(parts)], limits.pipelinesMax), description: 'what looks at what, by name' },
      variants: jsonSchemaOf(variantsSchema),
      models: { description: 'where "shoal models add" fetches from', ...jsonSchemaOf(sections.models) },
      engine: { description: 'engine processes', ...jsonSchemaOf(sections.engine) },
      store: { description: 'the database of results', ...jsonSchemaOf(sections.store) },
      http: { description: 'health, metrics and the local API', ...jsonSchemaOf(sections.http) },
      log: { description: 'the log', ...jsonSchemaOf(sections.log) },
    },
    required: ['version', 'sinks', 'inputs', 'pipelines'],
    additionalProperties: false,
  };
}

function namedMap(variants: JsonSchema[], maxProperties: number, minProperties = 1): JsonSchema {
  return {
    type: 'object',
    propertyNames: { type: 'string', pattern: idPattern.source },
    additionalProperties: variants.length === 1 && variants[0] ? variants[0] : { oneOf: variants },
    minProperties,
    maxProperties,
  };
}

function kindSchema(kind: ConfigKind): JsonSchema {
  return discriminated(
    jsonSchemaOf(kind.options),
    'type',
    { type: 'string', const: kind.type, description: 'what it is' },
    `type ${kind.type}`,
  );
}

function inputSchema(kind: ConfigKind): JsonSchema {
  const json = kindSchema(kind);
  if (json.properties && Object.hasOwn(json.properties, 'zones')) {
    throw new ShoalError('SHOAL_INTERNAL', `the options of input ${kind.type} have a key "zones", which every input has`);
  }
  return { ...json, properties: { ...json.properties, zones: jsonSchemaOf(zonesSchema) } };
}

function discriminated(json: JsonSchema, key: string, property: JsonSchema, owner: string): JsonSchema {
  if (json.properties && Object.hasOwn(json.properties, key)) {
    throw new ShoalError('SHOAL_INTERNAL', `the options of ${owner} have a key "${key}", which the configuration needs for itself`);
  }
  return { ...json, properties: { [key]: property, ...json.properties }, required: [key, ...(json.required ?? [])] };
}

function pipelineJson(parts: ConfigParts): JsonSchema {
  const json = jsonSchemaOf(pipelineSchema);
  const stages = json.properties?.stages;
  if (stages) stages.items = { oneOf: parts.tasks.map(taskSchema) };
  return json;
}

function taskSchema(task: ConfigTask): JsonSchema {
  const { task: _, ...common } = jsonSchemaOf(stageSchema).properties ?? {};
  let json = jsonSchemaOf(task.options);
  for (const [key, property] of Object.entries(common).reverse()) {
    if (key === 'each' && !task.takesEach) continue;
    const { required } = json;
    json = { ...discriminated(json, key, property, `task ${task.name}`), ...(required ? { required } : { required: [] }) };
  }
  return discriminated(json, 'task', { type: 'string', const: task.name, description: task.summary }, `task ${task.name}`);
}

/** The part of a schema that speaks of `value` at `path`; variants are chosen by their `type` or `task`. Null where none does. */
export function schemaAt(root: JsonSchema, path: readonly (string | number)[], value: unknown): JsonSchema | null {
  let schema: JsonSchema | null = chooseVariant(root, value);
  let current = value;
  for (const segment of path) {
    if (schema === null) return null;
    current = (current as Record<string | number, unknown> | null | undefined)?.[segment];
    const next: JsonSchema | null = childSchema(schema, segment);
    schema = next === null ? null : chooseVariant(next, current);
  }
  return schema;
}

export function childSchema(schema: JsonSchema, segment: string | number): JsonSchema | null {
  if (typeof segment === 'number') {
    const items = Array.isArray(schema.items) ? schema.items[segment] : schema.items;
    return items ?? null;
  }
  if (schema.properties && Object.hasOwn(schema.properties, segment)) return schema.properties[segment] ?? null;
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : null;
}

/** Of several variants the one a map means; the schema itself when there is no telling. */
export function chooseVariant(schema: JsonSchema, value: unknown): JsonSchema {
  const variants = schema.oneOf ?? schema.anyOf;
  if (!variants || typeof value !== 'object' || value === null || Array.isArray(value)) return schema;
  const fields = value as Record<string, unknown>;
  const speaksOf = (variant: JsonSchema) =>
    Object.entries(variant.properties ?? {}).some(([key, property]) => property.const !== undefined && fields[key] === property.const);
  return variants.find(speaksOf) ?? schema;
}
