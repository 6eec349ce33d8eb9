/**
 * What stands for a sample of each form, and the model that is made of it: the embedding of a sound or an image, the features of a series, the
 * buckets of a text.
 *
 * Guarantees: a row is what the learned model is shown of the sample when a stage looks at it with default options.
 */
import { readFile } from 'node:fs/promises';
import { ShoalError } from '../../../core/errors.js';
import { type Form, seriesMediaType } from '../../../core/form.js';
import { limits } from '../../../core/limits.js';
import { type Model, modelRef } from '../../../core/model.js';
import { encodeSeries, type Series } from '../../../core/series.js';
import type { Task } from '../../../core/task.js';
import { openSeries } from '../../../engine/series.js';
import { openText } from '../../../engine/text.js';
import { type ClassModel, classesOnBuckets, classesOnEmbedding, classesOnFeatures } from '../../../learn/classes/class-model.js';
import { bucketRows, denseRows, type Rows } from '../../../learn/classes/features.js';
import type { Linear } from '../../../learn/classes/logistic.js';
import { type NamedSeries, type SeriesWish, seriesParams, seriesRows, withRate } from '../../../learn/classes/series-subject.js';
import { classifyImage } from '../../../tasks/classify-image.js';
import { classifySeries } from '../../../tasks/classify-series.js';
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
  /** Of the learned model, but for what the fit sets. */
  readonly params: Readonly<Record<string, unknown>>;
}

export interface ClassSubject {
  /** What the learned model is for. */
  readonly task: Task;
  readonly things: string;
  /** What stands for a sample, for a person. */
  readonly on: string;
  rowsOf(samples: readonly FileSample[]): Promise<SampleRows>;
  modelOf(linear: Linear): Promise<ClassModel>;
  /** The sample as a stage would be given it, where that is not its file. */
  shown?(sample: FileSample): Promise<FileSample>;
}

export interface SubjectPlace {
  /** `name` or `name@version` of the embedding that was asked for. */
  readonly embedding: string | undefined;
  find(ref: string): Model | null;
  defaultFor(task: string): Model | null;
}

/** Throws USAGE or MODEL_MISSING. */
export function subjectOf(form: Form, place: SubjectPlace, wish: SeriesWish): ClassSubject {
  if (form !== 'series' && (wish.rateHz !== undefined || wish.windowS !== undefined || wish.level)) {
    throw new ShoalError('USAGE', `--rate, --window and --level are for series, these samples are ${form}`);
  }
  if (form === 'audio') return onEmbedding(embedAudio, { per: 'window' }, classifySound, 'sounds', {}, place);
  if (form === 'image') return onEmbedding(embedImage, {}, classifyImage, 'images', { activation: 'none' }, place);
  if (place.embedding !== undefined) throw new ShoalError('USAGE', `--embedding is for sounds and images; a ${form} needs none`);
  return form === 'text' ? onText : onSeries(wish);
}

/** By `npm run bench -- learn`: longer runs of words or characters, or more buckets, brought nothing. */
const textFeatures: TextFeatureParams = { buckets: 1 << 16, words: 2, characters: [2, 4] };

const onText: ClassSubject = {
  task: classifyText,
  things: 'texts',
  on: 'hashed words and characters',
  async rowsOf(samples) {
    const buckets: Int32Array[] = [];
    for (const { content } of samples) {
      buckets.push(textBuckets(openText('bytes' in content ? content.bytes : await readFile(content.path)), textFeatures));
    }
    return {
      rows: bucketRows(buckets, textFeatures.buckets),
      sampleOf: Int32Array.from(samples, (_, i) => i),
      dense: false,
      params: { features: textFeatures },
    };
  },
  modelOf: async (linear) => classesOnBuckets(linear),
};

function onSeries(wish: SeriesWish): ClassSubject {
  return {
    task: classifySeries,
    things: 'series',
    on: 'statistics and spectral bands',
    async rowsOf(samples) {
      const all: NamedSeries[] = [];
      for (const sample of samples) all.push({ name: sample.name, series: await seriesOf(sample, wish) });
      const features = seriesParams(all, wish);
      const { rows, sampleOf } = seriesRows(all, features);
      return { rows: denseRows(rows, rows[0]?.length ?? 0), sampleOf, dense: true, params: { features } };
    },
    modelOf: async (linear) => classesOnFeatures(linear),
    async shown(sample) {
      const bytes = encodeSeries(await seriesOf(sample, wish));
      return { ...sample, content: { bytes }, mediaType: seriesMediaType, bytes: bytes.length };
    },
  };
}

async function seriesOf({ name, content, mediaType }: FileSample, wish: SeriesWish): Promise<Series> {
  const series = openSeries('bytes' in content ? content.bytes : await readFile(content.path), mediaType);
  return withRate({ name, series }, wish);
}

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
    throw new ShoalError(
      'MODEL_MISSING',
      `${wanted}, and classes of ${things} are learned on one; "shoal models list" shows those there are`,
    );
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
    rowsOf: async (samples) => ({
      ...(await embeddingRows(new TaskEngine(embed, model, variant.name, options), samples)),
      params: { ...model.params, ...params },
    }),
    modelOf: async (linear) => classesOnEmbedding(await readFile(variant.path), output?.name ?? '', inputs, linear),
  };
}

async function embeddingRows(engine: TaskEngine, samples: readonly FileSample[]): Promise<Omit<SampleRows, 'params'>> {
  const all: (readonly number[])[] = [];
  const sampleOf: number[] = [];
  try {
    for (const [i, sample] of samples.entries()) {
      for (const { embedding = [] } of await engine.run(sample)) {
        if (all.length >= limits.learnRowsMax) {
          throw new ShoalError(
            'LEARN_REFUSED',
            `the samples have more than ${limits.learnRowsMax} windows, by ${sample.name}: use fewer or shorter ones`,
          );
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
