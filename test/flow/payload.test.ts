import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { test } from 'tap';
import type { CaptureHeader } from '../../src/core/capture.js';
import { resultId } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { PipelineSpec, TraceDetail } from '../../src/core/pipeline.js';
import type { Observation, Outcome, StageTrace } from '../../src/core/result.js';
import { encodePayload } from '../../src/flow/payload.js';

const header: CaptureHeader = {
  id: '01hq3v5k8m0000000000000001',
  input: 'inbox',
  name: 'sign.png',
  kind: 'image',
  mediaType: 'image/png',
  bytes: 42704,
  capturedAt: '2026-11-23T14:00:00.000Z',
  clockSynced: true,
  boot: 3,
  seq: 17,
};

function pipeline(trace: TraceDetail): PipelineSpec {
  return {
    name: 'signs',
    from: ['inbox'],
    reads: ['image'],
    stages: [
      { as: 'regions', task: 'detect-text', model: 'ppocr-det@4.0.0', variant: 'fp32', options: {} },
      { as: 'lines', task: 'read-text', model: 'ppocr-rec@4.0.0', variant: 'fp32', each: 'regions', options: {} },
    ],
    budgetMs: null,
    hangMs: 30_000,
    priority: 5,
    report: { trace },
    sinks: ['lan'],
  };
}

const line: Observation = {
  score: 0.98765432,
  text: 'Pier 7 — “open”',
  quad: [
    [0.1, 0.2],
    [0.4, 0.2],
    [0.4, 0.3],
    [0.123456789, 0.3],
  ],
  box: { x_min: 0.1, y_min: 0.2, x_max: 0.4, y_max: 0.3 },
  of: 0,
};

function payload(trace: TraceDetail, lines: Observation[], outcome: Outcome = 'published', reason: string | null = null): Uint8Array {
  const stage = { model: 'ppocr-det@4.0.0', variant: 'fp32', state: 'ran', preprocess_ms: 1.234, run_ms: 20, postprocess_ms: 2 } as const;
  return encodePayload({
    id: resultId(header.id, 'signs'),
    header,
    pipeline: pipeline(trace),
    device: 'dock-7',
    configHash: '0123456789abcdef',
    outcome,
    reason,
    observations: { regions: [{ score: 0.9 }], lines },
    trace: {
      attempt: 1,
      queue_ms: 1.26,
      decode_ms: 8.04,
      stages: [
        { ...stage, stage: 'regions', task: 'detect-text', inputs: 1, runs: 1, found: 1 },
        { ...stage, stage: 'lines', task: 'read-text', model: 'ppocr-rec@4.0.0', inputs: 1, runs: 1, found: 1 },
      ],
    },
  });
}

async function validator() {
  const schema = JSON.parse(await readFile('docs/schema/result-1.json', 'utf8')) as object;
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  addFormats.default(ajv);
  return ajv.compile(schema);
}

test('the payload of shoal/result/1 is frozen, byte for byte', async (t) => {
  for (const trace of ['none', 'summary', 'full'] as const) {
    const golden = await readFile(`test/flow/golden/result-1.${trace}.json`, 'utf8');
    t.equal(Buffer.from(payload(trace, [line])).toString(), golden.trimEnd(), `trace ${trace}`);
  }
});

test('every payload follows the published JSON Schema', async (t) => {
  const validate = await validator();
  for (const bytes of [
    payload('none', []),
    payload('summary', [line]),
    payload('full', [line]),
    payload('full', [], 'failed', 'no image'),
    payload('none', [{ score: 1, values: { yaw_deg: -12.3456789 }, embedding: [0.6, -0.80004, 0] }]),
  ]) {
    t.ok(validate(JSON.parse(Buffer.from(bytes).toString())), JSON.stringify(validate.errors));
  }
  t.notOk(validate({ schema: 'shoal/result/2' }), 'the schema can say no');
});

