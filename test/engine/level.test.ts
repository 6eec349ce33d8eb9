/** The one number by which a change of the input shows: of pictures, sounds and series that are known. */
import sharp from 'sharp';
import { test } from 'tap';
import { encodeSeries, seriesMagic } from '../../src/core/series.js';
import { levelOf } from '../../src/engine/level.js';
import { openFor } from '../../src/engine/open-form.js';
import { greyImage, paintedImage } from '../support/task-lab.js';

const nothing = { image: null, audio: null, series: null, text: null, file: null };

test('a picture has its brightness, a sound and a series their strength, anything else none', async (t) => {
  const near = (found: number | null, wanted: number, what: string) => t.ok(Math.abs((found ?? -1) - wanted) < 0.01, `${what}: ${found}`);
  near(await levelOf({ ...nothing, image: greyImage(640, 480) }), 128 / 255, 'grey');
  const half = paintedImage(1024, 512, (x) => (x < 0.5 ? [255, 255, 255] : [0, 0, 0]));
  near(await levelOf({ ...nothing, image: half }), 0.5, 'half of it is white, whatever columns are looked at');
  const red = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#ff0000' } })
    .png()
    .toBuffer();
  near(await levelOf(await openFor('image', red)), 0.299, 'red');
  const data = Float32Array.from({ length: 20_000 }, (_, i) => 3 * Math.sin(i / 7));
  const series = encodeSeries({ channels: ['x', 'y'], rateHz: 200, length: 10_000, data, startMs: null, filled: 0 });
  t.equal(Buffer.from(series).subarray(0, seriesMagic.length).toString(), seriesMagic);
  near((await levelOf(await openFor('series', series))) ?? -1, 3 / Math.SQRT2, 'a sine of 3');
  const sound = {
    durationS: 1,
    rateHz: 16_000,
    samples: async () => Float32Array.from({ length: 16_000 }, (_, i) => (i % 2 === 0 ? 0.5 : -0.5)),
  };
  near(await levelOf({ ...nothing, audio: sound }), 0.5, 'a square of a half');
  t.equal(await levelOf({ ...nothing, audio: { ...sound, durationS: 3600 } }), null, 'an hour is a burden');
  t.equal(await levelOf({ ...nothing, text: 'words' }), null);
  t.equal(await levelOf(null), null, 'what nobody decoded is not decoded for it');
});
