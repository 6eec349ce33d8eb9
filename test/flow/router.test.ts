import { test } from 'tap';
import type { CaptureHeader } from '../../src/core/capture.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { PriorityQueue } from '../../src/core/queue.js';
import { route } from '../../src/flow/router.js';

const header = { input: 'inbox', kind: 'image', mediaType: 'image/png' } as CaptureHeader;

function pipeline(name: string, over: Partial<PipelineSpec>): PipelineSpec {
  const report = { trace: 'summary' } as const;
  return { name, from: ['inbox'], reads: ['image'], stages: [], budgetMs: null, hangMs: 30_000, priority: 5, report, sinks: [], ...over };
}

test('a capture goes to every pipeline that listens and can read it, at the most urgent priority and the most patient end', async (t) => {
  const routed = route(header, [
    pipeline('a', { priority: 7 }),
    pipeline('b', { priority: 2, hangMs: 60_000 }),
    pipeline('elsewhere', { from: ['mic'] }),
    pipeline('speech', { reads: ['audio'] }),
  ]);
  t.match(routed, { priority: 2, hangMs: 60_000 });
  t.same('pipelines' in routed && routed.pipelines.map((spec) => spec.name), ['a', 'b']);
});

test('a capture that nobody can read says what it is and what is read here', async (t) => {
  const routed = route({ ...header, kind: 'text', mediaType: 'text/plain' }, [pipeline('a', {}), pipeline('s', { reads: ['audio'] })]);
  t.match(routed, { unrouted: /text\/plain.*"inbox" read image\/jpeg, .*audio\/wav/ });
  t.match(
    route({ ...header, mediaType: 'image/svg+xml' }, [pipeline('a', {})]),
    { unrouted: /image\/svg\+xml/ },
    'an image no engine decodes',
  );
  t.match(route(header, []), { unrouted: /no pipeline takes captures from the input "inbox"/ });
});

test('a pipeline that reads files takes every capture, whatever it is, beside those that need it decoded', async (t) => {
  const all = [pipeline('types', { reads: ['file'] }), pipeline('faces', {}), pipeline('speech', { reads: ['audio'] })];
  const names = (kind: CaptureHeader['kind'], mediaType: string) => {
    const routed = route({ ...header, kind, mediaType }, all);
    return 'pipelines' in routed ? routed.pipelines.map((spec) => spec.name) : routed.unrouted;
  };
  t.same(names('image', 'image/png'), ['types', 'faces']);
  t.same(names('audio', 'audio/wav'), ['types', 'speech']);
  t.same(names('image', 'image/svg+xml'), ['types'], 'an image no engine decodes');
  t.same(names('audio', 'audio/mpeg'), ['types']);
  for (const kind of ['text', 'archive', 'document', 'unknown'] as const) t.same(names(kind, 'application/x-any'), ['types']);
});

test('a priority queue serves the lowest number first, keeps order within it, and is bounded', async (t) => {
  const queue = new PriorityQueue<string>(3);
  t.ok(queue.push(5, 'a'));
  t.ok(queue.push(5, 'b'));
  t.ok(queue.push(1, 'urgent'));
  t.notOk(queue.push(0, 'one too many'));
  t.equal(queue.shift(), 'urgent');
  t.equal(queue.shift(), 'a');
  queue.unshift(5, 'a again');
  t.equal(queue.peek(), 'a again');
  t.same([queue.shift(), queue.shift(), queue.shift(), queue.size], ['a again', 'b', undefined, 0]);
});
