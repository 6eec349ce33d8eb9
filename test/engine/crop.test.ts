/** Stages on parts of an image: which pixels a thing is shown in, where its answers lie in the whole, and what is not looked at. */
import sharp from 'sharp';
import { test } from 'tap';
import { z } from 'zod';
import { limits } from '../../src/core/limits.js';
import { modelRef } from '../../src/core/model.js';
import { type CropSpec, cropDefaults, type PipelineSpec, type StageSpec } from '../../src/core/pipeline.js';
import type { Box, Observation } from '../../src/core/result.js';
import type { Task } from '../../src/core/task.js';
import { Costs } from '../../src/engine/costs.js';
import { areaAround, chooseThings } from '../../src/engine/crop.js';
import { readReply } from '../../src/engine/protocol.js';
import { runJob } from '../../src/engine/run-job.js';
import { Sessions } from '../../src/engine/sessions.js';
import { additionModel, job, pipeline, stage } from '../support/engine-lab.js';
import { testTasks } from '../support/engine-tasks.js';

const size = { width: 400, height: 200 };
const weak = additionModel('weak');
const strong = additionModel('strong');
const seen: string[] = [];

const boxOf = (left: number, top: number, right: number, bottom: number): Box => ({
  x_min: left / size.width,
  y_min: top / size.height,
  x_max: right / size.width,
  y_max: bottom / size.height,
});

/** A red rectangle on black, in whole pixels. */
const red = { left: 230, top: 90, width: 40, height: 30 };
const picture = sharp({ create: { ...size, channels: 3, background: '#000000' } })
  .composite([{ input: { create: { width: red.width, height: red.height, channels: 3, background: '#ff0000' } }, ...red }])
  .png()
  .toBuffer();

/** Answers what its options say, whatever it is shown. */
const say: Task = {
  ...(testTasks.find(({ name }) => name === 'find') as Task),
  name: 'say',
  options: z.object({}),
  run: async ({ options }) => [...((options as { found: Observation[] }).found ?? [])],
};

/** Answers where red is, by its pixels, and the score that its options have for its model. */
const seek: Task = {
  ...say,
  name: 'seek',
  async run({ image, each, model, options }) {
    if (image === null) throw new Error('no image');
    const { data, width, height } = await image.pixels();
    seen.push(`${model.name} on ${width} x ${height}${each === null ? '' : ' and what was found'}`);
    const at = Array.from({ length: width * height }, (_, i) => i).filter((i) => (data[3 * i] ?? 0) > 127);
    const xs = at.map((i) => i % width);
    const ys = at.map((i) => Math.floor(i / width));
    if (at.length === 0) return [];
    const edge = (values: number[], length: number) =>
      [Math.min(...values) / length, (Math.max(...values) + 1) / length] as [number, number];
    const [x_min, x_max] = edge(xs, width);
    const [y_min, y_max] = edge(ys, height);
    const box = { x_min, y_min, x_max, y_max };
    const score = (options as Record<string, number>)[model.name] ?? 1;
    return [
      { score, label: 'red', box, points: { corner: [x_min, y_max] } },
      {
        score,
        quad: [
          [x_min, y_min],
          [x_max, y_min],
          [x_max, y_max],
          [x_min, y_max],
        ],
      },
    ];
  },
};

async function run(...pipelines: readonly PipelineSpec[]) {
  seen.length = 0;
  const tools = {
    tasks: new Map([...testTasks, say, seek].map((task) => [task.name, task])),
    sessions: new Sessions({ models: [weak, strong, additionModel()], threads: 1, arena: false, maxMemoryBytes: 2 ** 30 }),
    costs: new Costs(),
    pipelines: new Map(pipelines.map((each) => [each.name, each])),
  };
  const answer = await runJob(
    job(
      pipelines.map(({ name }) => name),
      {},
      await picture,
    ),
    tools,
  );
  // The core takes every one of these answers.
  readReply({ type: 'answer', seq: 1, answers: [answer], rssBytes: 1 });
  return answer.pipelines;
}

const things = (...found: Observation[]): StageSpec => stage('say', { found }, { as: 'things' });
const cropped = (task: string, crop: Partial<CropSpec> = {}, more: Partial<StageSpec> = {}): StageSpec =>
  stage(task, {}, { as: 'found', each: 'things', crop: { ...cropDefaults, ...crop }, ...more });

