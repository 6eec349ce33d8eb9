/**
 * One folder with mixed things in it, sorted by what they are, read, looked at and listened to by a real daemon.
 */
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { startAedes } from '../support/brokers.js';
import { assembleCatalogue } from '../support/catalogue.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

const data = process.env.SHOAL_TEST_DATA;
const patienceMs = 90_000;

interface Payload {
  readonly pipeline: string;
  readonly outcome: string;
  readonly capture: { readonly name: string };
  readonly trace: { readonly stages: readonly { readonly state?: string }[] };
  readonly observations: Readonly<Record<string, readonly { readonly label?: string; readonly group?: string; readonly text?: string }[]>>;
}

/** None names an input: what can read a capture gets it. */
const pipelines = {
  types: { stages: [{ task: 'identify-file', as: 'content' }] },
  signs: {
    stages: [
      { task: 'detect-text', as: 'regions' },
      { task: 'read-text', each: 'regions', as: 'lines' },
    ],
  },
  faces: { stages: [{ task: 'detect-faces', as: 'faces' }] },
  speech: {
    stages: [
      { task: 'denoise-speech', as: 'noise' },
      { task: 'detect-speech', as: 'speech' },
    ],
  },
};

/** Takes every file and looks into PNG pictures only. */
const gated = {
  stages: [
    { task: 'identify-file', as: 'content' },
    { task: 'detect-faces', as: 'faces', when: "content.exists(c, c.label == 'png')" },
  ],
};

const looked = ['faces', 'gated', 'signs', 'types'];
/** What lies in the folder: where it comes from, what it is, and the pipelines that can read it. */
const files: Readonly<Record<string, { readonly source: string; readonly content: string; readonly pipelines: readonly string[] }>> = {
  'sign.jpg': { source: 'samples/sign.jpg', content: 'jpeg image', pipelines: looked },
  'astronaut.png': { source: 'samples/astronaut.png', content: 'png image', pipelines: looked },
  'announcement.wav': { source: 'samples/announcement.wav', content: 'wav audio', pipelines: ['gated', 'speech', 'types'] },
  'an-image-they-say.jpg': { source: 'README.md', content: 'markdown text', pipelines: ['gated', 'types'] },
  'report.pdf': { source: 'data/magika/pdf/magika_test.pdf', content: 'pdf document', pipelines: ['gated', 'types'] },
  'letter.docx': { source: 'data/magika/docx/doc.docx', content: 'docx document', pipelines: ['gated', 'types'] },
  'things.zip': { source: 'data/magika/zip/magika_test.zip', content: 'zip archive', pipelines: ['gated', 'types'] },
  'song.mp3': { source: 'data/magika/mp3/test.mp3', content: 'mp3 audio', pipelines: ['gated', 'types'] },
  'drawing.svg': { source: 'data/magika/svg/magika_test.svg', content: 'svg image', pipelines: ['gated', 'types'] },
  script: { source: 'data/magika/python/code.py', content: 'python code', pipelines: ['gated', 'types'] },
};

test('a mixed folder ends as results of the right pipelines, and nothing of it is dropped', {
  skip: data === undefined && 'SHOAL_TEST_DATA is not set',
}, async (t) => {
  const { directory } = await assembleCatalogue(data ?? '', ['magika', 'gtcrn']);
  const broker = await startAedes();
  const scratch = new Scratch();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  scratch.configure({
    paths: { state_dir: path.join(scratch.dir, 'state'), run_dir: path.join(scratch.dir, 'run'), models_dirs: [directory] },
    device: { id: 'dock-7' },
    connections: { lan: { type: 'mqtt', url: broker.url } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, route: 'auto', settle_ms: 20, rescan_ms: 200 } },
    pipelines: { ...pipelines, gated },
  });
  const daemon = new DaemonProcess(scratch);
  t.teardown(async () => {
    await subscriber.stop();
    await daemon.kill();
    await scratch.remove();
    await broker.stop();
  });
  await daemon.ready(patienceMs);

  for (const [name, { source }] of Object.entries(files)) {
    copyFileSync(source.startsWith('data/') ? path.join(data ?? '', source) : source, path.join(scratch.outside, name));
    renameSync(path.join(scratch.outside, name), path.join(scratch.inbox, name));
  }
  const results = () => subscriber.on(/\/result\//).map(({ payload }) => JSON.parse(payload.toString()) as Payload);
  const expected = Object.values(files).reduce((sum, file) => sum + file.pipelines.length, 0);
  await until(`${expected} results have arrived`, () => results().length >= expected, patienceMs);
  await until('every file is settled and gone', () => scratch.files().length + scratch.files('work').length === 0, patienceMs);

  for (const [name, file] of Object.entries(files)) {
    const own = results().filter(({ capture }) => capture.name === name);
    t.same(own.map(({ pipeline }) => pipeline).sort(), file.pipelines, name);
    t.ok(
      own.every(({ outcome }) => outcome === 'published'),
      `${name} is published`,
    );
    const [content] = own.find(({ pipeline }) => pipeline === 'types')?.observations.content ?? [];
    t.equal(`${content?.label} ${content?.group}`, file.content, name);
  }
  const found = (name: string, pipeline: string, stage: string) =>
    results().find((one) => one.capture.name === name && one.pipeline === pipeline)?.observations[stage] ?? [];
  t.ok(found('sign.jpg', 'signs', 'lines').some(({ text }) => text === 'DOCK 7'));
  t.equal(found('astronaut.png', 'faces', 'faces').length, 1);
  t.equal(found('announcement.wav', 'speech', 'speech').length, 2);
  t.equal(found('astronaut.png', 'gated', 'faces').length, 1);
  const gates = (name: string) => results().find((one) => one.capture.name === name && one.pipeline === 'gated')?.trace.stages[1]?.state;
  t.equal(gates('sign.jpg'), 'skipped: when is false');
  t.same(scratch.files('failed'), []);

  // A picture that is none: the model is not taken in, so its gate has nobody try to decode it; those that look at pictures cannot.
  const broken = path.join(scratch.outside, 'broken.png');
  writeFileSync(broken, Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(5000, 'not a chunk')]));
  renameSync(broken, path.join(scratch.inbox, 'broken.png'));
  await until('the broken picture has its four results', () => results().length >= expected + 4, patienceMs);
  const outcomes = results().filter(({ capture }) => capture.name === 'broken.png');
  t.same(outcomes.map(({ pipeline, outcome }) => `${pipeline} ${outcome}`).sort(), [
    'faces failed',
    'gated published',
    'signs failed',
    'types published',
  ]);
});
