/**
 * What stands for a sample of each form, and the model that is made of it: the embedding of a sound or an image, the buckets of a text.
 *
 * Guarantees: a row is what the learned model is shown of the sample when a stage looks at it with default options.
 */
import { readFile } from 'node:fs/promises';
import { ShoalError } from '../../../core/errors.js';
import type { Form } from '../../../core/form.js';
import { limits } from '../../../core/limits.js';
import { type Model, modelRef } from '../../../core/model.js';
import type { Task } from '../../../core/task.js';
import { openText } from '../../../engine/text.js';
import { type ClassModel, classesOnBuckets, classesOnEmbedding } from '../../../learn/classes/class-model.js';
import { bucketRows, denseRows, type Rows } from '../../../learn/classes/features.js';
import type { Linear } from '../../../learn/classes/logistic.js';
import { classifyImage } from '../../../tasks/classify-image.js';
import { classifySound } from '../../../tasks/classify-sound.js';
import { classifyText } from '../../../tasks/classify-text.js';
import { embedAudio } from '../../../tasks/embed-audio.js';
import { embedImage } from '../../../tasks/embed-image.js';
import { type TextFeatureParams, textBuckets } from '../../../tasks/text-features.js';
import type { FileSample } from './read-samples.js';
import { TaskEngine } from './task-engine.js';

/** Rows of the samples in their order, and the sample of each. */
export interface SampleRows {
  readonly rows: Rows;
  readonly sampleOf: Int32Array;
  readonly dense: boolean;
}

export interface ClassSubject {
  /** What the learned model is for. */
  readonly task: Task;
  readonly things: string;
  /** What stands for a sample, for a person. */
  readonly on: string;
  /** Of the learned model, but for what learning sets. */
  readonly params: Readonly<Record<string, unknown>>;
  rowsOf(samples: readonly FileSample[]): Promise<SampleRows>;
  modelOf(linear: Linear): Promise<ClassModel>;
}

export interface SubjectPlace {
  /** `name` or `name@version` of the embedding that was asked for. */
  readonly embedding: string | undefined;
  find(ref: string): Model | null;
  defaultFor(task: string): Model | null;
}

/** Throws USAGE or MODEL_MISSING. */
export function subjectOf(form: Form, place: SubjectPlace): ClassSubject {
  if (form === 'audio') return onEmbedding(embedAudio, { per: 'window' }, classifySound, 'sounds', {}, place);
  if (form === 'image') return onEmbedding(embedImage, {}, classifyImage, 'images', { activation: 'none' }, place);
  if (place.embedding !== undefined) throw new ShoalError('USAGE', `--embedding is for sounds and images; a ${form} needs none`);
  if (form === 'text') return onText;
  throw new ShoalError('USAGE', `classes of ${form} cannot be learned`);
}

/** By `npm run bench -- learn`: longer runs of words or characters, or more buckets, brought nothing. */
const textFeatures: TextFeatureParams = { buckets: 1 << 16, words: 2, characters: [2, 4] };

const onText: ClassSubject = {
  task: classifyText,
  things: 'texts',
  on: 'hashed words and characters',
  params: { features: textFeatures },
  async rowsOf(samples) {
    const buckets: Int32Array[] = [];
    for (const { content } of samples) {
      buckets.push(textBuckets(openText('bytes' in content ? content.bytes : await readFile(content.path)), textFeatures));
    }
    return { rows: bucketRows(buckets, textFeatures.buckets), sampleOf: Int32Array.from(samples, (_, i) => i), dense: false };
  },
  modelOf: async (linear) => classesOnBuckets(linear),
};

function onEmbedding(
  embed: Task,
  options: Readonly<Record<string, unknown>>,
  task: Task,
  things: string,
  params: Readonly<Record<string, unknown>>,
  { embedding, find, defaultFor }: SubjectPlace,
): ClassSubject {
  const model = embedding === undefined ? defaultFor(embed.name) : find(embedding);
  const [variant] = model?.variants ?? [];
  if (model === null || variant === undefined) {
    const wanted = embedding === undefined ? `no model for ${embed.name} is there` : `there is no model ${embedding}`;
    throw new ShoalError('MODEL_MISSING', `${wanted}, and classes of ${things} are learned on one; "shoal models list" shows those there are`);
  }
  if (model.task !== embed.name) {
    throw new ShoalError('USAGE', `${modelRef(model)} is for ${model.task}; classes of ${things} are learned on a model for ${embed.name}`);
  }
  const inputs = variant.inputs ?? model.inputs;
  const [output] = variant.outputs ?? model.outputs;
  return {
    task,
    things,
    on: modelRef(model),
    params: { ...model.params, ...params },
    rowsOf: (samples) => embeddingRows(new TaskEngine(embed, model, variant.name, options), samples),
    modelOf: async (linear) => classesOnEmbedding(await readFile(variant.path), output?.name ?? '', inputs, linear),
  };
}

async function embeddingRows(engine: TaskEngine, samples: readonly FileSample[]): Promise<SampleRows> {
  const all: (readonly number[])[] = [];
  const sampleOf: number[] = [];
  try {
    for (const [i, sample] of samples.entries()) {
      for (const { embedding = [] } of await engine.run(sample)) {
        if (all.length >= limits.learnRowsMax) {
          throw new ShoalError('USAGE', `the samples have more than ${limits.learnRowsMax} windows, by ${sample.name}: use fewer or shorter ones`);
        }
        all.push(embedding);
        sampleOf.push(i);
      }
    }
  } finally {
    await engine.stop();
  }
  return { rows: denseRows(all, all[0]?.length ?? 0), sampleOf: Int32Array.from(sampleOf), dense: true };
}
