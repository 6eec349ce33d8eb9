/**
 * A node of a GraphModel and its attributes, which are TensorFlow's protobuf written as JSON: numbers may be strings, text is base64.
 *
 * Guarantees: an attribute that is there and not of the kind asked for is refused; one that is not there has the value given.
 */
import { z } from 'zod';
import { limits } from '../../../core/limits.js';
import { Unsuited } from './unsuited.js';

const whole = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d{1,15}$/)
    .transform(Number),
]);
const text = z.union([z.string().max(4096), z.array(z.int().min(0).max(255)).max(4096)]);

const dims = z.array(z.object({ size: whole.optional() })).max(limits.onnxRankMax);

const attribute = z.object({
  i: whole.optional(),
  f: z.number().optional(),
  b: z.boolean().optional(),
  s: text.optional(),
  type: z.union([z.string(), z.int()]).optional(),
  shape: z.object({ dim: dims.optional(), unknownRank: z.boolean().optional() }).optional(),
  list: z.object({ i: z.array(whole).max(64).optional(), s: z.array(text).max(64).optional() }).optional(),
});

export const nodeSchema = z.object({
  name: z.string().min(1).max(1024),
  op: z.string().min(1).max(256),
  input: z.array(z.string().max(1024)).max(limits.importPartsMax).default([]),
  attr: z.record(z.string(), z.unknown()).default({}),
});

type RawNode = z.infer<typeof nodeSchema>;
type Attribute = z.infer<typeof attribute>;

/** The numbers of TensorFlow's DataType that are read here. */
const typeNumbers: Readonly<Record<number, string>> = { 1: 'DT_FLOAT', 3: 'DT_INT32', 4: 'DT_UINT8', 9: 'DT_INT64', 10: 'DT_BOOL' };

export class GraphNode {
  readonly name: string;
  readonly op: string;
  /** Without control inputs, which order side effects that models here do not have. */
  readonly inputs: readonly string[];
  readonly #attributes: RawNode['attr'];

  constructor(raw: RawNode) {
    this.name = raw.name;
    this.op = raw.op;
    this.inputs = raw.input.filter((input) => !input.startsWith('^'));
    this.#attributes = raw.attr;
  }

  int(name: string, otherwise: number): number {
    return this.#attribute(name, 'i') ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name, 'f') ?? otherwise;
  }

  flag(name: string): boolean {
    return this.#attribute(name, 'b') ?? false;
  }

  text(name: string, otherwise: string): string {
    const found = this.#attribute(name, 's');
    return found === undefined ? otherwise : textOf(found);
  }

  /** Null where the node does not state it. */
  ints(name: string): number[] | null {
    const list = this.#attribute(name, 'list');
    return list === undefined ? null : (list.i ?? []);
  }

  texts(name: string): string[] {
    return (this.#attribute(name, 'list')?.s ?? []).map(textOf);
  }

  /** As TensorFlow names it, DT_FLOAT. */
  dataType(name: string): string | undefined {
    const found = this.#attribute(name, 'type');
    return typeof found === 'number' ? typeNumbers[found] : found;
  }

  /** -1 for a free dimension; null where the rank is unknown. */
  shape(name: string): number[] | null {
    const found = this.#attribute(name, 'shape');
    if (found === undefined || found.unknownRank === true) return null;
    return (found.dim ?? []).map(({ size = -1 }) => size);
  }

  #attribute<Kind extends keyof Attribute>(name: string, kind: Kind): Attribute[Kind] {
    if (!Object.hasOwn(this.#attributes, name)) return undefined;
    const parsed = attribute.safeParse(this.#attributes[name]);
    if (!parsed.success) throw new Unsuited(`its attribute ${name} cannot be read`);
    return parsed.data[kind];
  }
}

function textOf(raw: string | readonly number[]): string {
  return typeof raw === 'string' ? Buffer.from(raw, 'base64').toString('latin1') : String.fromCharCode(...raw);
}
