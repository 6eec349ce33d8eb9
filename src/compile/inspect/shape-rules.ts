/**
 * What follows from an operator and its inputs: the shapes of its outputs, and the numbers that other operators are told.
 *
 * Guarantees: an answer in time bounded by the node's own inputs and outputs, whatever the model says; what is not known stays unknown.
 * Deliberately knows the operators of small vision, audio and text models; the rest are counted as not understood by the caller.
 *
 * Source: Operators.md of ONNX 1.19 and ContribOperators.md of ONNX Runtime, shape inference of each operator.
 */
import { dataType, type OnnxNode } from '../onnx/model.js';
import { intOf } from '../onnx/values.js';
import { broadcast, elements, type Fact, fact, unknown } from './facts.js';
import type { Call, Rule } from './rule.js';
import { arrangingRules } from './rules-arranging.js';
import { computingRules } from './rules-computing.js';

/** Same shape and type as the first input. */
const same: Rule = ({ inputs: [x = unknown] }) => [fact(x.type, x.shape, x.value)];

const asType =
  (type: number): Rule =>
  ({ inputs: [x = unknown] }) => [fact(type, x.shape)];

/** All inputs broadcast to one. */
const broadcasting: Rule = ({ inputs: [first = unknown, ...others] }) => [
  fact(
    first.type,
    others.reduce((shape, { shape: other }) => broadcast(shape, other), first.shape),
  ),
];

/** Arithmetic that shapes are computed with. */
const arithmetic =
  (compute: (a: number, b: number) => number): Rule =>
  (call) => {
    const [a = unknown, b = unknown] = call.inputs;
    const [plain = unknown] = broadcasting(call);
    if (a.value === null || b.value === null || plain.shape === null) return [plain];
    const [left, right] = [a.value, b.value];
    const length = Math.max(left.length, right.length);
    if (plain.shape.length > 1 || (left.length !== length && left.length !== 1) || (right.length !== length && right.length !== 1))
      return [plain];
    const value = Array.from({ length }, (_, i) => compute(left[i % left.length] ?? 0, right[i % right.length] ?? 0));
    return [fact(plain.type, plain.shape, value)];
  };

const divide = ({ inputs: [a] }: Call): ((x: number, y: number) => number) =>
  a?.type === dataType.int64 || a?.type === dataType.int32 ? (x, y) => Math.trunc(x / y) : (x, y) => x / y;

/** Comparisons of shapes decide which branch of an If is taken. */
const comparing =
  (holds: (a: number, b: number) => boolean): Rule =>
  (call) =>
    arithmetic((a, b) => Number(holds(a, b)))(call).map(({ shape, value }) => fact(dataType.bool, shape, value));

/** A quantized elementwise operator: A, its scale and zero, B, ... */
const quantizedPair: Rule = ({ inputs }) => [fact(inputs[0]?.type ?? 0, broadcast(inputs[0]?.shape ?? null, inputs[3]?.shape ?? null))];

const unary =
  'Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization BiasGelu Ceil Celu Clip Cos Cosh Elu Erf Exp FastGelu Floor Gelu Hardmax HardSigmoid HardSwish ' +
  'Identity InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish Neg PRelu QLinearLeakyRelu ' +
  'QLinearSigmoid QLinearSoftmax QuickGelu Reciprocal Relu RMSNormalization Round ScatterElements ScatterND Scatter Selu Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh ' +
  'SkipLayerNormalization Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu GroupNormalization CumSum Trilu';

const named = (names: string, rule: Rule): [string, Rule][] => names.split(' ').map((name) => [name, rule]);

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...named(unary, same),
  ...named('Pow Mod Max Min Mean Sum And Or Xor BitwiseAnd BitwiseOr BitShift', broadcasting),
  ...named('IsNaN IsInf', asType(dataType.bool)),
  ...named('QLinearAdd QLinearMul', quantizedPair),
  ['Add', arithmetic((a, b) => a + b)],
  ['Sub', arithmetic((a, b) => a - b)],
  ['Mul', arithmetic((a, b) => a * b)],
  ['Div', (call) => arithmetic(divide(call))(call)],
  ['Equal', comparing((a, b) => a === b)],
  ['Greater', comparing((a, b) => a > b)],
  ['GreaterOrEqual', comparing((a, b) => a >= b)],
  ['Less', comparing((a, b) => a < b)],
  ['LessOrEqual', comparing((a, b) => a <= b)],
  ['Not', ({ inputs: [x = unknown] }) => [fact(dataType.bool, x.shape, x.value?.map((value) => (value === 0 ? 1 : 0)) ?? null)]],
  ['Cast', ({ node, inputs: [x = unknown] }) => [cast(x, intOf(node, 'to', 0))]],
  ['CastLike', ({ inputs: [x = unknown, like = unknown] }) => [cast(x, like.type)]],
  ['Dropout', ({ inputs: [x = unknown] }) => [x, fact(dataType.bool, x.shape)]],
  [
    'Where',
    ({ inputs: [which = unknown, a = unknown, b = unknown] }) => [fact(a.type, broadcast(which.shape, broadcast(a.shape, b.shape)))],
  ],
  ['Size', ({ inputs: [x = unknown] }) => [fact(dataType.int64, [], one(elements(x.shape)))]],
  [
    'QuantizeLinear',
    ({ node, inputs: [x = unknown, , zero] }) => [fact(zero?.type || intOf(node, 'output_dtype', dataType.uint8), x.shape)],
  ],
  ['DequantizeLinear', ({ inputs: [x = unknown, scale = unknown] }) => [fact(scale.type, x.shape)]],
  [
    'DynamicQuantizeLinear',
    ({ inputs: [x = unknown] }) => [fact(dataType.uint8, x.shape), fact(dataType.float32, []), fact(dataType.uint8, [])],
  ],
  ...Object.entries(arrangingRules),
  ...Object.entries(computingRules),
]);

function cast(x: Fact, type: number): Fact {
  const whole = type === dataType.int64 || type === dataType.int32;
  return fact(type, x.shape, whole ? (x.value?.map(Math.trunc) ?? null) : x.value);
}

function one(value: number | null): number[] | null {
  return value === null ? null : [value];
}

/** Undefined for an operator that is not known here. */
export function ruleOf(node: OnnxNode): Rule | undefined {
  return node.domain === '' || node.domain === 'com.microsoft' ? rules.get(node.op) : undefined;
}
