/** `shoal check` on a tuned board, one that is not, and with models that are missing: the built command. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Test, test } from 'tap';
import { stringify } from 'yaml';
import { makeTwoVariants, tuningFor } from '../support/two-variants.js';

function board(t: Test) {
  const dir = t.testdir();
  const two = makeTwoVariants(dir);
  const state = join(dir, 'state');
  mkdirSync(state);
  const faces = { task: 'detect-faces', model: 'blazeface-back@1.2.0', variant: 'fp32' };
  const check = (pipelines: Record<string, object>, ...flags: string[]) => {
    const config = join(dir, 'shoal.yaml');
    const paths = { state_dir: state, run_dir: dir, models_dirs: [two.directory] };
    const inputs = { inbox: { type: 'folder', path: join(dir, 'in'), route: 'auto' } };
    const sinks = { out: { type: 'file', path: join(dir, 'out') } };
    writeFileSync(config, stringify({ version: 1, paths, inputs, sinks, pipelines }));
    return execFileSync(resolve('bin/shoal'), ['check', '-c', config, ...flags], { encoding: 'utf8' });
  };
  return { state, faces, check, tune: () => writeFileSync(join(state, 'tune.json'), JSON.stringify(tuningFor(two, 'int8'))) };
}

test('a board that is not tuned is told to be, in one line', async (t) => {
  const { faces, check, state } = board(t);
  const [good, capacity, ...rest] = check({ p: { stages: [faces] } })
    .trim()
    .split('\n');
  t.match(good, /: good \(1 input, 1 pipeline, 1 sink/);
  t.equal(capacity, 'capacity not known: this board is not tuned: run "shoal models tune"');
  t.same(rest, []);
  writeFileSync(join(state, 'tune.json'), '{');
  t.match(check({ p: { stages: [faces] } }), /capacity not known: .*tune\.json cannot be read/);
});

test('on a tuned board the demand of each pipeline stands against what the board can do', async (t) => {
  const { faces, check, tune } = board(t);
  tune();
  const pipelines = {
    often: { stages: [faces], max_rate_hz: 100 },
    seldom: { stages: [faces], max_rate_hz: 0.5 },
    any: { stages: [{ ...faces, variant: 'int8' }] },
    hurried: { stages: [faces], budget_ms: 5 },
    speech: { stages: [{ task: 'detect-speech' }] },
  };
  const out = check(pipelines);
  t.match(out, /\n {2}often +100\/s x 20 ms = 2 of \d+ cores?: too much \(at most 50\/s\)\n/);
  t.match(out, /\n {2}seldom +0\.5\/s x 20 ms = 0\.01 of \d+ cores? \(at most 50\/s\)\n/);
  t.match(out, /\n {2}any +8 ms a capture: at most 125\/s\n/);
  t.match(out, /\n {2}speech +not known: silero-vad@\S+: it is not tuned on this board/);
  t.match(out, /\n {2}together +2\.01 of \d+ cores?/);
  t.match(out, /\n {2}warning: pipelines\.hurried\.budget_ms is 5, and its stages need 8 ms here even with the fastest variants\n/);
  const { capacity } = JSON.parse(check(pipelines, '--json')) as { capacity: { pipelines: object[]; unknown: object } };
  t.match(capacity, { known: true, unknown: { speech: /not tuned/ } });
  t.match(capacity.pipelines[0], { pipeline: 'often', cost_ms: 20, rate_hz: 100, cores_needed: 2, at_most_hz: 50, too_much: true });
});
