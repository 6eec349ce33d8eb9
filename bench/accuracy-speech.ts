/**
 * Speech segments against Silero's rule written out frame by frame (test/support/silero-reference.ts): `node dist/bench/accuracy-speech.js`.
 *
 * The figure is the largest distance of any start or end; it is infinite where the number of segments differs.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { openRegistry } from '../src/registry/registry.js';
import { detectSpeech } from '../src/tasks/detect-speech.js';
import { plainWav, referenceProbabilities, referenceSegments } from '../test/support/silero-reference.js';
import { openTask } from '../tools/run-task.js';
import { type Figure, figure, testData } from './figure.js';

export async function accuracySpeech(): Promise<Figure[]> {
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing: npm run models:build');
  const folder = path.join(testData(), 'data/speech');
  const opened = await openTask(detectSpeech, model);
  const figures: Figure[] = [];
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.wav')).sort()) {
    const file = await readFile(path.join(folder, name));
    const samples = plainWav(file);
    const expected = referenceSegments(await referenceProbabilities(model, samples), samples.length);
    const { observations } = await opened.run(file);
    const distances = expected.flatMap(({ startS, endS }, i) => {
      const { start_s, end_s } = observations[i]?.segment ?? { start_s: Number.NaN, end_s: Number.NaN };
      return [Math.abs(start_s - startS) * 1000, Math.abs(end_s - endS) * 1000];
    });
    const worst = observations.length === expected.length ? Math.max(0, ...distances) : Number.POSITIVE_INFINITY;
    figures.push(
      figure(`speech of ${name}: ${observations.length} of ${expected.length} segments, largest distance`, worst, 'ms', 'lower', 100),
    );
  }
  await opened.close();
  return figures;
}
