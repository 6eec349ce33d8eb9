/**
 * The card that an import proposes: tensors as the file has them, labels and licence as far as anybody says, params as the task guesses.
 *
 * Every guess is a remark: a person confirms them all at once, or writes the card to a file and mends it.
 */
import { inspectModel, type ValueReport } from '../../compile/inspect/inspect-model.js';
import { metadataOf } from '../../compile/onnx/metadata.js';
import { dataType, type OnnxModel } from '../../compile/onnx/model.js';
import { readModel } from '../../compile/onnx/read.js';
import { floatsOf } from '../../compile/onnx/values.js';
import type { CardDraft, ForeignModel } from '../../core/card-draft.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Task } from '../../core/task.js';
import { isDtype, type TensorSpec } from '../../core/tensor.js';
import type { CardFacts } from '../../registry/describe.js';

export interface DraftRequest {
  readonly name: string;
  readonly version: string;
  readonly task: Task;
  /** ONNX bytes, converted where the source is of another kind. */
  readonly model: Uint8Array;
  /** For a person: the file's name. */
  readonly file: string;
  readonly sha256: string;
  /** Given by the operator; null when the file must tell. */
  readonly labels: readonly string[] | null;
  readonly licence: string | null;
  readonly upstream: string;
  /** Pixels of a side that the file leaves free; null when the file must tell. */
  readonly side: number | null;
}

export interface DraftedCard {
  readonly card: CardFacts;
  readonly labels: readonly string[];
  /** What is a guess, and on what grounds. */
  readonly remarks: readonly string[];
}

const labelsFile = 'labels.txt';
/** Of the detectors of the YOLO family, where an export leaves the picture's size free. */
const usualSide = 640;
const unknownLicence = 'LicenseRef-unknown';
/** In SPDX identifiers (CC-BY-NC-4.0, PolyForm-Noncommercial-1.0.0) and in prose. */
const nonCommercial = /\bNC\b|non-?commercial/i;

/** Throws MODEL_INVALID when no proposal of the task suits the tensors, with the reason for each. */
export function draftCard(request: DraftRequest): DraftedCard {
  const { task } = request;
  const model = readModel(request.model);
  const metadata = metadataOf(model);
  const { sizes, remark } = freeSizes(request, metadata);
  const { inputs, outputs } = inspectModel(request.model, sizes);
  const known = request.labels ?? labelsIn(metadata);
  const foreign: ForeignModel = {
    inputs: inputs.map(specOf),
    outputs: outputs.map(specOf),
    madeBy: makersOf(
      model,
      outputs.map(({ name }) => name),
    ),
    ranges: rangesOf(
      model,
      inputs.map(({ name }) => name),
    ),
    labels: known,
  };
  if (task.draft === undefined) {
    throw new ShoalError(
      'USAGE',
      `the tensors of a model tell too little for ${task.name}: write a card (docs/variants.md) and name it with --card`,
    );
  }
  const { draft, labels } = firstFitting(request, task.draft(foreign), foreign);
  const licence = request.licence ?? metadata.get('license') ?? null;
  const remarks = [
    ...draft.remarks,
    ...(remark === null ? [] : [remark]),
    ...(request.labels === null && known.length > 0 ? [`${known.length} labels stand in the file's metadata`] : []),
    ...(known.length === 0 && labels.length > 0
      ? [`nobody named the ${labels.length} classes: name them with --labels FILE, a line each`]
      : []),
    ...(licence === null
      ? ['nobody said under which licence the weights are, nor whether it allows commercial use: name it with --licence']
      : []),
    ...(request.licence === null && licence !== null ? [`the file's metadata says that its licence is ${licence}`] : []),
  ];
  const card: CardFacts = {
    name: request.name,
    version: request.version,
    task: task.name,
    title: (metadata.get('description') || `Imported from ${request.file}`).slice(0, 200),
    licence: (licence ?? unknownLicence).slice(0, 200),
    source: {
      upstream: request.upstream,
      note: `imported from ${request.file}, SHA-256 ${request.sha256}`.slice(0, 2000),
    },
    inputs: foreign.inputs.map(written),
    outputs: (draft.outputs ?? foreign.outputs).map(written),
    params: { ...draft.params },
    ...(labels.length === 0 ? {} : { labels: labelsFile }),
    commercial_use: !nonCommercial.test(licence ?? ''),
    quality: [],
    golden: [],
  };
  return { card, labels, remarks };
}

interface Fitting {
  readonly draft: CardDraft;
  readonly labels: readonly string[];
}

function firstFitting({ name, version, task }: DraftRequest, drafts: readonly CardDraft[], foreign: ForeignModel): Fitting {
  const reasons: string[] = [];
  for (const draft of drafts) {
    const labels = foreign.labels.length > 0 ? foreign.labels : (draft.labels ?? []);
    try {
      task.fit({
        inputs: foreign.inputs,
        outputs: draft.outputs ?? foreign.outputs,
        name,
        version,
        task: task.name,
        params: draft.params,
        labels,
      });
      return { draft, labels };
    } catch (error) {
      reasons.push(reasonOf(error));
    }
  }
  const shown = [...foreign.inputs, ...foreign.outputs].map((spec) => `${spec.name} ${spec.dtype}[${spec.shape.join(',')}]`).join(', ');
  const why = reasons.length === 0 ? 'it knows no model with such tensors' : [...new Set(reasons)].slice(0, 3).join('; ');
  throw new ShoalError(
    'MODEL_INVALID',
    `the tensors (${shown}) do not suit ${task.name}: ${why}. Another --task, or a --card of your own?`,
  );
}

