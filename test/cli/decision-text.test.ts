/** What an explanation says of conditions; the traces are such as an engine makes (test/engine/decide.test.ts). */
import { test } from 'tap';
import { decisionLines } from '../../src/cli/decision-text.js';
import { explanationText } from '../../src/cli/explanation-text.js';
import type { Explanation } from '../../src/core/contracts.js';
import type { StageTrace } from '../../src/core/result.js';

const spent = { preprocess_ms: 1, run_ms: 20, postprocess_ms: 2, inputs: 3, runs: 3, found: 3 };
const stage = (change: Partial<StageTrace>): StageTrace => ({ stage: 'lines', task: 'read-text', state: 'ran', ...spent, ...change });

test('each condition is told with its text, its verdict and what it saw', (t) => {
  const best = { score: 0.815, label: 'face', values: { yaw_deg: 31.25 } };
  const when = { text: 'faces.size() > 0', holds: true, saw: [{ stage: 'faces', found: 2, best }] };
  t.same(decisionLines(stage({ when })), ['when "faces.size() > 0" is true (faces found 2, best score 0.81 face yaw_deg 31.25).']);
  const stop = { ...when, holds: false, saw: [{ stage: 'faces', found: 0 }], trouble: 'No such key: text', reason: 'nobody' };
  t.same(decisionLines(stage({ stop })), ['stop when "faces.size() > 0" is false (faces found 0; No such key: text).']);
  t.match(decisionLines(stage({ stop: { ...stop, holds: true } })), [/: the pipeline ended here, "nobody"\.$/]);
  t.same(decisionLines(stage({})), []);
  t.end();
});

test('a second look says how many of how many, to what, and what it cost', (t) => {
  const accept = { text: 'score >= 0.8', of: 5, accepted: 3, unanswered: 1, worst: { score: 0.41, text: 'DOK' } };
  const escalated = { model: 'ppocr-rec@4.0.0', variant: 'fp32', state: 'ran', ...spent, inputs: 2, runs: 2 } as const;
  t.same(decisionLines(stage({ accept, escalated })), [
    'accept "score >= 0.8" holds for 3 of 5 (worst score 0.41 "DOK"; 1 without an answer).',
    'escalated: 2 of 5 to ppocr-rec@4.0.0, variant fp32, in 23.0 ms over 2 model runs.',
  ]);
  t.match(decisionLines(stage({ accept, escalated: { ...escalated, calibrated: true } })), [
    /./,
    /over 2 model runs, with calibrated scores\.$/,
  ]);
  t.match(decisionLines(stage({ accept, escalated: { ...escalated, state: 'failed' } })), [/./, /fp32, which failed\.$/]);
  t.match(decisionLines(stage({ accept, escalated: { ...escalated, state: 'skipped: shared with b' } })), [/./, /fp32: shared with b\.$/]);
  const alternative = { model: 'ppocr-rec@4.0.0', variant: 'fp32', usual_ms: 40 };
  t.same(decisionLines(stage({ accept: { text: 'score >= 0.8', of: 0, accepted: 0 }, alternative })), [
    'accept "score >= 0.8" had nothing to judge.',
    'ppocr-rec@4.0.0, variant fp32, was not needed; it usually takes 40.0 ms for as much.',
  ]);
  t.end();
});

test('what was too small or too many to be cut out is told', (t) => {
  t.same(decisionLines(stage({ left_out: { too_small: 2, too_many: 5 } })), [
    'not looked at: 2 smaller than min_px, 5 beyond the best-scored 64.',
  ]);
  t.same(decisionLines(stage({ left_out: { too_small: 1 } })), ['not looked at: 1 smaller than min_px.']);
  t.end();
});

test('an explanation has them below their stage, and says why a pipeline abstained', (t) => {
  const saw = [{ stage: 'faces', found: 0 }];
  const when = { text: 'faces.size() > 0', holds: false, saw };
  const stages = [
    stage({ stage: 'faces', task: 'detect-faces', state: 'skipped: shared with badges', found: 0 }),
    stage({ state: 'skipped: when is false', when, alternative: { model: 'ppocr-rec@4.0.0', variant: 'int8' } }),
  ];
  const explanation: Explanation = {
    id: 'x',
    seq: 1,
    captureId: 'c',
    captureName: 'a.png',
    pipeline: 'p',
    input: 'inbox',
    outcome: 'abstained',
    reason: 'abstain is true: faces.size() == 0',
    committedAt: '2026-11-23T12:00:00.000Z',
    payload: '{}',
    trace: JSON.stringify({ attempt: 1, queue_ms: 0, decode_ms: 1, stages, abstain: { text: 'faces.size() == 0', holds: true, saw } }),
    deliveries: [],
  };
  const text = explanationText(explanation);
  t.match(text, / {2}faces \(detect-faces\) was not run again: pipeline badges had run it, and it found 0\.\n/);
  t.match(
    text,
    / {2}lines \(read-text\) did not run: its condition does not hold\.\n {4}when "faces\.size\(\) > 0" is false \(faces found 0\)\.\n {4}ppocr-rec@4\.0\.0, variant int8, would have run\.\n/,
  );
  t.match(text, / {2}abstain "faces\.size\(\) == 0" is true \(faces found 0\)\.\n {2}It abstained: the models are not sure/);
  t.end();
});
