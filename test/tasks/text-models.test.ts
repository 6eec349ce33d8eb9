import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { type Test, test } from 'tap';
import { characterErrors } from '../../bench/accuracy-ocr.js';
import type { Model } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import type { Task } from '../../src/core/task.js';
import { openImage } from '../../src/engine/image.js';
import { readCard } from '../../src/registry/card.js';
import { classifyOrientation } from '../../src/tasks/classify-orientation.js';
import { detectText, fitSide } from '../../src/tasks/detect-text.js';
import { tasks } from '../../src/tasks/index.js';
import { readText } from '../../src/tasks/read-text.js';
import { textLines } from '../../src/tasks/text-lines.js';
import { openTask } from '../../tools/run-task.js';

interface Bench {
  readonly model: Model;
  readonly golden: Awaited<ReturnType<typeof readCard>>['card']['golden'];
  /** Model runs so far. */
  runs(): number;
  run(encoded: Uint8Array, each?: readonly Observation[], options?: Readonly<Record<string, unknown>>): Promise<Observation[]>;
  close(): Promise<void>;
}

async function open(task: Task, folder: string): Promise<Bench> {
  const { card, model } = await readCard(resolve('models', folder));
  const opened = await openTask(task, model);
  let total = 0;
  return {
    model,
    golden: card.golden,
    runs: () => total,
    close: () => opened.close(),
    async run(...run) {
      const { observations, runs } = await opened.run(...run);
      total += runs;
      return observations;
    },
  };
}

const detector = await open(detectText, 'ppocr-det/4.0.0');
const classifier = await open(classifyOrientation, 'ppocr-cls/2.0.0');
const reader = await open(readText, 'ppocr-rec/4.0.0');

const page = await readFile(join(detector.model.directory, 'golden/input.png'));

const texts = (lines: readonly Observation[]): (string | undefined)[] => lines.map((line) => line.text);

function close(t: Test, found: unknown, expected: unknown, tolerance: number, at: string): void {
  if (typeof expected === 'number' && typeof found === 'number') {
    t.ok(Math.abs(found - expected) <= tolerance, `${at}: ${found} is ${expected}`);
  } else if (typeof expected === 'object' && expected !== null && typeof found === 'object' && found !== null) {
    t.strictSame(Object.keys(found).sort(), Object.keys(expected).sort(), `${at}: fields`);
    for (const [key, value] of Object.entries(expected))
      close(t, (found as Record<string, unknown>)[key], value, tolerance, `${at}.${key}`);
  } else {
    t.equal(found, expected, at);
  }
}

for (const { bench, name } of [
  { bench: detector, name: 'detect-text' },
  { bench: classifier, name: 'classify-orientation' },
  { bench: reader, name: 'read-text' },
]) {
  test(`${name} gives its golden output`, async (t) => {
    const { directory } = bench.model;
    const { golden } = bench;
    t.ok(golden.length > 0);
    for (const { capture, each, output, tolerance } of golden) {
      const json = async (file: string): Promise<Observation[]> =>
        JSON.parse(await readFile(join(directory, file), 'utf8')) as Observation[];
      const found = await bench.run(await readFile(join(directory, capture)), each === undefined ? undefined : await json(each));
      close(t, found, await json(output), tolerance, output);
    }
  });
}

test('the three stages read a page with a tilted and an upside down line', async (t) => {
  const regions = await detector.run(page);
  const upright = await classifier.run(page, regions);
  t.strictSame(
    upright.map((line) => line.label),
    ['0', '0', '0', '180', '0'],
  );
  t.strictSame(texts(await reader.run(page, upright)), [
    'Shoal reads labels',
    'Pump 7, valve B-12',
    'next check: 2027-03-15',
    'upside down text',
    'tilted by 14 degrees',
  ]);
  t.not(texts(await reader.run(page, regions))[3], 'upside down text', 'without classify-orientation it cannot be read');
});

