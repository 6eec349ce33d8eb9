/**
 * measure-series on the bundled model: the numbers against their definition.
 */
import { test } from 'tap';
import { readSeriesTable } from '../../src/core/series-table.js';
import { bundledModels } from '../../src/parts.js';
import { openRegistry } from '../../src/registry/registry.js';
import { differentValues } from '../../src/tasks/different-values.js';
import { measureSeries } from '../../src/tasks/measure-series.js';
import { openTask } from '../../tools/run-task.js';

test('each channel is measured as it is defined', async (t) => {
  const model = (await openRegistry([bundledModels])).find('window-statistics');
  if (model === null || model === undefined) throw new Error('window-statistics is bundled');
  const opened = await openTask(measureSeries, model);
  t.teardown(() => opened.close());
  const csv = Buffer.from(`time,a,b\n${Array.from({ length: 50 }, (_, i) => `${i},${Math.sin(i)},${i * i}`).join('\n')}\n`);
  const { observations } = await opened.run(csv);
  const { data } = readSeriesTable(csv, 'text/csv');
  t.same(
    observations.map(({ label, score }) => [label, score]),
    [
      ['a', 1],
      ['b', 1],
    ],
  );
  for (const [channel, { values = {} }] of observations.entries()) {
    const samples = [...data.subarray(channel * 50, channel * 50 + 50)];
    const mean = samples.reduce((sum, value) => sum + value, 0) / 50;
    const expected = {
      mean,
      std: Math.sqrt(samples.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 50),
      min: Math.min(...samples),
      max: Math.max(...samples),
      rms: Math.sqrt(samples.reduce((sum, value) => sum + value ** 2, 0) / 50),
      range: Math.max(...samples) - Math.min(...samples),
      last: samples.at(-1) ?? 0,
    };
    t.same(Object.keys(values).sort(), Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) {
      t.ok(Math.abs((values[name] ?? 0) - value) <= 1e-5 * Math.max(1, Math.abs(value)), `${name} of channel ${channel}`);
    }
  }
});

test('a card that does not suit is refused', async (t) => {
  const model = (await openRegistry([bundledModels])).find('window-statistics');
  if (model === null || model === undefined) throw new Error('window-statistics is bundled');
  t.throws(() => measureSeries.fit({ ...model, params: { statistics: ['mean'] } }), { code: 'MODEL_INVALID' });
  t.throws(() => measureSeries.fit({ ...model, params: {} }), { code: 'MODEL_INVALID' });
});

test('values that differ are counted relative to their size', async (t) => {
  const one = (values: Record<string, number>) => [{ score: 1, values }];
  t.same(differentValues.score(one({ a: 100 }), one({ a: 100 })), { errors: 0, total: 1 });
  t.match(differentValues.score(one({ a: 100, b: 1 }), one({ a: 99 })), { errors: 1.01, total: 2 });
  t.equal(differentValues.score(one({ a: 1 }), []).errors, 1);
});
