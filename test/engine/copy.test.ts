/** Copies of captures, with the bundled face model on a photo of a face. */
import sharp from 'sharp';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { pixelPng } from '../support/engine-lab.js';
import { FaceLab, photoOfFace } from '../support/face-lab.js';

const plain = { faces: null, picturesOnly: false } as const;

test('in a copy whose faces are hidden the model that found one finds none; in one without, it does', async (t) => {
  const lab = await FaceLab.open();
  const photo = await photoOfFace();
  t.equal(await lab.facesIn(photo), 1, 'control: there is a face');
  t.ok(photo.includes('canary-copyright'), 'control: and metadata');
  const open = await lab.run(photo, { copy: plain });
  t.equal(await lab.facesIn(open.copy?.bytes ?? photo), 1, 'control: a copy alone hides nothing');
  const { copy, pipelines } = await lab.run(photo, { copy: { faces: lab.faces, picturesOnly: true } });
  t.same(pipelines, []);
  t.equal(copy?.faces, 1);
  t.equal(await lab.facesIn(copy?.bytes ?? photo), 0);
  const { width, height, exif, format } = await sharp(copy?.bytes).metadata();
  t.same({ width, height, exif, format }, { width: 512, height: 512, exif: undefined, format: 'jpeg' });
  t.notOk(Buffer.from(copy?.bytes ?? []).includes('canary'), 'no metadata is left');
  const rest = (bytes: Uint8Array) => sharp(bytes).extract({ left: 0, top: 380, width: 120, height: 120 }).raw().toBuffer();
  const [before, after] = await Promise.all([rest(photo), rest(copy?.bytes ?? photo)]);
  const apart = before.reduce((sum, value, i) => sum + Math.abs(value - (after[i] ?? 0)), 0) / before.length;
  t.ok(apart < 12, `what is no face is as it was (${apart.toFixed(1)})`);
});

test('what a mask covers no stage sees, and no copy shows', async (t) => {
  const around = [
    [0.25, 0],
    [0.65, 0],
    [0.65, 0.5],
    [0.25, 0.5],
  ] as const;
  const lab = await FaceLab.open({ test: [around.map(([x, y]): [number, number] => [x, y])] });
  const photo = await photoOfFace();
  const { copy } = await lab.run(photo, { copy: { faces: lab.faces, picturesOnly: true } });
  t.equal(copy?.faces, 0, 'the model saw no face');
  t.equal(await lab.facesIn(copy?.bytes ?? photo), 0);
  const inside = await sharp(copy?.bytes).extract({ left: 140, top: 10, width: 180, height: 230 }).raw().toBuffer();
  t.ok(
    inside.every((value) => value < 16),
    'black but for the JPEG',
  );
});

test('a copy of a picture fits into its bytes, and is never larger than a screen', async (t) => {
  const lab = await FaceLab.open();
  const noise = Buffer.alloc(2400 * 1800 * 3);
  let seed = 1;
  for (let i = 0; i < noise.length; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    noise[i] = seed >> 16;
  }
  const { copy } = await lab.run(
    await sharp(noise, { raw: { width: 2400, height: 1800, channels: 3 } })
      .jpeg()
      .toBuffer(),
    { copy: plain },
  );
  t.ok((copy?.bytes.length ?? Number.POSITIVE_INFINITY) <= limits.pictureBytesMax, `${copy?.bytes.length} bytes`);
  const { width = 0, height = 0 } = await sharp(copy?.bytes).metadata();
  t.ok(width <= limits.pictureSideMax && Math.abs(width / height - 4 / 3) < 0.02, `${width} x ${height}`);
});

test('it fails closed: what cannot be looked at for faces gives no copy', async (t) => {
  const lab = await FaceLab.open();
  const photo = await photoOfFace();
  const noModel = await lab.run(photo, { copy: { faces: { ...lab.faces, variant: 'gone' }, picturesOnly: true } });
  t.match(noModel, { notCopied: { code: 'MODEL_MISSING' } });
  t.notOk('copy' in noModel);
  const cut = await lab.run(photo.subarray(0, 9000), { copy: { faces: lab.faces, picturesOnly: true } });
  t.match(cut, { notCopied: { code: 'CAPTURE_DECODE' } });
  const header = { id: 'w1', input: 'test', name: 'w', kind: 'series', mediaType: 'text/csv', bytes: 4 } as const;
  const more = { capturedAt: '2026-01-01T00:00:00.000Z', clockSynced: true, boot: 1, seq: 1 };
  const series = { header: { ...header, ...more } };
  t.match(await lab.run(Buffer.from('1,2\n'), { ...series, copy: plain }), {
    copy: { mediaType: 'text/csv', bytes: Buffer.from('1,2\n') },
  });
  t.match(await lab.run(Buffer.from('1,2\n'), { ...series, copy: { ...plain, picturesOnly: true } }), {
    notCopied: { code: 'CAPTURE_UNSUPPORTED' },
  });
  t.notOk('copy' in (await lab.run(pixelPng, {})), 'nobody asked');
});
