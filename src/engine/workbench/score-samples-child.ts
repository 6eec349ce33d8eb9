/**
 * The process that runs a model over samples whose truth is known and says of every observation whether it is right, by the task's own matching.
 *
 * Guarantees: the task runs as in production, with default options and the model's own scores; the same samples give the same answer, whatever
 * they are called. A sample that cannot be looked at is named and skipped.
 */
import type { Scored } from '../../core/calibration.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { asVariant } from '../../core/model.js';
import { tasks } from '../../tasks/index.js';
import { Session } from '../session.js';
import { runSample, type Sample } from './sample.js';
import { readSamples } from './sample-folder.js';
import type { ScoredSamples, ScoreReply, ScoreRequest } from './score-samples.js';

function tell(what: string, done: number, of: number): void {
  process.send?.({ progress: { what, done, of } });
}

async function score({ model: card, variant, folder }: ScoreRequest): Promise<ScoredSamples> {
  const model = asVariant(card, variant);
  const task = tasks.find(({ name }) => name === model.task);
  if (task === undefined) throw new ShoalError('SHOAL_INTERNAL', `this build has no task ${model.task}`);
  const { metric } = task;
  const { samples, skipped } = await readSamples(folder, task, (done, of) => tell('reading samples', done, of));
  const known = samples.filter((sample): sample is Sample & { truth: NonNullable<Sample['truth']> } => sample.truth !== null);
  const session = await Session.open(card, variant, { threads: 1, arena: false });
  const halves: [Scored[], Scored[]] = [[], []];
  for (const [index, sample] of known.entries()) {
    try {
      const found = await runSample({ task, model }, sample, (feeds) => session.run(feeds));
      const right = metric.right?.(sample.truth, found) ?? [];
      halves[index % 2 === 0 ? 0 : 1].push(...found.map((each, i) => ({ score: each.score, right: right[i] === true })));
    } catch (error) {
      skipped.push({ name: sample.name, reason: reasonOf(error) });
    }
    tell('running the model', index + 1, known.length);
  }
  const without = samples.filter(({ truth }) => truth === null).map(({ name }) => name);
  return { fit: halves[0], judge: halves[1], samples: known.length, without, skipped };
}

process.once('message', (request: ScoreRequest) => {
  const answer = (reply: ScoreReply): void => {
    process.send?.(reply, undefined, undefined, () => process.exit(0));
  };
  score(request).then(answer, (error: unknown) =>
    answer({ code: error instanceof ShoalError ? error.code : 'SHOAL_INTERNAL', error: reasonOf(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
