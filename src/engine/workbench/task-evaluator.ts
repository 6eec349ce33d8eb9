/**
 * The evaluator the compiler is given: runs candidates over the held-out samples through the task, and says what they get wrong,
 * what a run costs and what memory they take.
 *
 * Guarantees: sessions are as in production but for one thread; all candidates of a call see the same samples and the same feeds; costs
 * are measured alternately, memory in a process of its own each. A candidate that cannot run is an evaluation with its `failure`;
 * only when the original cannot is there nothing to compare with. Where the original takes longer over the samples than
 * `limits.heldOutMs`, the rest of them is left out of all calls (at least `limits.heldOutSamplesMin` stay).
 */
import { createHash } from 'node:crypto';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { asVariant } from '../../core/model.js';
import type { Observation } from '../../core/result.js';
import type { Tensors } from '../../core/tensor.js';
import type { Candidate, Evaluation, Evaluator, SampleScore, Spread } from '../../core/workbench.js';
import { Session } from '../session.js';
import { type Cost, measureCost } from './cost.js';
import { Feeds } from './feeds.js';
import { measurePrepare } from './prepare.js';
import { type Bench, runSample, type Sample } from './sample.js';

export interface EvaluatorSetup extends Bench {
  readonly samples: readonly Sample[];
  /** Resident bytes a model adds to a process that runs it on these feeds. */
  readonly memory: (candidate: Candidate, feeds: readonly Tensors[]) => Promise<number>;
  /** Called after each sample of each candidate. */
  readonly onSample?: (candidate: string, done: number, of: number) => void;
  readonly maxMs?: number;
  /** Different feeds a run is measured with: fewer take less time and tell less. */
  readonly costFeeds?: number;
}

interface Reference {
  readonly sha256: string;
  readonly answers: readonly (readonly Observation[])[];
  readonly feeds: readonly Tensors[];
}

interface Tried {
  readonly candidate: Candidate;
  readonly scores: readonly SampleScore[];
  readonly also: readonly SampleScore[];
  /** What a run is measured with. */
  readonly feeds: readonly Tensors[];
  readonly session: Session | null;
  readonly failure?: string;
}

const nothing: Spread = { median: 0, min: 0, max: 0 };

export class TaskEvaluator implements Evaluator {
  readonly #setup: EvaluatorSetup;
  #samples: readonly Sample[];
  #reference: Reference | null = null;

  constructor(setup: EvaluatorSetup) {
    this.#setup = setup;
    this.#samples = setup.samples;
  }