test('a thing is shown with its margin, cut off at the edge; a square is moved inwards', (t) => {
  const area = (box: Box, crop: Partial<CropSpec> = {}) => Object.values(areaAround(box, { ...cropDefaults, ...crop }, size));
  const middle = boxOf(100, 60, 140, 80);
  t.same(area(middle), [100, 60, 40, 20]);
  t.same(area(middle, { margin: 0.5 }), [80, 40, 80, 60], 'the margin is a share of the longer side, on both');
  t.same(area(middle, { square: true }), [100, 50, 40, 40]);
  t.same(area(middle, { square: true, margin: 0.25 }), [90, 40, 60, 60]);
  const corner = boxOf(380, 0, 400, 10);
  t.same(area(corner, { margin: 0.5 }), [370, 0, 30, 20], 'cut');
  t.same(area(corner, { margin: 0.5, square: true }), [360, 0, 40, 40], 'moved');
  t.same(area(boxOf(0, 0, 400, 200), { square: true, margin: 2 }), [0, 0, 400, 200], 'no larger than the image');
  t.same(area(boxOf(100, 100, 100, 100)), [100, 100, 1, 1], 'a pixel at least');
  t.same(area(boxOf(400, 200, 400, 200)), [399, 199, 1, 1]);
  t.same(area(boxOf(-50, -50, 500, 300)), [0, 0, 400, 200], 'a box that reaches out of the image');
  t.same(area({ x_min: 0.1, y_min: 0.7, x_max: 0.3, y_max: 0.9 }), [40, 140, 80, 40], 'thirds and tenths are whole pixels');
  t.end();
});

test('small things and the worst of too many are left out, and counted; the order stays', (t) => {
  const of = (score: number, side: number): Observation => ({ score, box: boxOf(10, 10, 10 + side, 60) });
  const chosen = chooseThings([of(0.5, 40), of(0.9, 7), of(0.7, 8)], cropDefaults, size);
  t.match(chosen, { of: [0, 2], leftOut: { too_small: 1 } });
  t.same(chooseThings([of(0.5, 40)], cropDefaults, size).leftOut, {});
  const many = Array.from({ length: limits.cropsMax + 3 }, (_, i) => of(i === 1 ? 1 : 1 - i / 100, 40));
  const best = chooseThings([of(1, 1), ...many], cropDefaults, size);
  t.same(
    best.of,
    Array.from({ length: limits.cropsMax }, (_, i) => i + 1),
  );
  t.same(best.leftOut, { too_small: 1, too_many: 3 });
  t.end();
});

test('what is found in a part lies where it is in the whole image, and says which thing it is about', async (t) => {
  const whole = pipeline('whole', [stage('seek', {}, { as: 'found' })]);
  const boxes = [boxOf(0, 0, 50, 50), boxOf(215, 77, 290, 140), boxOf(231, 60, 400, 200)];
  for (const crop of [{}, { margin: 0.1 }, { square: true, margin: 0.3 }]) {
    const parts = pipeline('parts', [things(...boxes.map((box) => ({ score: 1, box }))), cropped('seek', crop)]);
    const [all, each] = await run(whole, parts);
    const [box, quad] = all?.observations.found ?? [];
    const about = each?.observations.found?.filter(({ of }) => of === 1) ?? [];
    t.match(each?.stages[1], { state: 'ran', inputs: 3, found: each?.observations.found?.length });
    t.same([...new Set(each?.observations.found?.map(({ of }) => of))], [1, 2], 'nothing red in the first');
    const close = (a: number | undefined, b: number | undefined) => Math.abs((a ?? 9) - (b ?? -9)) < 1e-9;
    for (const side of ['x_min', 'y_min', 'x_max', 'y_max'] as const) t.ok(close(about[0]?.box?.[side], box?.box?.[side]), side);
    t.ok(
      about[1]?.quad?.flat().every((value, i) => close(value, quad?.quad?.flat()[i])),
      'the quad',
    );
    t.ok(
      about[0]?.points?.corner?.every((value, i) => close(value, box?.points?.corner?.[i])),
      'and the points',
    );
    t.notOk(about[1]?.box, 'what has a quad gets no box');
  }
});

test('an answer without a place has the place of its thing; a quad is shown in its bounding box', async (t) => {
  const box = boxOf(20, 20, 60, 40);
  const quad: Observation['quad'] = [
    [0.5, 0.3],
    [0.6, 0.2],
    [0.7, 0.4],
    [0.6, 0.5],
  ];
  const [answer] = await run(pipeline('p', [things({ score: 1, box }, { score: 1, quad }), cropped('size')]));
  t.match(answer?.observations.found, [
    { label: '40 x 20', box, of: 0 },
    { label: '80 x 60', box: { x_min: 0.5, y_min: 0.2, x_max: 0.7, y_max: 0.5 }, of: 1 },
  ]);
});

test('with crop, a task that takes each is shown parts too, and no observations', async (t) => {
  const counts = { ...cropped('count'), as: 'counts' };
  const [answer] = await run(pipeline('p', [things({ score: 1, box: boxOf(0, 0, 50, 50) }), cropped('seek'), counts]));
  t.same(seen, ['addition on 50 x 50']);
  t.match(answer?.stages[2], { state: 'ran', inputs: 1, found: 0 }, 'count was given no observations to count');
});

