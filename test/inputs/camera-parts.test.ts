/**
 * The parts of a camera that need none: pictures cut from a stream that ffmpeg encoded, polygons as boxes, freezes by a clock of ours.
 */
import { execFileSync } from 'node:child_process';
import sharp from 'sharp';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { standsIn } from '../../src/core/zone.js';
import { JpegSplitter } from '../../src/inputs/camera/jpeg-splitter.js';
import { maskBoxes } from '../../src/inputs/camera/mask.js';
import { cameraOptions } from '../../src/inputs/camera/options.js';
import { Freeze } from '../../src/inputs/live/freeze.js';
import { Chance } from '../support/chance.js';
import { skipWithout } from '../support/on-path.js';

function splitting(mostBytes = limits.cameraPictureBytesMax) {
  const heard = { pictures: [] as Buffer[], dropped: [] as string[] };
  const splitter = new JpegSplitter(mostBytes, {
    onPicture: (bytes) => heard.pictures.push(bytes),
    onDropped: (reason) => heard.dropped.push(reason),
  });
  return { splitter, heard };
}

/** Five real pictures: of ffmpeg's encoder, progressive, and one with a thumbnail in its head. */
async function pictures(): Promise<Buffer[]> {
  const noisy = ['-f', 'lavfi', '-i', 'testsrc2=size=160x96:rate=5', '-vf', 'noise=alls=40:allf=t', '-frames:v', '1'];
  const plain = execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', ...noisy, '-c:v', 'mjpeg', '-f', 'image2pipe', 'pipe:1']);
  const progressive = await sharp(plain).jpeg({ progressive: true }).toBuffer();
  const thumbnail = Buffer.concat([
    plain.subarray(0, 2),
    segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), plain])),
    plain.subarray(2),
  ]);
  return [plain, progressive, thumbnail, plain, progressive];
}

