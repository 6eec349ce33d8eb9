import { test } from 'tap';
import type { CaptureHeader } from '../../src/core/capture.js';
import type { PipelineSpec } from '../../src/core/pipeline.js';
import { route } from '../../src/flow/router.js';

const header = { input: 'inbox', kind: 'image', mediaType: 'image/png' } as CaptureHeader;

function pipeline(name: string, over: Partial<PipelineSpec>): PipelineSpec {
  const report = { trace: 'summary' } as const;
  return { name, from: ['inbox'], reads: ['image'], stages: [], budgetMs: null, hangMs: 30_000, priority: 5, report, sinks: [], ...over };
}

test('a capture goes to every pipeline that listens and can read it, at the most urgent priority', async (t) => {
  const routed = route(header, [
    pipeline('a', { priority: 7 }),
    pipeline('b', { priority: 2, hangMs: 60_000 }),
    pipeline('elsewhere', { from: ['mic'] }),
    pipeline('speech', { reads: ['audio'] }),
  ]);
  t.match(routed, { priority: 2 });
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

test('what nobody takes is told in words, with what could read it', async (t) => {
  const pdf = { ...header, kind: 'document', mediaType: 'application/pdf' } as const;
  const reason = (all: readonly PipelineSpec[]) => {
    const routed = route(pdf, all);
    return 'unrouted' in routed ? routed.unrouted : '';
  };
  t.match(reason([pipeline('a', {})]), /^this is a PDF document \(application\/pdf, .*; one that begins with identify-file would take it$/);
  const elsewhere = ['w', 'x', 'y', 'z'].map((name) => pipeline(name, { from: ['mic'], reads: ['file', 'image'] }));
  t.match(reason([pipeline('a', {}), ...elsewhere]), /; w, x, y and 1 more could read it: name "inbox" in from, or give it route: auto$/);
  t.match(reason(elsewhere.slice(0, 1)), /; no pipeline takes captures from the input "inbox"; w could read it: /);
});

test('a pipeline that reads files takes every capture, whatever it is, beside those that need it decoded', async (t) => {
  const all = [pipeline('types', { reads: ['file', 'image'] }), pipeline('faces', {}), pipeline('speech', { reads: ['audio'] })];
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

test('a pipeline that stands in for another looks at nothing of its own that the other takes', async (t) => {
  const cheaper = [{ steps: ['small instead'], stages: [], instead: 'small' }];
  const all = [pipeline('signs', { cheaper }), pipeline('small', { from: ['inbox', 'mic'] })];
  const names = (input: string) => {
    const routed = route({ ...header, input }, all);
    return 'pipelines' in routed ? routed.pipelines.map((spec) => spec.name) : [];
  };
  t.same(names('inbox'), ['signs']);
  t.same(names('mic'), ['small'], 'elsewhere it is a pipeline like any other');
});