test('only the things whose answers are not accepted are shown again; what was left out is not asked of', async (t) => {
  const small = { score: 0.9, box: boxOf(0, 0, 4, 4) };
  const looks = stage('seek', { weak: 0.3, strong: 0.9 }, { as: 'found', each: 'things', crop: cropDefaults, model: modelRef(weak) });
  const escalating = { ...looks, accept: 'score >= 0.8', escalate: { model: modelRef(strong), variant: 'fp32' } };
  const stages = [things(small, { score: 0.8, box: boxOf(0, 0, 100, 90) }, { score: 0.7, box: boxOf(220, 80, 300, 130) }), escalating];
  const [answer] = await run(pipeline('p', stages));
  t.same(seen, ['weak on 100 x 90', 'weak on 80 x 50', 'strong on 100 x 90', 'strong on 80 x 50'], 'silence is not accepted either');
  t.same(
    answer?.observations.found?.map(({ score, of }) => [score, of]),
    [
      [0.9, 2],
      [0.9, 2],
    ],
  );
  t.match(answer?.stages[1], {
    inputs: 2,
    left_out: { too_small: 1 },
    accept: { of: 2, accepted: 0, unanswered: 1 },
    escalated: { inputs: 2 },
  });
  const sure = { ...escalating, options: { weak: 0.85, strong: 0.9 } };
  const [one] = await run(pipeline('p', [things(small, { score: 0.7, box: boxOf(220, 80, 300, 130) }), sure]));
  t.match(one?.stages[1], { accept: { of: 1, accepted: 1 }, alternative: { model: 'strong@1' } });
  t.match(one?.observations.found, [{ of: 1 }, { of: 1 }]);
});

test('pipelines share what they crop alike, and nothing else', async (t) => {
  const found = things({ score: 1, box: boxOf(220, 80, 300, 130) }, { score: 1, box: boxOf(0, 0, 2, 2) });
  const [, same, other, whole] = await run(
    pipeline('a', [found, cropped('seek')]),
    pipeline('b', [found, cropped('seek')]),
    pipeline('c', [found, cropped('seek', { margin: 0.1 })]),
    pipeline('d', [found, stage('seek', {}, { as: 'found' })]),
  );
  t.same(seen, ['addition on 80 x 50', 'addition on 96 x 66', 'addition on 400 x 200']);
  t.match(same?.stages[1], { state: 'skipped: shared with a', found: 2, left_out: { too_small: 1 } });
  t.match(same?.observations.found, [{ of: 0 }, { of: 0 }]);
  t.match(other?.stages[1], { state: 'ran' });
  t.match(whole?.stages[1], { state: 'ran' });
});

test('where nothing is there or nothing is large enough, no part is looked at, and the trace says which', async (t) => {
  const tiny = pipeline('tiny', [things({ score: 1, box: boxOf(0, 0, 100, 7) }), cropped('seek')]);
  const none = pipeline('none', [things(), cropped('seek')]);
  const [small, empty] = await run(tiny, none);
  t.same(seen, []);
  t.match(small?.stages[1], { state: 'skipped: all found by things is too small', inputs: 0, left_out: { too_small: 1 } });
  t.match(empty?.stages[1], { state: 'skipped: nothing found by things' });
  t.match(small, { state: 'done', observations: { found: [] } });
});

test('what did not run would have looked at no more parts than are looked at', async (t) => {
  const many = things(...Array.from({ length: 4 * limits.cropsMax }, () => ({ score: 1, box: boxOf(0, 0, 50, 50) })));
  const adding = { options: { calls: 1 }, model: modelRef(strong) };
  const [ran, not] = await run(
    pipeline('ran', [many, cropped('add', {}, adding)]),
    pipeline('not', [many, cropped('add', {}, { ...adding, when: 'things.size() == 0' })]),
  );
  const [, trace] = ran?.stages ?? [];
  t.match(trace, { inputs: limits.cropsMax, runs: limits.cropsMax, left_out: { too_many: 3 * limits.cropsMax } });
  const spent = (trace?.preprocess_ms ?? 0) + (trace?.run_ms ?? 0) + (trace?.postprocess_ms ?? 0);
  const usual = not?.stages[1]?.alternative?.usual_ms ?? 0;
  t.ok(Math.abs(usual - spent) < 0.1 * spent + 0.1, `${usual} ms for ${limits.cropsMax} parts, which took ${spent} ms`);
});

test('a thing without a place fails its pipeline with the reason, and every stage is in the trace', async (t) => {
  const stages = [things({ score: 1, label: 'somewhere' }), cropped('seek'), stage('size', {}, { as: 'last' })];
  const [bad, good] = await run(pipeline('bad', stages), pipeline('good', [stage('size')]));
  t.match(bad, { state: 'failed', error: { code: 'CONFIG_INVALID', message: /observation 0 .* neither box nor quad/ } });
  t.same(
    bad?.stages.map(({ state }) => state),
    ['ran', 'failed', 'skipped: an earlier stage failed'],
  );
  t.match(good, { state: 'done' });
});
