/**
 * How a task reads what a model's card says: params by schema, tensors by their place.
 */
import { z } from 'zod';
import { ShoalError } from '../core/errors.js';
import { type ModelFacts, modelRef } from '../core/model.js';
import type { TensorSpec } from '../core/tensor.js';

/** MODEL_INVALID for a card that does not suit its task; `what` ends the sentence. */
export function unfit(model: ModelFacts, what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `model ${modelRef(model)} does not suit ${model.task}: ${what}`);
}

/** The float output of a card by name, or the only one; its shape must be fixed and for one picture. Throws MODEL_INVALID. */
export function outputOf(model: ModelFacts, name?: string): { readonly name: string; readonly shape: readonly number[] } {
  const known = model.outputs.map((output) => output.name).join(', ');
  const only = model.outputs.length === 1 ? model.outputs[0] : undefined;
  const spec = name === undefined ? only : model.outputs.find((output) => output.name === name);
  if (spec === undefined) {
    throw unfit(model, name === undefined ? `it needs one output, the card has ${known}` : `it has no output "${name}", only ${known}`);
  }
  const shape = spec.shape.filter((size) => typeof size === 'number');
  if (spec.dtype !== 'float32' || shape.length !== spec.shape.length || shape[0] !== 1) {
    throw unfit(
      model,
      `its output "${spec.name}" is ${spec.dtype}[${spec.shape.join(',')}], expected float32 of a fixed shape for one picture`,
    );
  }
  return { name: spec.name, shape };
}

/** The card's params, parsed. Throws MODEL_INVALID naming each param that does not suit. */
export function readParams<T>(schema: z.ZodType<T>, model: ModelFacts): T {
  const parsed = schema.safeParse(model.params);
  if (parsed.success) return parsed.data;
  const problems = z.prettifyError(parsed.error).replaceAll('\n', ' ');
  throw new ShoalError('MODEL_INVALID', `model ${modelRef(model)}: its params do not suit the task ${model.task}: ${problems}`);
}

/**
 * The only input or output of a model, checked against an expected shape (a null is any size, also a free one).
 * Throws MODEL_INVALID.
 */
export function onlyTensor(model: ModelFacts, side: 'inputs' | 'outputs', shape: readonly (number | null)[]): TensorSpec {
  const [spec, ...more] = model[side];
  const fits =
    spec !== undefined &&
    more.length === 0 &&
    spec.dtype === 'float32' &&
    spec.shape.length === shape.length &&
    shape.every((size, axis) => size === null || spec.shape[axis] === size);
  if (fits) return spec;
  const found = model[side].map((each) => `${each.dtype}[${each.shape.join(',')}]`).join(', ');
  const expected = `float32[${shape.map((size) => size ?? '*').join(',')}]`;
  throw new ShoalError('MODEL_INVALID', `model ${modelRef(model)}: its ${side} are ${found || 'none'}, its task needs one ${expected}`);
}
