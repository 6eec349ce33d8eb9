/**
 * Weights outside the file of a model.
 *
 * The runtime would look for them wherever the process was started, so what a model computes would depend on what somebody put there; and no
 * hash of the file covers them.
 */
import { ShoalError } from '../../core/errors.js';
import { readModel } from '../onnx/read.js';
import { constantsOf } from './weights.js';

/** `bytes` of an ONNX file; `file` names it in the error. Throws MODEL_INVALID for one that is not whole, or not readable. */
export function refuseExternalData(bytes: Uint8Array, file: string): void {
  const outside = constantsOf(readModel(bytes).graph).filter(({ tensor }) => tensor.external);
  const [first] = outside;
  if (first === undefined) return;
  const which = JSON.stringify(first.tensor.name.slice(0, 80));
  throw new ShoalError(
    'MODEL_INVALID',
    `${file} keeps the data of ${outside.length} of its tensors (${which} is one) in other files; save the model as one file, Shoal opens no other`,
  );
}
