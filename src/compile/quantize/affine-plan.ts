/**
 * Which bytes a tensor is to have, decided by what reads it: a range is spent on values that make a difference.
 *
 * Guarantees: the same answer for the same tensor, whoever asks. A tensor that only a Relu, a gate, a step by a number, a Concat or an
 * operator that moves values reads gets the bytes that suit the reader, which then costs nothing or one pass less.
 */
import type { Graph } from '../graph.js';
import type { OnnxNode } from '../onnx/model.js';
import { type Affine, affineOf, anchoredAffine, clampByte } from './affine.js';
import { gateAfter, keepsValues, onlyConvolutionsRead, scalarStep } from './patterns.js';
import type { QuantizeOptions } from './quantize-options.js';

export class AffinePlan {
  readonly #graph: Graph;
  readonly #ranges: QuantizeOptions['ranges'];
  readonly #floatNodes: ReadonlySet<string>;
  readonly #known = new Map<string, Affine | undefined>();

  constructor(graph: Graph, { ranges, floatNodes }: QuantizeOptions) {
    this.#graph = graph;
    this.#ranges = ranges;
    this.#floatNodes = floatNodes;
  }

  isFloat(node: OnnxNode): boolean {
    return this.#floatNodes.has(node.outputs[0] ?? '');
  }

  /** Undefined when the calibration has not seen the tensor. */
  affine(name: string): Affine | undefined {
    if (!this.#known.has(name)) this.#known.set(name, this.#plan(name));
    return this.#known.get(name);
  }

  #plan(name: string): Affine | undefined {
    const range = this.#ranges.get(name);
    if (range === undefined) return undefined;
    const gate = gateAfter(this.#graph, name);
    if (gate !== undefined) {
      const gateOnly = this.#graph.onlyUser(name) !== undefined;
      return anchoredAffine(gate.span, gateOnly ? 1 / gate.alpha - gate.span : range[1]);
    }
    return this.#asRead(name) ?? this.#snapped(name, affineOf(range));
  }

  /** As the only reader would have it. */
  #asRead(name: string): Affine | undefined {
    const user = this.#graph.onlyUser(name);
    if (user === undefined || this.isFloat(user) || user.domain !== '') return undefined;
    const [output = ''] = user.outputs;
    const step = scalarStep(this.#graph, user);
    if (step !== undefined) return this.#beforeStep(step.op, step.value, output);
    const same = user.op === 'Relu' || user.op === 'Clip' || user.op === 'Concat' || keepsValues(user);
    return same && user.inputs[0] !== undefined ? this.affine(output) : undefined;
  }

  #beforeStep(op: 'Add' | 'Mul', value: number, output: string): Affine | undefined {
    const after = this.affine(output);
    if (after === undefined) return undefined;
    if (op === 'Mul') return value > 0 ? { scale: Math.fround(after.scale / value), zero: after.zero } : undefined;
    return { scale: after.scale, zero: clampByte(after.zero + Math.round(value / after.scale)) };
  }

  /**
   * After the step `x + number` the bytes stay and zero moves. It can move by whole bytes only, so the scale gives way a little where
   * no bias takes the rest.
   */
  #snapped(name: string, affine: Affine): Affine {
    const step = scalarStep(this.#graph, this.#graph.producer(name));
    if (step?.op !== 'Add' || onlyConvolutionsRead(this.#graph, name, (node) => this.isFloat(node))) return affine;
    const bytes = Math.floor(Math.abs(step.value) / affine.scale);
    if (bytes < snapBytesMin) return affine;
    const scale = Math.fround(Math.abs(step.value) / bytes);
    return { scale, zero: clampByte(Math.round((affine.zero * affine.scale) / scale)) };
  }
}

/** A step of fewer bytes would make the scale coarser by more than an eighth. */
const snapBytesMin = 8;
