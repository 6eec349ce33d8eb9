/**
 * The card that an import proposes: tensors as the file has them, labels and licence as far as anybody says, params as the task guesses.
 *
 * Every guess is a remark: a person confirms them all at once, or writes the card to a file and mends it.
 */
import { inspectModel, type ValueReport } from '../../compile/inspect/inspect-model.js';
import { metadataOf } from '../../compile/onnx/metadata.js';
import { readModel } from '../../compile/onnx/read.js';
import type { CardDraft, Task } from '../../core/contracts.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
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
  readonly upstream: string | null;
}

export interface DraftedCard {
  readonly card: CardFacts;
  readonly labels: readonly string[];
  /** What is a guess, and on what grounds. */
  readonly remarks: readonly string[];
}

const labelsFile = 'labels.txt';
const unknownLicence = 'LicenseRef-unknown';

/** Throws MODEL_INVALID when no proposal of the task suits the tensors, with the reason for each. */
export function draftCard(request: DraftRequest): DraftedCard {
  const { task } = request;
  const metadata = metadataOf(readModel(request.model));
  const { inputs, outputs } = inspectModel(request.model);
  const known = request.labels ?? labelsIn(metadata);
  const foreign = { inputs: inputs.map(specOf), outputs: outputs.map(specOf), labels: known };
  if (task.draft === undefined) {
    throw new ShoalError(
      'USAGE',
      `the tensors of a model tell too little for ${task.name}: write a card (docs/models.md) and name it with --card`,
    );
  }
  const { draft, labels } = firstFitting(request, task.draft(foreign), foreign);
  const licence = request.licence ?? metadata.get('license') ?? null;
  const remarks = [
    ...draft.remarks,
    ...(request.labels === null && known.length > 0 ? [`${known.length} labels stand in the file's metadata`] : []),
    ...(known.length === 0 && labels.length > 0
      ? [`nobody named the ${labels.length} classes: name them with --labels FILE, a line each`]
      : []),
    ...(licence === null ? ['nobody said under which licence the weights are: name it with --licence'] : []),
    ...(request.licence === null && licence !== null ? [`the file's metadata says that its licence is ${licence}`] : []),
  ];
  const card: CardFacts = {
    name: request.name,
    version: request.version,
    task: task.name,
    title: (metadata.get('description') || `Imported from ${request.file}`).slice(0, 200),
    licence: (licence ?? unknownLicence).slice(0, 200),
    source: {
      upstream: request.upstream ?? 'file:///',
      note: `imported from ${request.file}, SHA-256 ${request.sha256}`.slice(0, 2000),
    },
    inputs: foreign.inputs.map(written),
    outputs: (draft.outputs ?? foreign.outputs).map(written),
    params: { ...draft.params },
    ...(labels.length === 0 ? {} : { labels: labelsFile }),
    quality: [],
    golden: [],
  };
  return { card, labels, remarks };
}

interface Fitting {
  readonly draft: CardDraft;
  readonly labels: readonly string[];
}

function firstFitting(
  { name, version, task }: DraftRequest,
  drafts: readonly CardDraft[],
  foreign: { readonly inputs: readonly TensorSpec[]; readonly outputs: readonly TensorSpec[]; readonly labels: readonly string[] },
): Fitting {
  const reasons: string[] = [];
  for (const draft of drafts) {
    const labels = foreign.labels.length > 0 ? foreign.labels : (draft.labels ?? []);
    try {
      task.fit({ ...foreign, outputs: draft.outputs ?? foreign.outputs, name, version, task: task.name, params: draft.params, labels });
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

function specOf({ name, type, stated, shape }: ValueReport): TensorSpec {
  if (!isDtype(type)) {
    throw new ShoalError('MODEL_INVALID', `the tensor ${name} holds ${type}; float32, int64, int32, uint8, int8 and bool can be used`);
  }
  const sizes = stated ?? shape;
  if (sizes === null) throw new ShoalError('MODEL_INVALID', `the file does not say the shape of ${name}: export it with shapes`);
  return {
    name,
    dtype: type,
    shape: sizes.map((size, axis) => (typeof size === 'number' && size > 0 ? size : `${size || `${name}_${axis}`}`)),
  };
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