test('around what a small look found, the same lines are found as in the whole, for less', async (t) => {
  const hint = await detector.run(page, undefined, { max_side_px: 256 });
  t.ok(hint.length > 0, `${hint.length} hints`);
  const [whole, parts] = [await detector.run(page), await detector.run(page, hint)];
  t.equal(parts.length, whole.length);
  for (const [i, { box, of = -1 }] of parts.entries()) {
    const away = Object.entries(whole[i]?.box ?? {}).map(([side, at]) => Math.abs(at - (box?.[side as keyof typeof box] ?? Number.NaN)));
    t.ok(Math.max(...away) < 0.01, `line ${i} is off by ${Math.max(...away)}`);
    t.ok(of >= 0 && of < hint.length, `line ${i} is about hint ${of}`);
  }
});

test('text is looked for around the places of another stage only, each place answered by its index', async (t) => {
  const [first, , third] = await detector.run(page);
  if (first?.box === undefined || third?.box === undefined) throw new Error('the page has three lines');
  const nowhere = { x_min: 0.98, y_min: 0.98, x_max: 1, y_max: 1 };
  const before = detector.runs();
  const found = await detector.run(page, [
    { score: 1, box: nowhere },
    { score: 1, box: first.box },
  ]);
  t.equal(detector.runs() - before, 2, 'a run for each part');
  t.equal(found.length, 1);
  t.equal(found[0]?.of, 1);
  t.strictSame(await detector.run(page, [{ score: 1, box: nowhere }]), []);
  t.strictSame(
    (await detector.run(page, [{ score: 1, quad: third.quad ?? q() }])).map(({ of }) => of),
    [0],
    'a quad is a place too',
  );
  await t.rejects(detector.run(page, [{ score: 1, text: 'no place' }]), { code: 'CONFIG_INVALID', message: /neither box nor quad/ });
});

test('an upside down line keeps its place and begins at the other end, unless the score asked for is higher', async (t) => {
  const regions = await detector.run(page);
  const [before] = regions.slice(3);
  const [after] = (await classifier.run(page, regions)).slice(3);
  const [q0, q1, q2, q3] = before?.quad ?? [];
  t.strictSame(after?.quad, [q2, q3, q0, q1]);
  t.strictSame(after?.box, before?.box);
  t.equal(after?.of, 3);
  const [sure] = (await classifier.run(await turnedImage(90), [{ score: 1, quad: before?.quad ?? q() }], { min_score: 1 })).slice(0);
  t.strictSame(sure?.quad, before?.quad);
});

function q(): NonNullable<Observation['quad']> {
  return [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ];
}

async function turnedImage(degrees: number): Promise<Uint8Array> {
  return sharp(page).rotate(degrees).png().toBuffer();
}

test('text running up or down is read like any other', async (t) => {
  for (const degrees of [90, 270]) {
    const image = await turnedImage(degrees);
    const found = texts(await reader.run(image, await classifier.run(image, await detector.run(image))));
    for (const text of ['Shoal reads labels', 'Pump 7, valve B-12', 'next check: 2027-03-15', 'upside down text']) {
      t.ok(found.includes(text), `${degrees} degrees: ${text} among ${found.join(' | ')}`);
    }
  }
});

test('what is read in a line does not depend on the other lines, on their order or on the batch', async (t) => {
  const regions = (await detector.run(page)).slice(0, 3);
  const together = await reader.run(page, regions);
  t.strictSame(texts(together), ['Shoal reads labels', 'Pump 7, valve B-12', 'next check: 2027-03-15']);
  t.strictSame(texts(await reader.run(page, regions.toReversed())), texts(together).toReversed());
  t.strictSame(await reader.run(page, [regions[1] ?? { score: 0 }]), [{ ...together[1], of: 0 }]);
  const before = reader.runs();
  const [line] = regions;
  const same = line === undefined ? [] : [line, line, line];
  close(
    t,
    await reader.run(page, same, { batch_lines: 2 }),
    [0, 1, 2].map((of) => ({ ...together[0], of })),
    1e-4,
    'batch of two',
  );
  t.equal(reader.runs() - before, 2, 'two runs for three lines of a width');
});

