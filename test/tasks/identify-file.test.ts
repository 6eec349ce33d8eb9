import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import type { ModelFacts } from '../../src/core/model.js';
import type { FilePort, TaskInput } from '../../src/core/task.js';
import type { Tensors } from '../../src/core/tensor.js';
import { bytesContent } from '../../src/engine/content.js';
import { identifyFile } from '../../src/tasks/identify-file.js';
import { openTask } from '../../tools/run-task.js';
import { catalogueModel } from '../support/catalogue.js';

const data = process.env.SHOAL_TEST_DATA;
type Options = ReturnType<typeof identifyFile.options.parse>;

/** Sees 4 bytes of the start and 3 of the end, out of blocks of 8. */
const facts: ModelFacts = {
  name: 'types',
  version: '1.0.0',
  task: 'identify-file',
  inputs: [{ name: 'in', dtype: 'int32', shape: ['files', 7] }],
  outputs: [{ name: 'out', dtype: 'float32', shape: ['files', 4] }],
  params: {
    block_bytes: 8,
    begin_bytes: 4,
    end_bytes: 3,
    padding: 256,
    min_bytes: 2,
    threshold: 0.5,
    thresholds: { tsv: 0.9 },
    overwrite: { noise: 'unknown' },
    groups: { code: ['python', 'tsv'], other: ['unknown'] },
    text: ['python', 'tsv'],
  },
  labels: ['python', 'tsv', 'noise', 'pdf'],
};

async function identify(file: FilePort | null, scores: number[] = [0, 0, 0, 1], options: Partial<Options> = {}) {
  const fed: number[][] = [];
  const input: TaskInput<Options> = {
    image: null,
    audio: null,
    series: null,
    text: null,
    file,
    each: null,
    model: facts,
    options: identifyFile.options.parse(options),
    infer: async (feeds: Tensors) => {
      fed.push([...(feeds.in?.data ?? [])].map(Number));
      return { out: { dtype: 'float32', shape: [1, 4], data: Float32Array.from(scores) } };
    },
    measure: async (_, work) => work(),
  };
  const [observation] = await identifyFile.run(input);
  return { observation, fed: fed[0] ?? null };
}

const of = (text: string) => bytesContent(Buffer.from(text, 'latin1'));
const codes = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

test('the model sees the first and the last bytes without the white space around them, filled up where there are none', async (t) => {
  t.same((await identify(of('abcdefghij'))).fed, codes('abcdhij'));
  t.same(
    (await identify(of(' \t\n\v\f\rabcde\r\n'))).fed,
    [...codes('ab'), 256, 256, ...codes('cde')],
    'two bytes are left of the first eight',
  );
  t.same((await identify(of('ab '))).fed, [...codes('ab '), 256, 256, ...codes('ab')]);
  t.same((await identify(of('ab\x00\x1c'))).fed, [...codes('ab\x00\x1c'), ...codes('b\x00\x1c')], 'other control characters stay');
});

test('only the two blocks are read, however long the file is', async (t) => {
  const reads: [number, number][] = [];
  const file: FilePort = {
    bytes: 1e12,
    read: async (offset, length) => {
      reads.push([offset, length]);
      return Buffer.from(offset === 0 ? '01234567' : 'stuvwxyz');
    },
  };
  t.same((await identify(file)).fed, codes('0123xyz'));
  t.same(reads, [
    [0, 8],
    [1e12 - 8, 8],
  ]);
});

test('too few bytes are never shown to the model', async (t) => {
  const cases: [string, string][] = [
    ['', 'empty'],
    ['x', 'txt'],
    ['\xff', 'unknown'],
    ['            x', 'txt'],
    [' \n', 'txt'],
  ];
  for (const [text, label] of cases) {
    const { observation, fed } = await identify(of(text));
    t.match(observation, { score: 1, label }, JSON.stringify(text));
    t.equal(fed, null);
  }
});

test('a label needs its threshold, else the file is text or unknown; some labels are told as another', async (t) => {
  const label = async (scores: number[], options: Partial<Options> = {}) => (await identify(of('abcdef'), scores, options)).observation;
  t.same(await label([0.5, 0.1, 0, 0]), { score: 0.5, label: 'python', group: 'code' });
  t.same(await label([0.49, 0.1, 0, 0]), { score: 0.49, label: 'txt' });
  t.same(await label([0, 0.91, 0, 0.09]), { score: 0.91, label: 'tsv', group: 'code' });
  t.same(await label([0, 0.8, 0, 0.2]), { score: 0.8, label: 'txt' }, 'its own threshold is higher');
  t.same(await label([0, 0.8, 0, 0.2], { trust: 'guess' }), { score: 0.8, label: 'tsv', group: 'code' });
  t.same(await label([0, 0, 0.7, 0]), { score: 0.7, label: 'unknown', group: 'other' });
  t.same(await label([0, 0, 0.7, 0], { trust: 'guess' }), { score: 0.7, label: 'unknown', group: 'other' });
  t.same(await label([0, 0, 0, 0.3]), { score: 0.3, label: 'unknown', group: 'other' });
});

test('a card that does not suit is refused with the reason, and so is a capture that is no file', async (t) => {
  identifyFile.fit(facts);
  const wrong: [Partial<ModelFacts>, RegExp][] = [
    [{ params: { ...facts.params, padding: 0 } }, /padding/],
    [{ params: { ...facts.params, begin_bytes: 9 } }, /within block_bytes/],
    [{ params: { ...facts.params, text: ['pyhton'] } }, /"pyhton", which is none of its labels/],
    [{ labels: ['python'] }, /float32\[\*,1\]/],
    [{ inputs: [{ name: 'in', dtype: 'int32', shape: [1, 8] }] }, /int32\[\*,7\]/],
  ];
  for (const [change, message] of wrong) t.throws(() => identifyFile.fit({ ...facts, ...change }), { code: 'MODEL_INVALID', message });
  await t.rejects(identify(null), { code: 'CAPTURE_UNSUPPORTED' });
});

test('Magika names the type of each of its own test files', { skip: data === undefined && 'SHOAL_TEST_DATA is not set' }, async (t) => {
  const model = await catalogueModel(data ?? '', 'magika');
  const opened = await openTask(identifyFile, model);
  const root = path.join(data ?? '', 'data/magika');
  let count = 0;
  for (const type of readdirSync(root)) {
    for (const name of readdirSync(path.join(root, type))) {
      const { observations } = await opened.run(readFileSync(path.join(root, type, name)));
      t.equal(observations[0]?.label, type, `${type}/${name}`);
      count++;
    }
  }
  t.ok(count >= 27, `${count} files`);
  await opened.close();
});
