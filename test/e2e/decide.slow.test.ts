/** Pipelines that decide with the bundled models, on the bundled samples, through `shoal infer`: configuration, resolution, engine, trace. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'tap';
import { stringify } from 'yaml';
import type { Observation } from '../../src/core/result.js';

const root = mkdtempSync(path.join(tmpdir(), 'shoal-decide-'));

type Stage = Readonly<Record<string, unknown>>;

const find = { task: 'detect-text', as: 'regions' };
const read = { task: 'read-text', each: 'regions', as: 'lines' };
const faces = { task: 'detect-faces', as: 'faces' };

function configure(
  name: string,
  pipelines: Readonly<Record<string, { readonly stages: readonly Stage[]; readonly abstain?: string }>>,
): string {
  const file = path.join(root, `${name}.yaml`);
  const full = Object.entries(pipelines).map(([key, pipeline]) => [key, { from: ['inbox'], report: { trace: 'full' }, ...pipeline }]);
  const settings = {
    version: 1,
    paths: { state_dir: root, run_dir: root },
    inputs: { inbox: { type: 'folder', path: path.join(root, 'inbox') } },
    sinks: { out: { type: 'file', path: path.join(root, 'out') } },
    pipelines: Object.fromEntries(full),
  };
  writeFileSync(file, stringify(settings));
  return file;
}

function infer(config: string, sample: string, ...flags: string[]): string {
  return execFileSync(path.resolve('bin/shoal'), ['infer', `samples/${sample}`, '-c', config, ...flags], { encoding: 'utf8' });
}

interface Body {
  readonly outcome: string;
  readonly observations: Readonly<Record<string, Observation[]>>;
  readonly trace: { readonly stages: readonly Record<string, unknown>[] };
}

const bodies = (config: string, sample: string): Body[] =>
  infer(config, sample, '--json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Body);

const texts = (body: Body | undefined) => body?.observations.lines?.map(({ text }) => text);

test('lines that the int8 reader is not sure of are read again by the float one, and only those', (t) => {
  const config = configure('cascade', {
    cheap: { stages: [find, { ...read, variant: 'int8' }] },
    dear: { stages: [find, { ...read, variant: 'fp32' }] },
    cascade: { stages: [find, { ...read, variant: 'int8', accept: 'score >= 0.98', escalate: { variant: 'fp32' } }] },
    easy: { stages: [find, { ...read, variant: 'int8', accept: 'score >= 0.5', escalate: { variant: 'fp32' } }] },
  });
  const [cheap, dear, cascade, easy] = bodies(config, 'label.png');
  const expected = (cheap?.observations.lines ?? []).map((line, i) => (line.score >= 0.98 ? line : dear?.observations.lines?.[i]));
  t.same(cascade?.observations.lines, expected, 'each line is from the one that was to read it');
  const weak = cheap?.observations.lines?.filter(({ score }) => score < 0.98).length ?? 0;
  t.ok(weak > 0 && weak < 6, `the sample has lines of both kinds: ${weak} of 6 are weak`);
  t.match(cascade?.trace.stages[1], {
    state: 'skipped: shared with cheap',
    accept: { of: 6, accepted: 6 - weak },
    escalated: weak,
    escalation: { variant: 'fp32', inputs: weak, runs: weak },
  });
  t.match(easy?.trace.stages[1], { accept: { of: 6, accepted: 6 }, alternative: { variant: 'fp32' } });
  t.notOk(easy?.trace.stages[1]?.escalated);
  t.same(texts(cascade), texts(dear));
  t.end();
});

test('faces gate the text, and nothing to read ends the pipeline', (t) => {
  const config = configure('gates', {
    badges: { stages: [faces, { ...find, when: 'faces.exists(f, f.score >= 0.7)' }, read] },
    signs: { stages: [{ ...find, stop: { when: 'regions.size() == 0', reason: 'nothing to read' } }, read] },
    people: {
      stages: [
        { ...faces, stop: { when: 'faces.size() == 0', reason: 'nobody there' } },
        { task: 'landmark-face', each: 'faces', as: 'meshes' },
      ],
      abstain: 'faces.exists(f, f.score < 0.95)',
    },
  });
  const states = (body: Body | undefined) => body?.trace.stages.map(({ state = 'ran' }) => state);
  const [badges, signs, people] = bodies(config, 'label.png');
  t.same(states(badges), ['ran', 'skipped: when is false', 'skipped: regions did not run']);
  t.same(states(signs), ['ran', 'ran']);
  t.same(states(people), ['skipped: shared with badges', 'skipped: stopped: nobody there']);
  t.equal(texts(signs)?.length, 6);
  t.equal(people?.outcome, 'published', 'a pipeline that ended early reports what there is');
  const [withFace, noText, unsure] = bodies(config, 'astronaut.png');
  t.same(states(withFace), ['ran', 'ran', 'skipped: nothing found by regions']);
  t.same(states(noText), ['skipped: shared with badges', 'skipped: stopped: nothing to read']);
  t.equal(unsure?.outcome, 'abstained');
  t.same(states(unsure), ['skipped: shared with badges', 'ran']);
  t.end();
});

test('infer --explain says of every stage why it ran or did not', (t) => {
  const text = infer(path.join(root, 'gates.yaml'), 'label.png', '--explain');
  for (const part of [
    /"label\.png" by pipeline badges/,
    /faces \(detect-faces\) ran with blazeface-back@1\.2\.0, variant fp32, in .* and found 0\./,
    /regions \(detect-text\) did not run: its condition does not hold\.\n {4}when "faces\.exists\(f, f\.score >= 0\.7\)" is false \(faces found 0\)\./,
    /variant \w+, would have run/,
    /stop when "faces\.size\(\) == 0" is true \(faces found 0\): the pipeline ended here, "nobody there"\./,
    /meshes \(landmark-face\) did not run: the pipeline had ended before it, "nobody there"\./,
    /abstain "faces\.exists\(f, f\.score < 0\.95\)" is false \(faces found 0\)\./,
    /\n {2}It would be published\./,
  ]) {
    t.match(text, part);
  }
  t.throws(() => infer(path.join(root, 'gates.yaml'), 'label.png', '--explain', '--json'), /not both/);
  t.end();
});
