/** Enlarging and reducing images, in the three ways TensorFlow has of laying the pixels of one size over those of another. */
import type { Builder } from './builder.js';
import { image, type Pair } from './spatial.js';
import { Unsuited } from './unsuited.js';
import type { Value } from './value.js';

export interface Resizing {
  readonly nearest: boolean;
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/**
 * Sources: ONNX operator Resize-13; tfjs-backend-cpu kernels ResizeBilinear and ResizeNearestNeighbor. With half pixels TensorFlow takes
 * the pixel below (i + 0.5) * s, which is the nearest to (i + 0.5) * s - 0.5 with halves rounded up.
 */
export function resize(builder: Builder, value: Value, size: Pair, { nearest, alignCorners, halfPixelCenters }: Resizing): Value {
  const [n, , , c] = image(value);
  const [height, width] = size;
  if (!size.every((side) => Number.isInteger(side) && side >= 1)) throw new Unsuited(`it resizes to ${height} x ${width}`);
  const mode = alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric';
  const rounding = mode === 'asymmetric' ? 'floor' : 'round_prefer_ceil';
  const attributes = {
    mode: nearest ? 'nearest' : 'linear',
    coordinate_transformation_mode: mode,
    ...(nearest ? { nearest_mode: rounding } : {}),
  };
  const inputs = [builder.tensor(value, 'nchw'), '', '', builder.integers([n, c, height, width])];
  return builder.value([n, height, width, c], 'float32', 'nchw', builder.emit('Resize', inputs, attributes));
}

/** Channels to pixels: a block of `block` squared channels becomes a square. */
export function depthToSpace(builder: Builder, value: Value, block: number): Value {
  const [n, h, w, c] = image(value);
  if (!Number.isInteger(block) || block < 1 || c % (block * block) !== 0)
    throw new Unsuited(`it makes squares of ${block} from ${c} channels`);
  const output = builder.emit('DepthToSpace', [builder.tensor(value, 'nchw')], { blocksize: block, mode: 'DCR' });
  return builder.value([n, h * block, w * block, c / (block * block)], 'float32', 'nchw', output);
}
