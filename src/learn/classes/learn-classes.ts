/**
 * From examples of classes to what is written as a model: fitted, judged on held-out samples, and told with all its figures. Pure.
 */
import type { Learned } from '../write-learned.js';
import type { ClassModel } from './class-model.js';
import { type Examples, type Fitted, fitClasses } from './fit-classes.js';
import { type Judgement, judgeClasses } from './judge-classes.js';
import type { Sample } from './samples.js';

/** The division into folds is the same every time: who learns again from the same samples gets the same model. */
const seed = 20_061;

export interface Classes {
  readonly labels: readonly string[];
  readonly samples: readonly Sample[];
  readonly fitted: Fitted;
  readonly judgement: Judgement;
}

/** `sure`: of what is told so much is to be right, 0..1. Throws LEARN_REFUSED for classes that cannot be told apart. */
export function learnClasses(examples: Examples, samples: readonly Sample[], labels: readonly string[], sure: number): Classes {
  const fitted = fitClasses(examples, seed);
  return { labels, samples, fitted, judgement: judgeClasses(fitted, examples.classOf, labels, sure) };
}

/** What a classifier was made for and of. */
export interface Subject {
  readonly name: string;
  readonly task: string;
  /** In the plural: `sounds`. */
  readonly things: string;
  /** `name@version` of the embedding, or what else stands for a sample: `hashed words and characters`. */
  readonly on: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export function learnedClasses(
  { labels, samples, fitted, judgement }: Classes,
  subject: Subject,
  { onnx, inputs, outputs }: ClassModel,
): Learned {
  const { name, task, things, on, params } = subject;
  const groups = samples.some(({ group }) => group !== null);
  const data = `${samples.length} ${things} of ${labels.length} classes, each judged by a fit without it${groups ? ' and its group' : ''}, in ${fitted.folds} parts`;
  const quality = (metric: string, value: number) => ({ metric, value: rounded(value), data, measured_by: 'shoal learn classes' });
  const counts = labels.map((label, i) => `${label} ${samples.filter((sample) => sample.label === i).length}`);
  return {
    name,
    task,
    title: `${labels.length} classes learned from ${samples.length} ${things}`,
    onnx,
    inputs,
    outputs,
    params,
    labels,
    quality: [
      quality('share of samples whose likeliest class is theirs', judgement.right),
      quality('mean over the classes of that share', judgement.balanced),
      quality(`share of samples that are told, from min_score ${judgement.minScore} on`, judgement.told),
      quality('share of those told that are right', judgement.rightOfTold),
      quality('mean distance of the score from how often it is right', judgement.calibrationError),
    ],
    note: `Learned on ${on} from ${samples.length} ${things}: ${counts.join(', ')}.`,
    evidence: {
      learned: 'classes',
      on,
      labels,
      counts: Object.fromEntries(labels.map((label, i) => [label, samples.filter((sample) => sample.label === i).length])),
      strength: fitted.strength,
      temperature: rounded(fitted.temperature),
      folds: fitted.folds,
      ...figuresOf({ labels, samples, judgement }),
    },
  };
}

/** As `--json` and `learned.json` have them. */
export function figuresOf({ labels, samples, judgement }: Pick<Classes, 'labels' | 'samples' | 'judgement'>): Record<string, unknown> {
  return {
    right: rounded(judgement.right),
    right_between: judgement.rightBetween.map(rounded),
    recall: Object.fromEntries(labels.map((label, i) => [label, rounded(judgement.recall[i] ?? 0)])),
    confusion: judgement.confusion,
    min_score: judgement.minScore,
    told: rounded(judgement.told),
    right_of_told: rounded(judgement.rightOfTold),
    calibration_error: rounded(judgement.calibrationError),
    doubtful: judgement.doubtful.map(({ classes: [a, b], right, samples: of }) => ({
      classes: [labels[a], labels[b]],
      right,
      samples: of,
    })),
    suspicious: judgement.suspicious.map(({ sample, looksLike, score, own }) => ({
      sample: samples[sample]?.name,
      label: labels[samples[sample]?.label ?? 0],
      looks_like: labels[looksLike],
      score: rounded(score),
      own: rounded(own),
    })),
  };
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
