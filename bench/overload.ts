/**
 * Five times what the engines can do, offered for a minute to the built daemon, beside four urgent captures a second.
 *
 * The same code as the fault test (test/faults/overload.ts): one engine, two folders; what the engines can do is measured first and the budget of
 * what is urgent is six of the flood's jobs, of which two may be ahead of it in the engine.
 */
import sharp from 'sharp';
import { overload as run } from '../test/faults/overload.js';
import { type Figure, figure } from './figure.js';

export async function overload(): Promise<readonly Figure[]> {
  const picture = new Uint8Array(await sharp('samples/label.png').resize(640).flatten().jpeg().toBuffer());
  const { capacityHz, offered, budgetMs, urgent, flood, drainedMs, recoveredMs, rssBytes } = await run({ seconds: 60, factor: 5, picture });
  return [
    figure('what one engine can do of the flood', capacityHz, 'captures/s', 'higher'),
    figure('offered', offered / 60, 'captures/s', 'higher'),
    figure('urgent captures', urgent.asked, '', 'higher'),
    figure('their budget', budgetMs, 'ms', 'lower'),
    figure('urgent captures within their budget', (urgent.inTime / urgent.asked) * 100, '%', 'higher', 99),
    figure('of the flood: looked at', flood.looked, '', 'higher'),
    figure('of the flood: dropped', flood.dropped, '', 'lower'),
    figure('of the flood: without an outcome', offered - flood.looked - flood.dropped, '', 'lower', 0),
    figure('of the flood: dropped without a cause', flood.dropped - flood.counted, '', 'lower', 0),
    figure('from the last of the flood until all is settled', drainedMs / 1000, 's', 'lower', 5),
    figure('... until a capture put in then has its result', recoveredMs / 1000, 's', 'lower', 5),
    figure('memory of the core during the flood, more than before', (rssBytes.peak - rssBytes.before) / 2 ** 20, 'MiB', 'lower'),
  ];
}
