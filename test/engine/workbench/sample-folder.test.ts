import { copyFileSync, linkSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { readSampleFolder, readSamples } from '../../../src/engine/workbench/sample-folder.js';
import { classifyOrientation } from '../../../src/tasks/classify-orientation.js';
import { detectSpeech } from '../../../src/tasks/detect-speech.js';
import { detectText } from '../../../src/tasks/detect-text.js';
import { identifyFile } from '../../../src/tasks/identify-file.js';
import { readText } from '../../../src/tasks/read-text.js';
import { freshFolder, pageCrops } from '../../support/samples.js';

test('samples calibrate or judge, never both, and how they are divided hangs on what they hold', async (t) => {
  const folder = await pageCrops(21);
  const { calibration, heldOut, skipped } = await readSampleFolder(folder, detectText);
  t.equal(calibration.length, 10);
  t.equal(heldOut.length, 11);
  t.strictSame(skipped, []);
  const hashes = [...calibration, ...heldOut].map(({ sha256 }) => sha256);
  t.equal(new Set(hashes).size, 21, 'none twice');
  for (const name of readdirSync(folder)) renameSync(path.join(folder, name), path.join(folder, `z${100 - Number(name.slice(1, 3))}.png`));
  const renamed = await readSampleFolder(folder, detectText);
  t.strictSame(
    [...renamed.calibration, ...renamed.heldOut].map(({ sha256 }) => sha256),
    hashes,
    'whatever they are called',
  );
});

test('what cannot be used is named with its reason, and nothing outside the folder is read', async (t) => {
  const folder = await pageCrops(16);
  const outside = path.join(freshFolder('outside'), 'secret.png');
  copyFileSync('samples/label.png', outside);
  symlinkSync(outside, path.join(folder, 'linked.png'));
  symlinkSync(path.dirname(outside), path.join(folder, 'linked-folder'));
  copyFileSync(path.join(folder, 's00.png'), path.join(folder, 'twin.png'));
  copyFileSync('samples/announcement.wav', path.join(folder, 'sound.wav'));
  writeFileSync(path.join(folder, 'notes.md'), '# what this is\n');
  writeFileSync(path.join(folder, 'orphan.json'), '[]');
  writeFileSync(path.join(folder, 'cut.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]));
  writeFileSync(path.join(folder, '.hidden.png'), 'x');
  mkdirSync(path.join(folder, 'more'));
  const { calibration, heldOut, skipped } = await readSampleFolder(folder, detectText);
  t.equal(calibration.length + heldOut.length, 16);
  const reasons = Object.fromEntries(skipped.map(({ name, reason }) => [name, reason]));
  t.match(reasons, {
    'linked.png': /symbolic link/,
    'linked-folder': /symbolic link/,
    'twin.png': /the same bytes as s00\.png/,
    'sound.wav': /a WAV sound; detect-text needs image samples/,
    'notes.md': /a plain text; detect-text needs image/,
    'orphan.json': /no sample of that name/,
    'cut.jpg': /cannot be decoded/,
    more: /a folder/,
  });
  t.equal(skipped.length, 8, 'hidden files are not spoken of');
});

test('what a perfect model would find may lie beside any sample', async (t) => {
  const folder = await pageCrops(17);
  const beside = (name: string, content: unknown) => writeFileSync(path.join(folder, name), JSON.stringify(content));
  const place = { x_min: 0.1, y_min: 0.1, x_max: 0.4, y_max: 0.2 };
  beside('s00.png.truth.json', [{ label: 'text', box: place, score: 0.3, colour: 'red' }]);
  beside('s01.truth.json', []);
  beside('s02.png.truth.json', { schema: 'shoal/result/1', observations: { regions: [{ score: 0.9, box: place }] } });
  beside('s03.png.truth.json', [{ score: 1 }]);
  beside('s04.png.truth.json', [{ box: { ...place, x_max: 7 } }]);
  beside('gone.png.truth.json', []);
  const { samples, skipped } = await readSamples(folder, detectText);
  const truths = Object.fromEntries(samples.map(({ name, truth }) => [name, truth]));
  t.same(truths['s00.png'], [{ score: 1, label: 'text', box: place }]);
  t.same(truths['s01.png'], [], 'nothing is there, which is known');
  t.same(truths['s02.png'], [{ score: 1, box: place }]);
  t.equal(truths['s05.png'], null);
  const reasons = Object.fromEntries(skipped.map(({ name, reason }) => [name, reason]));
  t.match(reasons, {
    's03.png': /the truth beside it: number 0 says nothing; expected a list/,
    's04.png': /the truth beside it: expected a list of observations/,
    'gone.png.truth.json': /no sample of that name/,
  });
  writeFileSync(path.join(folder, 's05.png.txt'), 'one line');
  beside('s05.png.truth.json', [{ text: 'one line' }]);
  const read = await readSamples(folder, readText);
  t.match(read.skipped.find(({ name }) => name === 's05.png')?.reason, /a transcript and a truth/);
  beside('s06.png.json', [{ box: place }, { box: place }]);
  beside('s06.png.truth.json', [{ label: '0' }, { label: '180' }]);
  beside('s07.png.json', [{ box: place }]);
  beside('s07.png.truth.json', [{ label: '0', of: 1 }]);
  const turned = await readSamples(folder, classifyOrientation);
  t.match(turned.samples.find(({ name }) => name === 's06.png')?.truth, [
    { label: '0', of: 0 },
    { label: '180', of: 1 },
  ]);
  t.match(turned.skipped.find(({ name }) => name === 's07.png')?.reason, /about place 1 of 1/);
  const sounds = freshFolder('sounds');
  copyFileSync('samples/announcement.wav', path.join(sounds, 'a.wav'));
  writeFileSync(path.join(sounds, 'a.wav.truth.json'), '[]');
  t.match((await readSamples(sounds, detectSpeech)).skipped, [{ reason: /what detect-speech answers cannot be right or wrong/ }]);
  const files = freshFolder('files');
  writeFileSync(path.join(files, 'a.json'), '{}');
  writeFileSync(path.join(files, 'a.json.truth.json'), '[{"label": "json"}]');
  const identified = await readSamples(files, identifyFile);
  t.match(identified.samples, [{ name: 'a.json', truth: [{ label: 'json' }] }]);
  t.equal(identified.samples.length, 1);
});

test('for a task that reads files any file is a sample, and none lies beside one', async (t) => {
  const folder = freshFolder('files');
  for (let i = 0; i < 8; i++) {
    writeFileSync(path.join(folder, `${i}.txt`), `text ${i}`);
    writeFileSync(path.join(folder, `${i}.json`), `{ "number": ${i} }`);
  }
  const { calibration, heldOut, skipped } = await readSampleFolder(folder, identifyFile);
  t.equal(calibration.length + heldOut.length, 16);
  t.strictSame(skipped, []);
});

test('too few samples are refused with what was found and what is needed', async (t) => {
  const folder = await pageCrops(15);
  writeFileSync(path.join(folder, 'notes.md'), 'notes');
  const refused = {
    code: 'USAGE',
    message: /15 samples detect-text can use, at least 16 are needed: 8 to calibrate and 8 others.*notes\.md/,
  };
  await t.rejects(readSampleFolder(folder, detectText), refused);
  await t.rejects(readSampleFolder(path.join(folder, 'nowhere'), detectText), { code: 'USAGE', message: /cannot be read/ });
  await t.rejects(readSampleFolder(folder, detectSpeech), { code: 'USAGE', message: /has 0 samples/ });
});

test('observations and transcripts beside a sample are taken up, and refused where they do not fit', async (t) => {
  const folder = await pageCrops(18);
  const beside = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  const quads = (count: number) => Array.from({ length: count }, () => ({ quad: [[0, 0], [1, 0], [1, 1], [0, 1]] })); // biome-ignore format: four points
  beside('s00.png.json', JSON.stringify(quads(2)));
  beside('s00.txt', 'first line\n\nsecond line\n');
  beside('s01.json', JSON.stringify({ schema: 'shoal/result/1', observations: { answer: [{ score: 0.3, box: { x_min: 0, y_min: 0, x_max: 1, y_max: 0.5 } }] } })); // biome-ignore format: one payload
  beside('s02.txt', 'one line\nand another');
  beside('s03.json', '[{"quad": [[0, 0], [2, 0], [1, 1], [0, 1]]}]');
  const { calibration, heldOut, skipped } = await readSampleFolder(folder, readText);
  const byName = new Map([...calibration, ...heldOut].map((sample) => [sample.name, sample]));
  t.equal(byName.get('s00.png')?.each?.length, 2);
  t.strictSame(byName.get('s00.png')?.truth, [
    { score: 1, text: 'first line', of: 0 },
    { score: 1, text: 'second line', of: 1 },
  ]);
  t.strictSame(byName.get('s01.png')?.each, [{ score: 1, box: { x_min: 0, y_min: 0, x_max: 1, y_max: 0.5 } }]);
  t.equal(byName.get('s04.png')?.each, null, 'the image is one line');
  t.match(skipped, [
    { name: 's02.png', reason: /2 lines of text for 1 line/ },
    { name: 's03.png', reason: /expected a list of/ },
  ]);
  const orientation = await readSampleFolder(folder, classifyOrientation);
  t.equal(orientation.calibration.length + orientation.heldOut.length, 17, 'a transcript is nothing to a task that reads none');
  const detection = await readSampleFolder(folder, detectText);
  const places = [...detection.calibration, ...detection.heldOut].map(({ each }) => each);
  t.ok(places.length === 18 && places.every((each) => each === null), 'a detector is judged on the whole, also where lines lie beside it');
});

test('a second hard link is an ordinary file, told by its bytes', async (t) => {
  const folder = await pageCrops(16);
  linkSync(path.join(folder, 's01.png'), path.join(folder, 's99.png'));
  t.match((await readSampleFolder(folder, detectText)).skipped, [{ name: 's99.png', reason: /the same bytes as s01\.png/ }]);
});