  /** The samples that are used; fewer than given once the time has run out. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Throws MODEL_INVALID when the original cannot be run, USAGE for no candidates or too many. */
  async evaluate(candidates: readonly Candidate[]): Promise<readonly Evaluation[]> {
    const [original] = candidates;
    if (original === undefined || candidates.length > limits.candidatesMax) {
      throw new ShoalError('USAGE', `${candidates.length} candidates, expected the original and at most ${limits.candidatesMax - 1} more`);
    }
    const tried: Tried[] = [];
    try {
      const reference = await this.#referenceOf(original);
      for (const candidate of candidates) tried.push(await this.#try(candidate, reference));
      const able = tried.filter(({ session }) => session !== null);
      const costs = await measureCost(able.flatMap(({ session, feeds }) => (session === null ? [] : { session, feeds })));
      const prepared = await this.#prepared(able);
      const evaluations: Evaluation[] = [];
      for (const one of tried) evaluations.push(await this.#evaluation(one, costs[able.indexOf(one)], prepared[able.indexOf(one)]));
      return evaluations;
    } finally {
      for (const { session } of tried) await session?.release();
    }
  }

  /** None where all take the same inputs: what makes them is the same then. */
  async #prepared(able: readonly Tried[]): Promise<readonly Spread[]> {
    if (able.every(({ candidate }) => candidate.inputs === undefined)) return [];
    return measurePrepare(
      able.map(({ candidate }) => this.#bench(candidate)),
      this.#samples,
    );
  }

  #bench(candidate: Candidate): Bench {
    return { task: this.#setup.task, model: asVariant(this.#setup.model, candidate) };
  }

  /** The original's answers, found once; the samples there is time for are settled by it. */
  async #referenceOf(original: Candidate): Promise<Reference> {
    const sha256 = createHash('sha256').update(original.model).digest('hex');
    if (this.#reference?.sha256 === sha256) return this.#reference;
    const settled = this.#reference !== null;
    const { metric } = this.#setup.task;
    const feeds = new Feeds(this.#setup.costFeeds ?? limits.costFeedsMax);
    const answers: Observation[][] = [];
    const session = await open(this.#setup, original);
    const began = performance.now();
    try {
      for (const [index, sample] of this.#samples.entries()) {
        if (!settled && index >= limits.heldOutSamplesMin && performance.now() - began > (this.#setup.maxMs ?? limits.heldOutMs)) break;
        answers.push(
          await runSample(this.#setup, sample, (fed) => {
            feeds.offer(fed);
            return session.run(fed);
          }),
        );
        this.#setup.onSample?.(original.name, index + 1, this.#samples.length);
      }
    } catch (cause) {
      throw new ShoalError('MODEL_INVALID', `${original.name} cannot be run, so there is nothing to compare with: ${reasonOf(cause)}`, {
        cause,
      });
    } finally {
      await session.release();
    }
    this.#samples = this.#samples.slice(0, answers.length);
    if (this.#samples.every(({ truth }, i) => metric.score(truth ?? answers[i] ?? [], []).total === 0)) {
      throw new ShoalError(
        'USAGE',
        `${original.name} finds nothing in any of the ${answers.length} samples that are to judge, so they cannot tell a good variant from a bad one: name samples with something in them`,
      );
    }
    this.#reference = { sha256, answers, feeds: feeds.all() };
    return this.#reference;
  }

  async #try(candidate: Candidate, reference: Reference): Promise<Tried> {
    const { metric, alsoMetric } = this.#setup.task;
    const [scores, also]: [SampleScore[], SampleScore[]] = [[], []];
    const bench = this.#bench(candidate);
    const own = createHash('sha256').update(candidate.model).digest('hex') === reference.sha256;
    const offered = candidate.inputs === undefined ? null : new Feeds(this.#setup.costFeeds ?? limits.costFeedsMax);
    let session: Session | null = null;
    try {
      session = await open(bench, candidate);
      for (const [index, sample] of this.#samples.entries()) {
        const answer = reference.answers[index] ?? [];
        const infer = (feeds: Tensors): Promise<Tensors> => {
          offered?.offer(feeds);
          return (session as Session).run(feeds);
        };
        const found = own ? answer : await runSample(bench, sample, infer);
        scores.push(metric.score(sample.truth ?? answer, found));
        if (alsoMetric !== undefined) also.push(alsoMetric.score(sample.truth ?? answer, found));
        if (!own) this.#setup.onSample?.(candidate.name, index + 1, this.#samples.length);
      }
      return { candidate, scores, also, feeds: offered?.all() ?? reference.feeds, session };
    } catch (error) {
      await session?.release();
      return { candidate, scores: [], also: [], feeds: [], session: null, failure: reasonOf(error) };
    }
  }

  async #evaluation(tried: Tried, cost: Cost | undefined, prepareMs: Spread | undefined): Promise<Evaluation> {
    const { candidate, scores, also, feeds, failure } = tried;
    const { name } = candidate;
    if (cost === undefined) {
      return { name, scores: [], cpuMs: nothing, wallMs: nothing, memoryBytes: 0, failure: failure ?? 'it was not measured' };
    }
    try {
      const memoryBytes = await this.#setup.memory(candidate, feeds);
      return {
        name,
        scores,
        ...(also.length === 0 ? {} : { also }),
        ...cost,
        ...(prepareMs === undefined ? {} : { prepareMs }),
        memoryBytes,
      };
    } catch (error) {
      return { name, scores: [], ...cost, memoryBytes: 0, failure: `in a process of its own: ${reasonOf(error)}` };
    }
  }
}

function open({ model }: Bench, candidate: Candidate): Promise<Session> {
  return Session.fromBytes(model, candidate.model, candidate.name, { threads: 1, arena: false });
}
