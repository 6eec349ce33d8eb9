/**
 * What a task is, and the ports through which it sees a capture: the engine owns decoders and sessions, tasks stay pure.
 */
import type { z } from 'zod';
import type { CardDraft, ForeignModel } from './card-draft.js';
import type { Reads } from './form.js';
import type { ModelFacts } from './model.js';
import type { Observation } from './result.js';
import type { Series } from './series.js';
import type { Tensors } from './tensor.js';
import type { PixelNormalisation, SampleScore } from './workbench.js';

/** Interleaved 8-bit pixels, row-major, `channels` values each (RGB, or 1 for grey). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** The decoded image behind a port: the engine owns the decoder, tasks stay pure. Sizes are in pixels after EXIF rotation. */
export interface ImagePort {
  readonly width: number;
  readonly height: number;
  /** The whole image as RGB; memoised by the engine, so do not write into it. */
  pixels(): Promise<Pixels>;
  /** Stretched to exactly `width` x `height`, RGB; bilinear unless stated. The caller owns the bytes. */
  resize(width: number, height: number, kernel?: 'linear' | 'cubic'): Promise<Pixels>;
  /** A part of it as an image of its own: a view, nothing is copied until it is asked for. Throws SHOAL_INTERNAL for what is not inside. */
  part(area: Area): ImagePort;
}

/** Whole pixels of an image: within it, and at least one each way. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Mono samples -1..1. The engine memoises a rate; do not write into it. */
export interface AudioPort {
  readonly durationS: number;
  readonly rateHz: number;
  /** Resampled to `rateHz` when the file has another rate. */
  samples(rateHz: number): Promise<Float32Array>;
}

/** The encoded bytes of a capture, whatever it is: the engine owns the file, a task looks at parts of it. */
export interface FilePort {
  readonly bytes: number;
  /**
   * The bytes from `offset` on: `length` of them, fewer where the file ends. The caller owns them. Rejects with CAPTURE_CHANGED when it
   * is no longer the file that was claimed, with CAPTURE_TOO_LARGE for more than `limits.fileRangeBytesMax`.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What goes from window to window of a stream: a task that is given this hears the capture as the next part of one recording. */
export interface StreamPort {
  /** What the last window gave to `keep`; null where there is none, or where it does not lead up to this one. Do not write into it. */
  readonly state: Uint8Array | null;
  /** Once a run: what the next window gets, at most `limits.stateBytesMax`; given away. Throws INFERENCE for more. */
  keep(state: Uint8Array): void;
}

/**
 * What a stateful task makes of captures that were left out between the last it saw and this one. `reset`: it starts afresh, since what it knows
 * holds only where the last one ended. `bridge`: it goes on, what it knows ages slowly.
 */
export interface Stateful {
  readonly gaps: 'reset' | 'bridge';
}

/** What a task gets to work on one capture. `measure` attributes time in the trace; time in `infer` is counted by itself. */
export interface TaskInput<Options> {
  readonly image: ImagePort | null;
  readonly audio: AudioPort | null;
  /** A window of a signal; shared by all stages, so do not write into it. */
  readonly series: Series | null;
  readonly text: string | null;
  /** There for a task that reads `file`. */
  readonly file: FilePort | null;
  /** With `each:` the observations of that stage, else null. The task answers with `of` set to the index. */
  readonly each: readonly Observation[] | null;
  readonly model: ModelFacts;
  readonly options: Options;
  /** For a stateful task whose capture is a window of a stream; absent where a capture stands for itself. */
  readonly stream?: StreamPort;
  infer(feeds: Tensors): Promise<Tensors>;
  /**
   * Gives the later stages of the pipeline mono samples -1..1 at `rateHz` to hear instead of the recording, as long as it and in time with
   * it; they are given away.
   */
  replaceAudio?(samples: Float32Array, rateHz: number): void;
  measure<T>(phase: 'preprocess' | 'postprocess', work: () => T | Promise<T>): Promise<T>;
}

/** Compares two answers of a task on one capture; pure. `reference` is the truth, or another model's answer. */
export interface TaskMetric {
  /** What is counted, in the plural: `characters, spaces ignored`. */
  readonly name: string;
  /** How many errors per thing counted a variant may make more than the original (upper 95 % bound), where the operator says nothing else. */
  readonly budget: number;
  score(reference: readonly Observation[], found: readonly Observation[]): SampleScore;
  /** Which of the observations found are right, in their order. Absent where a score is no claim that can be right or wrong. */
  right?(truth: readonly Observation[], found: readonly Observation[]): readonly boolean[];
}

export interface Task<Options = unknown> {
  /** Verb-object. */
  readonly name: string;
  readonly summary: string;
  /** A decoded image, recording, series or text, or the bytes of any file. */
  readonly reads: Reads;
  /** Whether it works on the observations of an earlier stage. */
  readonly takesEach: boolean;
  /** What it makes of an observation beyond its box, for a person: `turns each face by its eyes`. A stage of it takes no `crop`, which would hide that. */
  readonly cutsOut?: string;
  /** Whether it gives later stages another recording: only then it gets `replaceAudio`. */
  readonly givesAudio?: true;
  /** Whether it keeps something from one window of a stream to the next: only then it gets `stream`. */
  readonly stateful?: Stateful;
  /** Judged on whole captures though it takes observations: those beside a sample are for tasks that need them. */
  readonly judgedWhole?: true;
  /** The task that finds what this one looks at, for a person who asks for this one alone. */
  readonly looksAt?: string;
  /** The command that makes its models on the board, and the option that names the examples; absent where models are shipped. */
  readonly learnedBy?: { readonly command: string; readonly from: string };
  readonly options: z.ZodType<Options>;
  /** What decides whether a variant is as good as another. */
  readonly metric: TaskMetric;
  /** A second look at the same answers, reported beside the first, never decisive. */
  readonly alsoMetric?: Omit<TaskMetric, 'budget'>;
  /** Throws MODEL_INVALID, naming what does not suit, when the card's tensors, params or labels do not fit this task. */
  fit(model: ModelFacts): void;
  /** Throws CONFIG_INVALID when options, valid by themselves, ask of this model what it does not have. */
  fitOptions?(model: ModelFacts, options: Options): void;
  /**
   * Cards to propose for a foreign model, likeliest first; those that `fit` refuses are passed over. Absent where tensors tell too
   * little, so that only a card written by hand can.
   */
  draft?(model: ForeignModel): readonly CardDraft[];
  /**
   * How it normalises pixels for this model, where it would as well feed them as they are; null for a model that takes them so already.
   * Throws what `fit` throws.
   */
  pixels?(model: ModelFacts): PixelNormalisation | null;
  /** Pure but for the ports. Throws ShoalError. */
  run(input: TaskInput<Options>): Promise<Observation[]>;
}