test('an empty page has no lines, no lines have no text, and a blank line is left out', async (t) => {
  const blank = await sharp({ create: { width: 200, height: 100, channels: 3, background: '#eee' } })
    .png()
    .toBuffer();
  t.strictSame(await detector.run(blank), []);
  const runs = [classifier.runs(), reader.runs()];
  t.strictSame(await classifier.run(blank, []), []);
  t.strictSame(await reader.run(blank, []), []);
  t.strictSame([classifier.runs(), reader.runs()], runs, 'no model was run for nothing');
  t.strictSame(await reader.run(blank, [{ score: 1, box: { x_min: 0, y_min: 0, x_max: 1, y_max: 1 } }]), []);
});

test('images of any shape are taken', async (t) => {
  for (const [width, height] of [
    [1, 1],
    [3000, 8],
    [8, 3000],
  ] as const) {
    const image = await sharp({ create: { width, height, channels: 3, background: '#777' } })
      .png()
      .toBuffer();
    t.ok(Array.isArray(await detector.run(image)), `${width} x ${height}`);
    t.ok(Array.isArray(await reader.run(image)), `${width} x ${height} as one line`);
  }
  t.strictSame(fitSide({ width: 1280, height: 720 }, 960, 32), { width: 960, height: 544 });
  t.strictSame(fitSide({ width: 640, height: 480 }, 960, 32), { width: 640, height: 480 }, 'not enlarged');
  t.strictSame(fitSide({ width: 48, height: 80 }, 960, 32), { width: 64, height: 64 }, 'halves to even: 1.5 to 2, 2.5 to 2');
  t.strictSame(fitSide({ width: 9000, height: 3 }, 960, 32), { width: 960, height: 32 });
});

test('every task refuses a model that does not suit it, naming what is wrong', async (t) => {
  const fault = (task: Task, bench: Bench, change: object, message: RegExp): void => {
    t.throws(() => task.fit({ ...bench.model, ...change }), { code: 'MODEL_INVALID', message });
  };
  for (const [task, bench] of [
    [detectText, detector],
    [classifyOrientation, classifier],
    [readText, reader],
  ] as const) {
    fault(task as Task, bench, { params: { ...bench.model.params, mean: 'grey' } }, /mean/);
    fault(task as Task, bench, { params: { ...bench.model.params, colour: 1 } }, /colour/);
    fault(task as Task, bench, { inputs: [{ name: 'x', dtype: 'uint8', shape: [1] }] }, /inputs are uint8\[1\]/);
    fault(task as Task, bench, { outputs: [] }, /outputs are none/);
  }
  fault(readText as Task, reader, { labels: ['a', 'b'] }, /6625 classes, its 2 labels/);
  fault(classifyOrientation as Task, classifier, { labels: ['up', 'down'] }, /up, down/);
  t.equal(reader.model.labels.length, 6623);
});

test('captures that are no images and observations without a place are refused with a reason', async (t) => {
  const image = await openImage(page);
  t.throws(() => textLines([{ score: 1, label: 'speech' }], image), { code: 'CONFIG_INVALID', message: /observation 0/ });
  for (const task of tasks.filter((each) => each.name.endsWith('-text'))) {
    const none = {
      image: null,
      audio: null,
      series: null,
      text: null,
      file: null,
      each: null,
      model: detector.model,
      options: task.options.parse({}),
    };
    const run = task.run({
      ...none,
      model: task.name === 'read-text' ? reader.model : detector.model,
      infer: async () => ({}),
      measure: async (_phase, work) => work(),
    });
    await t.rejects(run, { code: 'CAPTURE_UNSUPPORTED' });
  }
});

test('options are described, complete and strict', async (t) => {
  for (const task of [detectText, classifyOrientation, readText] as Task[]) {
    t.ok(task.options.safeParse({}).success, `${task.name} runs without options`);
    t.notOk(task.options.safeParse({ colour: 1 }).success, `${task.name} refuses an unknown option`);
  }
  t.notOk(readText.options.safeParse({ min_score: 2 }).success);
});

const noData = process.env.SHOAL_TEST_DATA === undefined ? 'SHOAL_TEST_DATA is not set' : false;

test('a public scan is read as well as promised', { skip: noData }, async (t) => {
  const { value, pass } = await characterErrors();
  t.ok(pass, `character error rate ${value.toFixed(4)}`);
});

test('sessions are released', async () => {
  await Promise.all([detector, classifier, reader].map((bench) => bench.close()));
});
