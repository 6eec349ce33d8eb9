/** `shoal compare` on the bundled samples and models; and what counts as a difference. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'tap';
import { differenceOf, type Look } from '../../src/cli/compare/difference.js';
import type { Observation } from '../../src/core/result.js';

const root = mkdtempSync(path.join(tmpdir(), 'shoal-compare-'));
const done = path.join(root, 'done');

function configure(name: string, report: string, minScore: number, more: Readonly<Record<string, unknown>> = {}): string {
  const file = path.join(root, `${name}.yaml`);
  const stages = [
    { task: 'detect-text', as: 'regions', variant: 'fp32' },
    { task: 'read-text', each: 'regions', as: 'lines', variant: 'int8', accept: 'score >= 0.5', escalate: { variant: 'fp32' } },
  ];
  const faces = [{ task: 'detect-faces', as: 'faces', variant: 'fp32', min_score: minScore }];
  const settings = {
    version: 1,
    paths: { state_dir: root, run_dir: root },
    inputs: { inbox: { type: 'folder', path: path.join(root, 'in') }, cam: { type: 'folder', path: path.join(root, 'cam') } },
    sinks: { out: { type: 'file', path: path.join(root, 'out') } },
    pipelines: {
      signs: { from: ['inbox'], stages, report: { when: report } },
      faces: { from: ['inbox', 'cam'], stages: faces, report: { mode: 'events', when: 'faces.size() > 0' } },
      ...more,
    },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

const old = configure('old', 'lines.size() > 0', 0.5);
const now = configure('new', "lines.exists(l, l.text == 'nowhere')", 0.95, {
  extra: { from: ['inbox'], stages: [{ task: 'detect-faces', variant: 'fp32' }] },
});
mkdirSync(done);
for (const sample of ['sign.jpg', 'astronaut.png', 'announcement.wav']) cpSync(path.join('samples', sample), path.join(done, sample));
writeFileSync(path.join(done, 'empty.png'), '');
writeFileSync(path.join(done, 'sign.jpg.reason.txt'), 'not a capture');

function compare(...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(path.resolve('bin/shoal'), ['compare', '--against', old, ...argv], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

test('what would change is told by pipeline, with what it costs and what could not be compared', (t) => {
  const { status, out } = compare('--config', now, done, path.join(root, 'nothing.png'), '--fail-on-change');
  t.equal(status, 1, 'something would change');
  t.match(out, /^3 captures by\n/);
  t.match(out, /\nsigns: 1 of 2 the same\n .*sign\.jpg: published -> silent \(report\.when is false: lines\.exists/);
  t.match(out, /\nfaces: 1 of 2 the same\n .*astronaut\.png: holds -> silent \(.*\); faces 1 -> 0: gone face\n/);
  t.match(out, /\nsigns\.lines +\d+\.\d +\d+\.\d/);
  t.match(out, /\nall +\d+\.\d +\d+\.\d +[+-]\d+ %\n/);
  t.match(out, /\nextra: only in new, not compared\n/);
  t.match(out, /\nleft out: .*nothing\.png: ENOENT/);
  t.match(out, /\nleft out: .*empty\.png is empty/);
  t.match(out, /announcement\.wav: no pipeline of both reads it/);
  t.notMatch(out, /reason\.txt/);
  t.end();
});

test('the same twice is the same, for a program too, and only so many files are looked at', (t) => {
  const { status, out } = compare('--config', old, '--json', '--fail-on-change', '--limit', '2', '--input', 'cam', done);
  t.equal(status, 0);
  const answer = JSON.parse(out);
  t.match(answer, { schema: 'shoal/compare/1', captures: 2, left_out: 2, pipelines: { faces: { captures: 1, same: 1, changes: [] } } });
  t.strictSame(Object.keys(answer.pipelines), ['faces'], 'the other one takes nothing from that input');
  t.ok(answer.cost.total_ms[0] > 0);
  t.ok(answer.cost.total_ms[1] > 0);
  t.end();
});

test('another model or variant needs no file; a second look that would come to the same falls away', (t) => {
  const { status, out } = compare('--model', 'ppocr-rec', '--variant', 'fp32', '-p', 'signs', path.join(done, 'sign.jpg'));
  t.equal(status, 0);
  t.match(out, /\n {2}new .*old\.yaml with ppocr-rec fp32 /);
  t.match(out, /\nsigns: \d of 1 the same\n/);
  for (const [argv, problem] of [
    [['--model', 'ppocr-rec', '--variant', 'int9', done], /has no variant "int9"/],
    [['--model', 'nobody', done], /there is no model "nobody"/],
    [['--model', 'silero-vad', done], /is for detect-speech, which no stage/],
    [['--variant', 'fp32', done], /--variant NAME needs --model/],
    [[done], /nothing to compare with/],
    [['--config', now, '--input', 'nowhere', done], /no pipeline that takes from "nowhere"; it has signs \(from inbox\)/],
    [['--config', now, '--limit', '0', done], /1 \.\. 10000/],
  ] as const) {
    const { status: refused, err } = compare(...argv);
    t.not(refused, 0);
    t.match(err, problem);
  }
  t.end();
});

test('a finding is the same by its labels, texts and number, not by scores and places', (t) => {
  const look = (lines: readonly Observation[], outcome: Look['outcome'] = 'published'): Look => ({
    outcome,
    reason: null,
    observations: { lines },
    stages: [],
  });
  const a = { score: 0.9, text: 'A' };
  const b = { score: 0.8, text: 'B' };
  t.equal(differenceOf(look([a, b]), look([{ ...b, score: 0.7 }, a])), null);
  t.same(differenceOf(look([a, b, b]), look([b])), { stages: [{ stage: 'lines', found: [3, 1], gone: ['"A"', '"B"'], came: [] }] });
  t.same(differenceOf(look([{ score: 1 }]), look([])), { stages: [{ stage: 'lines', found: [1, 0], gone: [], came: [] }] });
  t.same(differenceOf(look([a]), { ...look([a], 'silent'), reason: 'x' }), { outcome: ['published', 'silent'], reason: 'x', stages: [] });
  t.same(differenceOf(look([a]), { ...look([]), observations: {} }), {
    stages: [{ stage: 'lines', found: [1, 0], gone: ['"A"'], came: [] }],
  });
  t.end();
});

test('its help says what it does', (t) => {
  t.match(execFileSync(path.resolve('bin/shoal'), ['compare', '--help'], { encoding: 'utf8' }), /--fail-on-change[\s\S]*Exit codes:/);
  t.end();
});
