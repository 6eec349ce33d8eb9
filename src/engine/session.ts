/**
 * ONNX sessions: the only door to onnxruntime-node.
 *
 * Guarantees: the model is loaded from bytes whose SHA-256 is the card's, names and types of its tensors agree with
 * the card before the first run, and every tensor is checked before it reaches the runtime. `run` blocks the thread
 * (onnxruntime-node 1.30 runs synchronously), so this lives in an engine process only. Deliberately knows no task.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { reasonOf, ShoalError } from '../core/errors.js';
import { asVariant, type Model, type ModelFacts, type ModelVariant, modelRef } from '../core/model.js';
import { checkTensor, type Dtype, isDtype, type Tensor, type TensorData, type TensorSpec, type Tensors } from '../core/tensor.js';

export interface SessionOptions {
  /** Threads within one operator. */
  readonly threads: number;
  /** Keep freed memory for the next run: faster for changing shapes, larger at rest. */
  readonly arena: boolean;
  /** Run the graph as it is written instead of as the runtime would rather have it: every tensor of the file is then there to be seen. */
  readonly asWritten?: boolean;
}

type Ort = typeof import('onnxruntime-node');

let loaded: Promise<Ort> | undefined;

/** Telemetry is on by default on x64 and is decided at load time. */
function runtime(): Promise<Ort> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  loaded ??= import('onnxruntime-node').then((module) => ('default' in module ? (module.default as Ort) : module));
  return loaded;
}

export class Session {
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  readonly #model: ModelFacts;

  private constructor(ort: Ort, session: InferenceSession, model: ModelFacts) {
    this.#ort = ort;
    this.#session = session;
    this.#model = model;
  }

  /** Throws MODEL_MISSING, MODEL_HASH, MODEL_INVALID (the runtime refuses it) or MODEL_TENSOR (it disagrees with its card). */
  static async open(model: Model, variant: ModelVariant, options: SessionOptions): Promise<Session> {
    const bytes = await readFile(variant.path).catch((cause: unknown) => {
      throw new ShoalError('MODEL_MISSING', `model ${modelRef(model)}: cannot read ${variant.path}: ${reasonOf(cause)}`, { cause });
    });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== variant.sha256) {
      throw new ShoalError(
        'MODEL_HASH',
        `model ${modelRef(model)}: ${variant.path} has SHA-256 ${sha256}, its card says ${variant.sha256}`,
      );
    }
    return Session.fromBytes(asVariant(model, variant), bytes, variant.path, options);
  }

  /** Opens a model whose bytes are trusted already; `from` names them in errors. Throws MODEL_INVALID or MODEL_TENSOR. */
  static async fromBytes(model: ModelFacts, bytes: Uint8Array, from: string, options: SessionOptions): Promise<Session> {
    const ort = await runtime();
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: options.asWritten === true ? 'disabled' : 'all',
      enableCpuMemArena: options.arena,
      // A pattern is kept for every shape ever seen, and lines of text come in many widths.
      enableMemPattern: false,
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' }, disable_quant_qdq: '0' } },
    }).catch((cause: unknown) => {
      throw new ShoalError('MODEL_INVALID', `model ${modelRef(model)}: the runtime refuses ${from}: ${reasonOf(cause)}`, { cause });
    });
    const opened = new Session(ort, session, model);
    opened.#agree('input', model.inputs, session.inputMetadata);
    opened.#agree('output', model.outputs, session.outputMetadata);
    return opened;
  }

  /** Runs once; answers the outputs of the card. Throws MODEL_TENSOR for feeds that do not fit, INFERENCE when the runtime fails. */
  run(feeds: Tensors): Promise<Tensors> {
    return this.#run(
      feeds,
      this.#model.outputs.map((spec) => spec.name),
    );
  }

  /** Runs once; answers every output of the file whose type `Tensor` knows, in the order of the file. Throws as `run` does. */
  runAll(feeds: Tensors): Promise<Tensors> {
    const known = this.#session.outputMetadata.filter((output) => output.isTensor && isDtype(output.type));
    return this.#run(
      feeds,
      known.map((output) => output.name),
    );
  }

  async #run(feeds: Tensors, names: readonly string[]): Promise<Tensors> {
    const ortFeeds: Record<string, OrtTensor> = {};
    for (const spec of this.#model.inputs) {
      const tensor = feeds[spec.name];
      if (tensor === undefined) throw new ShoalError('MODEL_TENSOR', `model ${modelRef(this.#model)}: input "${spec.name}" was not fed`);
      checkTensor(spec, tensor);
      ortFeeds[spec.name] = new this.#ort.Tensor(tensor.dtype, tensor.data as Float32Array, tensor.shape);
    }
    try {
      const outputs = await this.#session.run(ortFeeds, names);
      return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, fromOrt(output)]));
    } catch (cause) {
      throw new ShoalError('INFERENCE', `model ${modelRef(this.#model)}: the run failed: ${reasonOf(cause)}`, { cause });
    }
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  #agree(side: 'input' | 'output', specs: readonly TensorSpec[], found: readonly InferenceSession.ValueMetadata[]): void {
    for (const spec of specs) {
      const metadata = found.find((candidate) => candidate.name === spec.name);
      const actual = metadata?.isTensor ? `${metadata.type}[${metadata.shape.join(',')}]` : 'nothing of that name';
      const agrees =
        metadata?.isTensor === true &&
        metadata.type === spec.dtype &&
        (metadata.shape.length === 0 || metadata.shape.length === spec.shape.length) &&
        spec.shape.every(
          (size, axis) => typeof size !== 'number' || typeof metadata.shape[axis] !== 'number' || metadata.shape[axis] === size,
        );
      if (!agrees) {
        const names = found.map((candidate) => candidate.name).join(', ');
        throw new ShoalError(
          'MODEL_TENSOR',
          `model ${modelRef(this.#model)}: ${side} "${spec.name}" is ${actual}, its card says ${spec.dtype}[${spec.shape.join(',')}]; the file has ${names}`,
        );
      }
    }
  }
}

function fromOrt(tensor: OrtTensor): Tensor {
  return { dtype: tensor.type as Dtype, shape: tensor.dims, data: tensor.data as TensorData };
}
