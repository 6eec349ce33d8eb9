/**
 * How far the scores of bundled models are from how often they are right, as they are and calibrated: `npm run bench -- calibration`.
 *
 * Lines of text drawn by seed (see rendered/sets.ts, the set that judges), some harder than any a person would photograph: read-text is right
 * when every character but spaces is, classify-orientation when it tells the line from the same line turned by 180 degrees. Half of
 * the lines fits, the other half gives the figures; lines, not observations, are divided. What one set of drawn lines shows is no
 * claim about another's photos.
 */
import sharp from 'sharp';
import { judgeCalibration, type Scored } from '../src/core/calibration.js';
import type { Observation } from '../src/core/result.js';
import type { Task } from '../src/core/task.js';
import { openRegistry } from '../src/registry/registry.js';
import { classifyOrientation } from '../src/tasks/classify-orientation.js';
import { readText } from '../src/tasks/read-text.js';
import { openTask } from '../tools/run-task.js';
import { type Figure, figure } from './figure.js';
import { renderLine } from './rendered/line.js';
import { heldOut, needFonts } from './rendered/sets.js';

const lines = 800;

interface Judged {
  readonly encoded: Uint8Array;
  readonly truth: Observation;
}

interface Subject {
  readonly task: Task;
  readonly model: string;
  line(index: number): Promise<Judged>;
}

/** Every other line as small as text is where a camera stands too far away. */
async function hardened(index: number): Promise<{ encoded: Uint8Array; text: string }> {
  const { encoded, text } = await renderLine(index, heldOut);
  if (index % 2 === 0) return { encoded, text };
  const { height = 48 } = await sharp(encoded).metadata();
  const small = sharp(encoded).resize({ height: Math.max(8, Math.round(height * (0.25 + (index % 5) * 0.08))) });
  return { encoded: await small.jpeg({ quality: 40 }).toBuffer(), text };
}

const subjects: readonly Subject[] = [
  {
    task: readText as Task,
    model: 'ppocr-rec',
    async line(index) {
      const { encoded, text } = await hardened(index);
      return { encoded, truth: { score: 1, text } };
    },
  },
  {
    task: classifyOrientation as Task,
    model: 'ppocr-cls',
    async line(index) {
      const { encoded } = await hardened(index >> 1);
      if (index % 2 === 0) return { encoded, truth: { score: 1, label: '0' } };
      return { encoded: await sharp(encoded).rotate(180).png().toBuffer(), truth: { score: 1, label: '180' } };
    },
  },
];

export async function calibration(): Promise<readonly Figure[]> {
  needFonts();
  const registry = await openRegistry(['models']);
  const figures: Figure[] = [];
  for (const { task, model: name, line } of subjects) {
    const model = registry.find(name);
    if (model === null) throw new Error(`models/${name} is missing: npm run models:build`);
    for (const { name: variant } of model.variants) {
      const opened = await openTask(task, model, variant);
      const halves: [Scored[], Scored[]] = [[], []];
      for (let index = 0; index < lines; index++) {
        const { encoded, truth } = await line(index);
        const { observations } = await opened.run(encoded);
        const right = task.metric.right?.([truth], observations) ?? [];
        // Pairs of the same line, one of them turned, fall into one half.
        halves[(index >> 2) % 2 === 0 ? 0 : 1].push(...observations.map(({ score }, i) => ({ score, right: right[i] === true })));
      }
      await opened.close();
      figures.push(...told(`${name} ${variant}`, ...halves));
    }
  }
  return figures;
}

function told(what: string, fit: readonly Scored[], judge: readonly Scored[]): Figure[] {
  const right = judge.filter((each) => each.right).length / judge.length;
  const mean = judge.reduce((sum, { score }) => sum + score, 0) / judge.length;
  const head = `${what}: ${judge.length} observations`;
  const figures = [figure(`${head}, mean score`, mean, 'of 1', 'higher'), figure(`${head}, share that is right`, right, 'of 1', 'higher')];
  for (const method of ['temperature', 'isotonic'] as const) {
    const { calibration, eceBefore, eceAfter, brierBefore, brierAfter } = judgeCalibration(fit, judge, method);
    if (method === 'temperature') {
      figures.push(figure(`${head}, calibration error as it is`, eceBefore, 'of 1', 'lower'));
      figures.push(figure(`${head}, Brier score as it is`, brierBefore, 'of 1', 'lower'));
    }
    const how = calibration.method === 'temperature' ? `temperature ${calibration.temperature.toPrecision(3)}` : 'isotonic';
    figures.push(figure(`${head}, calibration error, ${how}`, eceAfter, 'of 1', 'lower'));
    figures.push(figure(`${head}, Brier score, ${how}`, brierAfter, 'of 1', 'lower'));
  }
  return figures;
}
