/**
 * The configuration as JSON Schema (draft 7, as written, before defaults): for editors, for the reference, and for saying what was expected.
 *
 * Made from the same zod definitions that validate, so it cannot disagree with them about keys, types, ranges and defaults. What only a
 * program can know (does that input exist?) is not in it.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { idPattern } from '../core/id.js';
import { limits } from '../core/limits.js';
import { takesCrop } from '../core/pipeline.js';
import type { ConfigKind, ConfigParts, ConfigTask } from './config-parts.js';
import { degradeSchema, deviceSchema, inputSchema, pathsSchema, pipelineSchema, stageSchema, variantsSchema } from './schemas.js';

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
      inputs: { ...namedMap(parts.inputs.map(inputJson), limits.inputsMax), description: 'where captures come from, by name' },
      pipelines: { ...namedMap([pipelineJson(parts)], limits.pipelinesMax), description: 'what looks at what, by name' },
      variants: jsonSchemaOf(variantsSchema),
      models: { description: 'where "shoal models add" fetches from', ...jsonSchemaOf(sections.models) },
      engine: { description: 'engine processes', ...jsonSchemaOf(sections.engine) },
      board: { description: 'when the board is under pressure', ...jsonSchemaOf(sections.board) },
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

function inputJson(kind: ConfigKind): JsonSchema {
  const json = kindSchema(kind);
  const common = jsonSchemaOf(inputSchema).properties ?? {};
  const taken = Object.keys(common).find((key) => Object.hasOwn(json.properties ?? {}, key));
  if (taken !== undefined) {
    throw new ShoalError('SHOAL_INTERNAL', `the options of input ${kind.type} have a key "${taken}", which every input has`);
  }
  return { ...json, properties: { ...json.properties, ...common } };
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
  const degrade = json.properties?.degrade;
  if (degrade) degrade.items = { ...jsonSchemaOf(degradeSchema), additionalProperties: true };
  return json;
}

function taskSchema(task: ConfigTask): JsonSchema {
  const { task: _, ...common } = jsonSchemaOf(stageSchema).properties ?? {};
  const canCrop = takesCrop(task);
  const needs = { crop: ['each'], ...(task.takesEach ? {} : { each: ['crop'] }) };
  let json = { ...jsonSchemaOf(task.options), ...(canCrop ? { dependencies: needs } : {}) };
  for (const [key, property] of Object.entries(common).reverse()) {
    if ((key === 'each' && !task.takesEach && !canCrop) || (key === 'crop' && !canCrop)) continue;
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

/** Of several variants the one a map means, by its `type` or `task`, or as the only one that is a map; the schema itself when there is no telling. */
export function chooseVariant(schema: JsonSchema, value: unknown): JsonSchema {
  const variants = schema.oneOf ?? schema.anyOf;
  if (!variants || typeof value !== 'object' || value === null || Array.isArray(value)) return schema;
  const fields = value as Record<string, unknown>;
  const speaksOf = (variant: JsonSchema) =>
    Object.entries(variant.properties ?? {}).some(([key, property]) => property.const !== undefined && fields[key] === property.const);
  const maps = variants.filter(({ properties }) => properties !== undefined);
  return variants.find(speaksOf) ?? (maps.length === 1 ? maps[0] : undefined) ?? schema;
}
