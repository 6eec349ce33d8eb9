/**
 * A configuration while it is being checked: its tree, its schema, and the problems found so far.
 */
import type { z } from 'zod';
import type { ConfigParts } from './config-parts.js';
import { nodeAt, placeOf, plainValue, type TreeNode } from './config-tree.js';
import { explainIssue } from './explain-issue.js';
import { childSchema, chooseVariant, configJsonSchema, type JsonSchema, schemaAt } from './json-schema.js';
import { formatPath, type PathSegment, type Problem } from './problem.js';

export class Draft {
  readonly file: string;
  readonly parts: ConfigParts;
  readonly problems: Problem[];
  readonly schema: JsonSchema;
  readonly #tree: TreeNode;
  /** Plain data, as zod wants it. */
  readonly value: Record<string, unknown>;

  constructor(file: string, tree: TreeNode, parts: ConfigParts, problems: Problem[]) {
    this.file = file;
    this.parts = parts;
    this.problems = problems;
    this.schema = configJsonSchema(parts);
    this.#tree = readFilled(tree, this.schema);
    this.value = plainValue(this.#tree) as Record<string, unknown>;
  }

  add(
    path: readonly PathSegment[],
    message: string,
    hint: string | null = null,
    options: { atKey?: boolean; warning?: boolean } = {},
  ): void {
    const node = nodeAt(this.#tree, path);
    const place = options.atKey && node ? node.keyPlace : placeOf(this.#tree, path, this.file);
    this.problems.push({ severity: options.warning ? 'warning' : 'error', place, path: formatPath(path), message, hint });
  }

  /** Parses one part of the file; undefined, with the problems noted, when it does not fit. */
  take<T>(
    schema: z.ZodType<T>,
    path: readonly PathSegment[],
    value: unknown,
    json = schemaAt(this.schema, path, this.value),
  ): T | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      for (const { path: at, atKey, message, hint } of explainIssue(issue, value, json ?? {}, path)) {
        this.add(at, message, hint, { atKey: atKey || message === 'unknown option' });
      }
    }
    return undefined;
  }

  /** A section as a map; null when it is absent or, with the problem noted, no map. */
  map(path: readonly PathSegment[]): Record<string, unknown> | null {
    let value: unknown = this.value;
    for (const segment of path) value = (value as Record<PathSegment, unknown> | undefined)?.[segment];
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  }
}

/** Variables give text; where a number or a yes or no is needed, the text is read as one. */
function readFilled(node: TreeNode, schema: JsonSchema | null): TreeNode {
  const { value } = node;
  if (schema === null) return node;
  if (Array.isArray(value)) return { ...node, value: value.map((item, i) => readFilled(item, childSchema(schema, i))) };
  if (value instanceof Map) {
    const fields = Object.fromEntries([...value].map(([key, child]) => [key, child.value]));
    const variant = chooseVariant(schema, fields);
    return { ...node, value: new Map([...value].map(([key, child]) => [key, readFilled(child, childSchema(variant, key))])) };
  }
  if (node.filled !== true || typeof value !== 'string') return node;
  const types = [schema, ...(schema.anyOf ?? [])].map((variant) => variant.type);
  if (types.includes('string')) return node;
  if (types.some((type) => type === 'number' || type === 'integer') && /^-?\d+(\.\d+)?$/.test(value))
    return { ...node, value: Number(value) };
  if (types.includes('boolean') && (value === 'true' || value === 'false')) return { ...node, value: value === 'true' };
  return node;
}
