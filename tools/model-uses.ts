/**
 * How each task is put to use, for the page of the models: in the order of the page, with the name its stage gets and a condition worth reporting.
 *
 * A test makes a configuration of every example and checks it.
 */
import type { Task } from '../src/core/task.js';
import { tasks } from '../src/tasks/index.js';

interface Use {
  readonly as: string;
  /** Further options of the stage, as in a configuration. */
  readonly options?: string;
  /** A stage that is needed after it. */
  readonly after?: string;
  readonly when?: string;
}

const uses: Readonly<Record<string, Use>> = {
  'detect-objects': { as: 'things', when: "things.exists(t, t.label == 'person')" },
  'detect-motion': { as: 'motion', when: "motion.exists(m, m.label == 'motion')" },
  'detect-faces': { as: 'faces', when: 'faces.exists(f, f.score >= 0.7)' },
  'landmark-face': { as: 'marks' },
  'estimate-head-pose': { as: 'heads', when: 'heads.exists(h, h.values.yaw_deg > 40)' },
  'estimate-pose': { as: 'poses', when: 'poses.exists(p, p.score >= 0.5)' },
  'classify-person-presence': { as: 'presence', when: "presence.exists(p, p.label == 'person')" },
  'classify-image': { as: 'kinds', when: "kinds.exists(k, k.label == 'cat' && k.score >= 0.8)" },
  'embed-image': { as: 'looks' },
  'detect-text': { as: 'regions' },
  'classify-orientation': { as: 'upright' },
  'read-text': { as: 'lines', when: 'lines.exists(l, l.score >= 0.5)' },
  'identify-file': { as: 'content', when: "content.exists(c, c.group == 'executable')" },
  'detect-speech': { as: 'speech', when: 'speech.exists(s, s.score >= 0.5)' },
  'denoise-speech': { as: 'noise', after: '{ task: detect-speech, as: speech }' },
  'spot-keyword': { as: 'words', when: "words.exists(w, w.label == 'stop')" },
  'measure-series': { as: 'level', when: "level.exists(c, c.label == 'temperature' && c.values.mean > 60)" },
  'detect-sound-anomaly': { as: 'pump', options: 'threshold: 14.5', when: "pump.exists(p, p.label == 'anomaly')" },
  'embed-audio': { as: 'sounds' },
  'detect-anomaly': { as: 'anomaly', when: "anomaly.exists(a, a.label == 'anomaly')" },
  'classify-series': { as: 'kinds', when: "kinds.exists(k, k.label == 'shaken')" },
  'classify-sound': { as: 'kinds', when: "kinds.exists(k, k.label == 'knock')" },
  'classify-text': { as: 'kinds', when: "kinds.exists(k, k.label == 'spam')" },
};

/** The command that makes a model for the task on the board; null for a task whose models are shipped. */
export function learnedBy(task: string): string | null {
  return tasks.find(({ name }) => name === task)?.learnedBy?.command ?? null;
}

/** All tasks, in the order of the page. Throws for one whose use is not told here. */
export function tasksInOrder(): Task[] {
  const order = Object.keys(uses);
  const untold = tasks.find(({ name }) => !order.includes(name));
  if (untold !== undefined) throw new Error(`tools/model-uses.ts does not say how ${untold.name} is used`);
  return [...tasks].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** What stands in a pipeline, as YAML without a last newline. */
export function exampleOf({ name, looksAt }: Task, model: string): string {
  const { as, options, after, when } = useOf(name);
  const before = looksAt === undefined ? null : useOf(looksAt).as;
  const each = before === null ? '' : `each: ${before}, `;
  const more = options === undefined ? '' : `, ${options}`;
  const stages = [
    ...(before === null ? [] : [`{ task: ${looksAt}, as: ${before} }`]),
    `{ ${each}task: ${name}, model: ${model}, as: ${as}${more} }`,
    ...(after === undefined ? [] : [after]),
  ];
  const report = when === undefined ? [] : [`report: { when: "${when}" }`];
  return ['stages:', ...stages.map((stage) => `  - ${stage}`), ...report].join('\n');
}

function useOf(task: string): Use {
  const use = uses[task];
  if (use === undefined) throw new Error(`tools/model-uses.ts does not say how ${task} is used`);
  return use;
}
