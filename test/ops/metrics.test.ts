import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { PromMetrics } from '../../src/ops/metrics.js';

test('the page follows the conventions of metric names', async (t) => {
  const metrics = new PromMetrics();
  metrics.counter({ name: 'shoal_captures_total', help: 'Captures.', labels: ['input'] }).inc({ input: 'inbox' }, 2);
  metrics.gauge({ name: 'shoal_queue_captures', help: 'Waiting.' }).set(7);
  metrics
    .histogram({ name: 'shoal_stage_seconds', help: 'Stages.', labels: ['stage'], buckets: [0.1, 1] })
    .observe(0.5, { stage: 'regions' });
  const page = await metrics.text();
  t.match(page, /^shoal_captures_total\{input="inbox"\} 2$/m);
  t.match(page, /^shoal_queue_captures 7$/m);
  t.match(page, /^shoal_stage_seconds_bucket\{le="1",stage="regions"\} 1$/m);
  const kinds = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name ?? '', kind]));
  for (const [name, kind] of kinds) {
    t.equal(name.endsWith('_total'), kind === 'counter', `${name} is a ${kind}`);
    t.match(name, /^(shoal|process)_[a-z_]+$/);
  }
  const process_ = [...kinds.keys()].filter((name) => name.startsWith('process_')).sort();
  t.strictSame(process_, ['process_cpu_seconds_total', 'process_open_fds', 'process_resident_memory_bytes', 'process_start_time_seconds']);
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
  t.ok(value('process_resident_memory_bytes') > 1e6 && value('process_open_fds') > 3 && value('process_cpu_seconds_total') > 0);
  t.ok(Math.abs(value('process_start_time_seconds') - Date.now() / 1000) < 600);
});

test('label combinations are bounded: later ones are added up as other, and counted', async (t) => {
  const metrics = new PromMetrics();
  const counter = metrics.counter({ name: 'shoal_dropped_total', help: 'Dropped.', labels: ['input', 'reason'] });
  for (let i = 0; i < limits.metricSeriesMax + 50; i++) counter.inc({ input: `i${i}`, reason: 'full' });
  counter.inc({ input: 'i0', reason: 'full' });
  const page = await metrics.text();
  t.equal(page.match(/^shoal_dropped_total\{/gm)?.length, limits.metricSeriesMax + 1);
  t.match(page, /^shoal_dropped_total\{input="other",reason="other"\} 50$/m);
  t.match(page, /^shoal_dropped_total\{input="i0",reason="full"\} 2$/m, 'a known combination goes on');
  t.match(page, /^shoal_metric_updates_refused_total\{metric="shoal_dropped_total",reason="series"\} 50$/m);
});

test('a wrong value or label is refused and counted, a wrong name is a defect that shows at once', async (t) => {
  const metrics = new PromMetrics();
  const counter = metrics.counter({ name: 'shoal_results_total', help: 'Results.', labels: ['pipeline'] });
  counter.inc({ pipeline: 'p' }, -1);
  counter.inc({ pipeline: 'p' }, Number.NaN);
  counter.inc({ pipeline: 'p', surplus: 'x' });
  counter.inc();
  const page = await metrics.text();
  t.match(page, /^shoal_results_total\{pipeline="p"\} 1$/m);
  t.match(page, /^shoal_results_total\{pipeline=""\} 1$/m);
  t.match(page, /reason="value"\} 2$/m);
  t.equal(metrics.counter({ name: 'shoal_results_total', help: '', labels: ['pipeline'] }), counter, 'asking again gives the same');
  t.throws(() => metrics.gauge({ name: 'shoal_results_total', help: '' }), /exists as a counter/);
  t.throws(() => metrics.counter({ name: 'shoal_results', help: '' }), /_total/);
  t.throws(() => metrics.gauge({ name: 'shoal_things_total', help: '' }), /_total/);
  t.throws(() => metrics.gauge({ name: 'things', help: '' }), /shoal_/);
});

test('a blocked event loop shows in the lag, while it is blocked and after', async (t) => {
  const metrics = new PromMetrics();
  metrics.start();
  t.teardown(() => metrics.stop());
  const lag = async (): Promise<number> => Number(/^shoal_event_loop_lag_seconds (\S+)$/m.exec(await metrics.text())?.[1]);
  t.ok((await lag()) < 0.2);
  const until = performance.now() + 1400;
  while (performance.now() < until);
  t.ok((await lag()) >= 0.35, 'the delay that is going on counts');
});
