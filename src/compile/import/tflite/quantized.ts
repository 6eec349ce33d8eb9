/**
 * What a TFLite tensor becomes.
 *
 * Signed bytes become unsigned ones, byte and zero point moved up by 128: the same values exactly, and the form ONNX Runtime has fast kernels
 * for (signed activations with signed weights have none on x64, and slower ones on arm64). Weights stay signed.
 */
import { ShoalError } from '../../../core/errors.js';
import type { TfliteTensor } from './model.js';

/** `value = scale * (byte - zero)`, bytes 0..255. */
export interface Bytes {
  readonly scale: number;
  readonly zero: number;
}

/** Throws MODEL_INVALID, saying what cannot be imported. */
export function refused(what: string): ShoalError {
  return new ShoalError('MODEL_INVALID', `this TFLite model cannot be imported: ${what}`);
}

/** For a message: a tensor by its name, or by its place when it has none. */
export function called({ name, index }: TfliteTensor): string {
  return name === '' ? `tensor ${index}` : `tensor "${name.slice(0, 80)}"`;
}

/** Null for a float tensor. Throws for one that is neither float nor quantized as a whole, and for shapes that are not fixed. */
export function bytesOf(tensor: TfliteTensor): Bytes | null {
  if (tensor.sparse) throw refused(`${called(tensor)} is sparse; save the model without sparsity`);
  if (tensor.variable) throw refused(`${called(tensor)} is a variable; models with state are not understood`);
  if (tensor.dynamic) throw refused(`${called(tensor)} has a dynamic shape; save the model with fixed ones`);
  if (tensor.type === 'FLOAT32') return null;
  const found = tensor.quantization;
  if ((tensor.type !== 'INT8' && tensor.type !== 'UINT8') || found === null) {
    throw refused(
      `${called(tensor)} is ${tensor.type}${found === null ? '' : ', quantized'}; FLOAT32 and quantized INT8 and UINT8 are understood`,
    );
  }
  const [scale = 0] = found.scales;
  if (found.scales.length !== 1) throw refused(`${called(tensor)} is computed, and has ${found.scales.length} scales, expected one`);
  checkZeros(tensor);
  return { scale: checkedScale(tensor, scale), zero: (found.zeros[0] ?? 0) + (tensor.type === 'INT8' ? 128 : 0) };
}

/** Throws unless every zero point is a value of the tensor's type. */
function checkZeros(tensor: TfliteTensor): void {
  const [least, most] = tensor.type === 'INT8' ? [-128, 127] : [0, 255];
  for (const zero of tensor.quantization?.zeros ?? []) {
    if (!(zero >= least && zero <= most)) throw refused(`${called(tensor)} is ${tensor.type} with zero point ${zero}`);
  }
}

function checkedScale(tensor: TfliteTensor, scale: number): number {
  if (!(scale > 0 && Number.isFinite(scale))) throw refused(`${called(tensor)} has a scale of ${scale}`);
  return scale;
}

/** Scales and zero points of quantized weights as they stand in the file; one of each, or one a channel of dimension `axis`. */
export function weightScales(
  tensor: TfliteTensor,
  axis: number,
): { readonly scales: readonly number[]; readonly zeros: readonly number[] } {
  const found = tensor.quantization;
  if (found === null) throw refused(`${called(tensor)} is ${tensor.type} and has no scale`);
  if (found.scales.length > 1 && (found.axis !== axis || found.scales.length !== tensor.shape[axis])) {
    throw refused(`${called(tensor)} has ${found.scales.length} scales along dimension ${found.axis}, expected along ${axis}`);
  }
  for (const scale of found.scales) checkedScale(tensor, scale);
  checkZeros(tensor);
  return found;
}

export function sameBytes(a: Bytes | null, b: Bytes | null): boolean {
  return a === null || b === null ? a === b : a.scale === b.scale && a.zero === b.zero;
}

/** The byte nearest to a value, not clipped. */
export function byteAt(value: number, { scale, zero }: Bytes): number {
  return zero + Math.round(value / scale);
}