/** As a card holds it. */
function written({ name, dtype, shape }: TensorSpec): CardFacts['inputs'][number] {
  return { name, dtype, shape: [...shape] };
}

/** A picture's task needs fixed sizes, so free ones are given those the draft was made with. */
function specOf({ name, type, stated, shape }: ValueReport): TensorSpec {
  if (!isDtype(type)) {
    throw new ShoalError('MODEL_INVALID', `the tensor ${name} holds ${type}; float32, int64, int32, uint8, int8 and bool can be used`);
  }
  const sizes = shape ?? stated;
  if (sizes === null) throw new ShoalError('MODEL_INVALID', `the file does not say the shape of ${name}: export it with shapes`);
  return { name, dtype: type, shape: sizes.map((size, axis) => size ?? stated?.[axis] ?? `${name}_${axis}`).map(freeNamed) };
}

function freeNamed(size: number | string, axis: number): number | string {
  return typeof size === 'number' && size > 0 ? size : `${size}` === '' || typeof size === 'number' ? `free_${axis}` : size;
}

/** The side of what was not fixed when the file was exported: as told, as its metadata has it, or the usual one. */
function freeSizes(
  { model, side }: DraftRequest,
  metadata: ReadonlyMap<string, string>,
): { readonly sizes: ReadonlyMap<string, number>; readonly remark: string | null } {
  const free = inspectModel(model).dimensions.filter(({ size }) => size !== 1);
  if (free.length === 0) return { sizes: new Map(), remark: null };
  const told = /^\[(\d{1,5}), (\d{1,5})\]$/.exec(metadata.get('imgsz') ?? '');
  const [height, width] = side !== null ? [side, side] : told !== null ? [Number(told[1]), Number(told[2])] : [usualSide, usualSide];
  const sizes = new Map(free.map(({ name }, i) => [name, i % 2 === 0 ? height : width]));
  const source = side !== null ? 'as told' : told !== null ? "as the file's metadata has it" : 'which is usual; name another with --side';
  return { sizes, remark: `the sizes ${[...sizes.keys()].join(' and ')} are free in the file; ${height} x ${width} is taken, ${source}` };
}

const moving = new Set(['Identity', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze']);
const movesMax = 8;

/** Looked through: what only writes a value otherwise says nothing of what it means. */
const transparent = new Set(['Identity', 'Reshape', 'Transpose', 'Squeeze', 'QuantizeLinear', 'DequantizeLinear']);

function makersOf({ graph }: OnnxModel, outputs: readonly string[]): Record<string, string> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const operatorOf = (name: string): string => {
    let node = makers.get(name);
    // A chain of them is shorter than the graph, also where a hostile file makes a ring of it.
    for (let i = 0; i < graph.nodes.length && node !== undefined && transparent.has(node.op); i++) node = makers.get(node.inputs[0] ?? '');
    return node?.op ?? '';
  };
  return Object.fromEntries(outputs.map((name) => [name, operatorOf(name)]));
}

/** Of the inputs whose first and only reader, looking through what only moves values, makes bytes of them. */
function rangesOf({ graph }: OnnxModel, inputs: readonly string[]): Record<string, [number, number]> {
  const found: Record<string, [number, number]> = {};
  for (const input of inputs) {
    let readers = graph.nodes.filter((node) => node.inputs.includes(input));
    for (let i = 0; i < movesMax && readers.length === 1 && moving.has(readers[0]?.op ?? ''); i++) {
      const [moved] = readers[0]?.outputs ?? [];
      readers = graph.nodes.filter((node) => node.inputs[0] === moved);
    }
    const [reader, ...more] = readers;
    if (reader?.op !== 'QuantizeLinear' || more.length > 0) continue;
    const [scale, zero] = reader.inputs.slice(1).map((name) => graph.initializers.find((tensor) => tensor.name === name));
    const [step, ...steps] = floatsOf(scale) ?? [];
    if (step === undefined || steps.length > 0 || zero?.data.length !== 1) continue;
    const signed = zero.type === dataType.int8;
    const [byte = 0] = signed ? new Int8Array(zero.data) : zero.data;
    found[input] = signed ? [(-128 - byte) * step, (127 - byte) * step] : [-byte * step, (255 - byte) * step];
  }
  return found;
}

/** Exporters of the YOLO family leave `{0: 'person', 1: 'bicycle'}` under `names`, as Python prints it. */
function labelsIn(metadata: ReadonlyMap<string, string>): readonly string[] {
  const labels: string[] = [];
  for (const [, index, single, double] of (metadata.get('names') ?? '').matchAll(/(\d{1,6}): (?:'([^']{0,200})'|"([^"]{0,200})")/g)) {
    if (Number(index) !== labels.length || labels.length >= limits.labelsMax) return [];
    labels.push(single ?? double ?? '');
  }
  return labels;
}