test('what decided travels with a full trace, in a summary only that something was escalated', async (t) => {
  const saw = [{ stage: 'regions', found: 1, best: { score: 0.123456, label: 'x', values: { yaw_deg: 1 } } }];
  const decision = { text: 'regions.size() > 0', holds: true, saw };
  const spent = { preprocess_ms: 1, run_ms: 20, postprocess_ms: 2, inputs: 1, runs: 1, found: 1 };
  const stage = {
    stage: 'lines',
    task: 'read-text',
    model: 'ppocr-rec@4.0.0',
    variant: 'int8',
    state: 'ran',
    ...spent,
    left_out: { too_small: 2 },
    calibrated: true,
    when: decision,
    accept: { text: 'score >= 0.8', of: 2, accepted: 1, unanswered: 1, worst: { score: 0.33333333, text: 'X' } },
    escalated: { model: 'ppocr-rec@4.0.0', variant: 'fp32', state: 'ran', ...spent, calibrated: true },
    stop: { ...decision, reason: 'enough' },
    alternative: { model: 'ppocr-rec@4.0.0', variant: 'fp32', usual_ms: 12.34 },
  } as const;
  const body = (detail: TraceDetail) => {
    const spec = { ...pipeline(detail), stages: [] };
    const trace = {
      attempt: 1,
      queue_ms: 0,
      decode_ms: 1,
      stages: [stage as unknown as StageTrace],
      abstain: { ...decision, holds: false },
    };
    const common = { id: resultId(header.id, 'signs'), header, device: 'dock-7', configHash: '0', outcome: 'silent', reason: 'x' } as const;
    return JSON.parse(Buffer.from(encodePayload({ ...common, pipeline: spec, observations: {}, trace })).toString()) as {
      trace: { stages: unknown[]; abstain?: unknown };
    };
  };
  t.strictSame(body('summary').trace.stages, [
    { stage: 'lines', model: 'ppocr-rec@4.0.0', variant: 'int8', ms: 46, found: 1, calibrated: true, escalated: 1 },
  ]);
  const full = body('full');
  t.match(full.trace.stages, [
    {
      left_out: { too_small: 2 },
      when: { holds: true, saw: [{ best: { score: 0.1235 } }] },
      accept: { worst: { score: 0.3333 } },
      escalated: 1,
      calibrated: true,
      escalation: { variant: 'fp32', ms: 23, calibrated: true },
      stop: { reason: 'enough' },
      alternative: { usual_ms: 12.34 },
    },
  ]);
  t.match(full.trace.abstain, { holds: false });
  const validate = await validator();
  for (const detail of ['summary', 'full'] as const) t.ok(validate(body(detail)), JSON.stringify(validate.errors));
});

test('a full trace that would not fit becomes a summary, and the observations stay', (t) => {
  const words = '\u0001'.repeat(limits.traceFoundCharsMax);
  const best = { score: 0.5, label: words, text: words };
  const saw = Array.from({ length: limits.traceWitnessesMax }, (_, i) => ({ stage: `s${i}`, found: 1, best }));
  const decision = { text: '\u0001'.repeat(limits.traceTextCharsMax), holds: true, saw };
  const spent = { preprocess_ms: 0, run_ms: 0, postprocess_ms: 0, inputs: 1, runs: 1, found: 1 };
  const one = { stage: 'lines', task: 'read-text', state: 'ran', ...spent, when: decision, stop: { ...decision, reason: 'x' } } as const;
  const stages: StageTrace[] = Array.from({ length: limits.stagesMax }, () => one);
  const common = { id: 'x', header, device: 'dock-7', configHash: '0', outcome: 'published', reason: null } as const;
  const trace = { attempt: 1, queue_ms: 0, decode_ms: 1, stages };
  const bytes = encodePayload({ ...common, pipeline: pipeline('full'), observations: { lines: [line] }, trace });
  t.ok(bytes.length <= limits.payloadBytesMax, `${bytes.length} bytes`);
  const body = JSON.parse(Buffer.from(bytes).toString()) as { observations: { lines: unknown[] }; trace: { stages: { when?: unknown }[] } };
  t.equal(body.observations.lines.length, 1);
  t.equal(body.trace.stages.length, limits.stagesMax);
  t.notOk(body.trace.stages[0]?.when);
  t.ok(JSON.stringify({ trace }).length > limits.payloadBytesMax, 'it would not have fitted');
  t.end();
});

test('named values keep six digits in a payload, and embeddings four decimals', async (t) => {
  const bytes = payload('none', [{ score: 1, values: { yaw_deg: -12.3456789, watts: 1234567.8 }, embedding: [0.60004, -0.80006] }]);
  const { observations } = JSON.parse(Buffer.from(bytes).toString()) as { observations: { lines: unknown[] } };
  t.strictSame(observations.lines, [{ score: 1, values: { yaw_deg: -12.3457, watts: 1234570 }, embedding: [0.6, -0.8001] }]);
});

test('a payload that would be too large is cut, counted and still valid', async (t) => {
  const validate = await validator();
  const bytes = payload(
    'summary',
    Array.from({ length: 2000 }, () => ({ ...line, text: 'x'.repeat(200) })),
  );
  const body = JSON.parse(Buffer.from(bytes).toString()) as { observations: { lines: unknown[] }; observations_cut: number };
  t.ok(bytes.length <= limits.payloadBytesMax);
  t.equal(body.observations.lines.length + body.observations_cut, 2000);
  t.ok(body.observations.lines.length > 100, 'what fits is kept');
  t.ok(validate(body), JSON.stringify(validate.errors));
});