function segment(marker: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

test('pictures come out as they went in, however the stream is cut', { skip: skipWithout('ffmpeg') }, async (t) => {
  const sent = await pictures();
  const stream = Buffer.concat([Buffer.from('junk\xff', 'latin1'), ...sent]);
  const chance = new Chance(7);
  for (let round = 0; round < 40; round++) {
    const { splitter, heard } = splitting();
    const most = [1, 3, 40, 5000][round % 4] ?? 1;
    for (let at = 0; at < stream.length; ) {
      const length = Math.ceil(chance.between(0, 1) * most);
      splitter.push(Buffer.from(stream.subarray(at, at + length)));
      at += length;
    }
    splitter.end();
    t.same(heard.dropped, []);
    if (!heard.pictures.every((picture, index) => picture.equals(sent[index] ?? picture.subarray(1))) || heard.pictures.length !== 5) {
      t.fail(`round ${round}: ${heard.pictures.map(({ length }) => length)} of ${sent.map(({ length }) => length)}`);
    }
  }
});

test('half a picture is dropped and told, at a new one, at the end, in a damaged head; the next is whole', {
  skip: skipWithout('ffmpeg'),
}, async (t) => {
  const [plain = Buffer.alloc(0), , thumbnail = plain] = await pictures();
  for (const half of [plain.subarray(0, -2), plain.subarray(0, 300), thumbnail.subarray(0, 600)]) {
    const { splitter, heard } = splitting();
    splitter.push(Buffer.concat([half, Buffer.from([0, 0]), plain, half]));
    // A cut within a segment swallows what follows up to its length, and perhaps the next picture: never more.
    splitter.push(Buffer.concat([plain, plain, plain]));
    splitter.end();
    t.ok(heard.dropped.length >= 1 && heard.dropped.every((reason) => reason === 'half'), heard.dropped.join());
    t.ok(heard.pictures.length >= 2 && heard.pictures.every((picture) => picture.equals(plain)), `${heard.pictures.length}`);
  }
  const { splitter, heard } = splitting();
  splitter.push(plain.subarray(0, 2000));
  splitter.end();
  splitter.push(plain);
  t.same([heard.dropped, heard.pictures.length], [['half'], 1]);
});

test('what is held is bounded', { skip: skipWithout('ffmpeg') }, async (t) => {
  const [plain = Buffer.alloc(0)] = await pictures();
  const { splitter, heard } = splitting(plain.length);
  const scan = Buffer.alloc(1000, 7);
  splitter.push(plain.subarray(0, -2));
  for (let i = 0; i < 50; i++) splitter.push(scan);
  splitter.push(Buffer.from([0xff, 0xd9]));
  splitter.push(plain);
  t.same(heard.dropped, ['too_large']);
  t.equal(heard.pictures.length, 1);
});

test('boxes cover polygons, and little else', (t) => {
  const shapes = {
    triangle: [
      [0.1, 0.1],
      [0.9, 0.3],
      [0.4, 0.95],
    ],
    u: [
      [0.1, 0.1],
      [0.2, 0.1],
      [0.2, 0.8],
      [0.8, 0.8],
      [0.8, 0.1],
      [0.9, 0.1],
      [0.9, 0.9],
      [0.1, 0.9],
    ],
    sliver: [
      [0.501, 0.1],
      [0.502, 0.1],
      [0.502, 0.9],
      [0.501, 0.9],
    ],
    whole: [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ],
  } satisfies Record<string, [number, number][]>;
  const chance = new Chance(3);
  for (const [name, polygon] of Object.entries(shapes)) {
    const boxes = maskBoxes([polygon as [number, number][]]);
    t.ok(boxes.length > 0 && boxes.length < 100, `${name}: ${boxes.length} boxes`);
    const within = (x: number, y: number, more: number) =>
      boxes.some(
        ([left, top, width, height]) => x >= left - more && x <= left + width + more && y >= top - more && y <= top + height + more,
      );
    const inside = (x: number, y: number) => standsIn(polygon as [number, number][], { x_min: x, x_max: x, y_min: y, y_max: y });
    for (let i = 0; i < 3000; i++) {
      const [x, y] = [chance.between(0, 1), chance.between(0, 1)];
      if (inside(x, y) && !within(x, y, 1e-9)) t.fail(`${name} is bare at ${x}, ${y}`);
      const near = [-0.016, 0, 0.016].some((dx) => [-0.016, 0, 0.016].some((dy) => inside(x + dx, y + dy)));
      if (name !== 'sliver' && !near && within(x, y, 0)) t.fail(`${name} hides ${x}, ${y}`);
    }
  }
  t.same(maskBoxes([shapes.whole as [number, number][]]), [[0, 0, 1, 1]]);
  t.ok(
    maskBoxes([shapes.sliver as [number, number][]]).every(([, , width]) => width <= 2 / 128),
    'a polygon thinner than a cell is covered too',
  );
  t.end();
});

test('a freeze is the same for too long, whatever is opened anew meanwhile', (t) => {
  const freeze = new Freeze(1000);
  t.equal(freeze.look('a', 0), 'well');
  t.equal(freeze.look('a', 999), 'well');
  t.equal(freeze.look('a', 1000), 'reopen');
  t.equal(freeze.look('a', 1500), 'frozen');
  t.equal(freeze.look('a', 2000), 'reopen');
  t.equal(freeze.look('b', 2100), 'well');
  t.equal(freeze.look('b', 3099), 'well');
  t.equal(freeze.look('b', 3100), 'reopen');
  t.equal(freeze.look(null, 3200), 'well');
  t.equal(freeze.look(null, 9000), 'well', 'what cannot freeze');
  const never = new Freeze(0);
  never.look('a', 0);
  t.equal(never.look('a', 1e9), 'well');
  t.end();
});

test('options that do not fit together are refused, each with what to do', (t) => {
  const problems = (written: object) =>
    cameraOptions.safeParse(written).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
  t.same(problems({}), []);
  t.same(problems({ source: 'csi', device: '1', rotate: 90 }), []);
  t.same(problems({ source: 'rtsp', url: 'rtsp://u@10.0.0.7:554/a', password: { credential: 'cam' } }), []);
  t.match(problems({ source: 'rtsp' }), [/^url is needed/]);
  t.match(problems({ source: 'rtsp', url: 'http://x/' }), [/^url must begin with rtsp/]);
  t.match(problems({ source: 'rtsp', url: 'rtsp://u:secret@x/' }), [/^url must not hold the password/]);
  t.match(problems({ source: 'rtsp', url: 'rtsp://x/', password: { credential: 'cam' } }), [/^password needs a user/]);
  t.match(problems({ source: 'csi', device: '/dev/video0' }), [/^device is the number/]);
  t.match(problems({ device: '1' }), [/^device is a path/]);
  t.match(problems({ crop: [0.5, 0, 0.6, 1] }), [/^crop x \+ width/]);
  t.match(
    problems({
      mask: [
        [
          [0, 0],
          [1, 1],
          [0.5, 0.5],
        ],
      ],
    }),
    [/^mask\.0 its points enclose nothing/],
  );
  t.end();
});
