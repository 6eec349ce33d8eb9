/**
 * Goal: five times what the engines can do costs what is urgent nothing. Method: a flood beside something urgent (overload.ts); what is urgent must
 * meet its budget, what is dropped must be counted, and all must be well again soon after. Control: upside down, what is urgent is late.
 * `npm run bench -- overload` does the same for a minute.
 */
import sharp from 'sharp';
import { test } from 'tap';
import { overload } from './overload.js';

const picture = async () => new Uint8Array(await sharp('samples/label.png').resize(640).flatten().jpeg().toBuffer());

test('under five times the load what is urgent is in time, every drop is counted, and it is over soon after', async (t) => {
  const seen = await overload({ seconds: 15, factor: 5, picture: await picture() });
  t.comment(JSON.stringify(seen));
  const { offered, urgent, flood, capacityHz, recoveredMs, rssBytes, failed } = seen;
  t.ok(offered >= 0.9 * 15 * 5 * capacityHz, 'it was a flood');
  t.ok(flood.dropped > offered / 2, 'most of it had to go');
  t.ok(urgent.inTime / urgent.asked >= 0.99, `${urgent.inTime} of ${urgent.asked} in time`);
  t.equal(flood.settled, offered, 'each has one outcome');
  t.equal(flood.looked + flood.dropped, offered);
  t.equal(flood.counted, flood.dropped, 'each drop with its cause');
  t.equal(failed, 0, 'what was dropped by the rules of its input is no failure');
  t.ok(recoveredMs <= 5000, `well again after ${Math.round(recoveredMs)} ms`);
  t.ok(rssBytes.peak - rssBytes.before < 64 * 2 ** 20, `${Math.round((rssBytes.peak - rssBytes.before) / 2 ** 20)} MiB more`);
});

test('control: with the priorities upside down what is urgent is late', async (t) => {
  const { urgent } = await overload({ seconds: 6, factor: 5, upsideDown: true, picture: await picture() });
  t.ok(urgent.inTime / urgent.asked < 0.9, `${urgent.inTime} of ${urgent.asked} in time`);
});
