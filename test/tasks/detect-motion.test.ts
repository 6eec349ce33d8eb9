import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import type { ModelFacts } from '../../src/core/model.js';
import type { Observation } from '../../src/core/result.js';
import { openRegistry } from '../../src/registry/registry.js';
import { detectMotion } from '../../src/tasks/detect-motion.js';
import { openTask } from '../../tools/run-task.js';

const data = process.env.SHOAL_TEST_DATA;
const model = (await openRegistry(['models'])).find('background-difference');
if (model === null) throw new Error('models/background-difference is missing');
const opened = await openTask(detectMotion, model);

/** Frames of a camera that looks at a photo for two seconds, five a second, through a filter of ffmpeg; JPEG, with the noise of a sensor. */
function frames(scratch: string, photo: string, filter: string): Buffer[] {
  const scene = `[0:v]scale=640:480,setsar=1[s];${filter},noise=alls=6:allf=t:all_seed=7[o]`;
  const out = path.join(scratch, 'frame-%02d.jpg');
  const input = ['-loop', '1', '-framerate', '5', '-t', '3', '-i', photo];
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...input, '-filter_complex', scene, '-map', '[o]', '-frames:v', '10', '-q:v', '5', out]);
  return Array.from({ length: 10 }, (_, i) => readFileSync(out.replace('%02d', `${i + 1}`.padStart(2, '0'))));
}

async function watch(pictures: readonly Buffer[], options: Readonly<Record<string, unknown>> = {}): Promise<Observation[]> {
  let before: Uint8Array | null = null;
  const found: Observation[] = [];
  for (const picture of pictures) {
    const { observations, kept }: Awaited<ReturnType<typeof opened.run>> = await opened.run(picture, undefined, options, before);
    before = kept ?? null;
    if (before !== null && before.byteLength > limits.stateBytesMax) throw new Error(`${before.byteLength} bytes are kept`);
    found.push(...observations);
  }
  return found;
}

const labels = (found: readonly Observation[]) => found.map(({ label }) => label);
const stillOnly = (found: readonly Observation[]) => found.every(({ label, box }) => label === 'still' && box === undefined);

const noFilms = spawnSync('ffmpeg', ['-version']).status !== 0 && 'ffmpeg is not installed (apt-get install ffmpeg)';

const photos = [
  'samples/camera.png',
  ...(data === undefined ? [] : ['fastestdet_0.jpg', 'nanodet_000252.jpg'].map((name) => path.join(data, 'data/photos', name))),
];

test('what moves before a real picture is motion, and the box is where it is', { skip: noFilms }, async (t) => {
  for (const photo of photos) {
    // A grey card of 60 x 90 pixels, 2 % of the picture, comes in at the left after the third frame and goes to the right.
    const card = `color=gray:s=60x90:r=5[c];[s][c]overlay=x='if(lt(t,0.5),-100,40+300*(t-0.6))':y=200:shortest=1`;
    const found = await watch(frames(t.testdir(), photo, card));
    t.ok(stillOnly(found.slice(0, 3)), `${photo}: ${labels(found)}`);
    for (const [i, { label, box, score }] of found.slice(3).entries()) {
      t.equal(label, 'motion', `${photo}: frame ${i + 3}`);
      t.ok(score > 0.005 && score < 0.06, `${score}`);
      const middle = (40 + 60 * i + 30) / 640;
      t.ok(
        box !== undefined && box.x_min <= middle + 0.03 && box.x_max >= middle - 0.03,
        `${photo}: frame ${i + 3}, x ${box?.x_min} to ${box?.x_max}`,
      );
      t.ok(box !== undefined && box.y_min > 0.35 && box.y_max < 0.68, `y ${box?.y_min} to ${box?.y_max}`);
    }
  }
});

test('light that changes everywhere is none, nor is the noise of the camera', { skip: noFilms }, async (t) => {
  for (const photo of photos) {
    t.ok(stillOnly(await watch(frames(t.testdir(), photo, '[s]null'))), `${photo}: noise alone`);
    const darker = await watch(
      frames(t.testdir(), photo, `[s]lutyuv=y='val*0.7'[d];color=black:s=640x480:r=5[k];[d][k]blend=all_expr='if(lt(T,0.5),A/0.7,A)'`),
    );
    t.ok(stillOnly(darker), `${photo}: a lamp went out: ${JSON.stringify(darker.map(({ score }) => score))}`);
  }
});

test('a thing that fills a quarter of the picture does not pass for light', { skip: noFilms }, async (t) => {
  const big = `color=black:s=320x240:r=5[c];[s][c]overlay=x='if(lt(t,0.5),-400,320)':y=120:shortest=1`;
  const found = await watch(frames(t.testdir(), 'samples/camera.png', big));
  const { box, score } = found[4] ?? { score: 0 };
  t.ok(score > 0.1 && score < 0.3, `${score}`);
  t.ok(box !== undefined && box.x_min > 0.45 && box.y_min > 0.2 && box.y_max < 0.8, JSON.stringify(box));
});

test('a change that stays becomes background', { skip: noFilms }, async (t) => {
  const card = `color=white:s=120x120:r=5[c];[s][c]overlay=x='if(lt(t,0.1),-200,300)':y=200:shortest=1`;
  const pictures = frames(t.testdir(), 'samples/camera.png', card);
  t.match(labels(await watch(pictures)).slice(-1), ['motion'], 'not within two seconds');
  t.match(labels(await watch(pictures, { adapt_frames: 2 })).slice(-1), ['still'], 'or soon, where that is asked');
});

test('a picture by itself is still, and bytes of another size are no background', async (t) => {
  const picture = readFileSync('samples/camera.png');
  t.strictSame((await opened.run(picture)).observations, [{ score: 0, label: 'still' }]);
  t.notOk('kept' in (await opened.run(picture)));
  await t.rejects(opened.run(picture, undefined, {}, new Uint8Array(16)), { code: 'INFERENCE' });
});

test('a card that does not suit is refused by what is wrong with it', (t) => {
  const refused = (change: Partial<ModelFacts>, message: RegExp) =>
    t.throws(() => detectMotion.fit({ ...model, ...change }), { code: 'MODEL_INVALID', message });
  refused({ params: {} }, /width/);
  refused({ params: { width: 48, height: 72 } }, /"picture" is uint8\[72,96,3\], it needs uint8\[72,48,3\]/);
  refused({ outputs: [] }, /"moved" is missing/);
  t.end();
});

test('the data was there', { skip: data === undefined && '2 photos: SHOAL_TEST_DATA is not set' }, (t) => {
  t.ok(photos.every((photo) => existsSync(photo)));
  t.end();
});

test('and the model is closed', async () => opened.close());
