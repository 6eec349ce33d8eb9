import { test } from 'tap';
import type { Model } from '../../src/core/model.js';
import type { PipelineSpec, StageSpec } from '../../src/core/pipeline.js';
import { type Demand, demandOf, isTooMuch } from '../../src/registry/demand.js';
import type { Tuning, VariantTuning } from '../../src/registry/tuning.js';

const sha256 = 'a'.repeat(64);

function model(name: string, ...variants: string[]): Model {
  return { name, version: '1', variants: variants.map((variant) => ({ name: variant, path: '', sha256, bytes: 1 })) } as unknown as Model;
}

function measured(cpuMs: number, wallMs: number, ...perSecond: number[]): VariantTuning {
  const spread = (ms: number) => ({ median: ms, min: ms, max: ms });
  return {
    sha256,
    bytes: 1,
    threads: [
      { threads: 2, runs: 9, cpu_ms: spread(cpuMs * 2), wall_ms: spread(wallMs) },
      { threads: 1, runs: 9, cpu_ms: spread(cpuMs), wall_ms: spread(wallMs * 2) },
    ],
    engines: perSecond.map((rate, i) => ({ engines: 2 ** i, captures_per_s: rate })),
  };
}

const models = [model('find', 'fp32', 'int8'), model('read', 'fp32'), model('broken', 'fp32'), model('new', 'fp32')];
const modelTuning = (variants: Record<string, VariantTuning>) => ({
  measured_at: '',
  reference: 'fp32',
  winner: 'fp32',
  reason: '',
  variants,
});
const tuning = {
  state: 'usable',
  file: {
    models: {
      'find@1': modelTuning({ fp32: measured(1500, 800, 0.5, 1, 0.8), int8: measured(300, 100, 2, 4) }),
      'read@1': modelTuning({ fp32: measured(600, 300, 1, 1) }),
      'broken@1': modelTuning({ fp32: { sha256, bytes: 1, failure: 'it does not load', threads: [], engines: [] } }),
    },
  },
} as unknown as Tuning;

const stage = (name: string, more: Partial<StageSpec> = {}): StageSpec =>
  ({ as: name, task: name, model: `${name}@1`, variant: 'fp32', options: {}, ...more }) as StageSpec;
const pipeline = (stages: readonly StageSpec[], more: Partial<PipelineSpec> = {}) =>
  ({ name: 'p', reads: ['image'], stages, budgetMs: null, ...more }) as unknown as PipelineSpec;
const find = (ref: string) => models.find(({ name, version }) => ref === `${name}@${version}`) ?? null;
const demand = (...given: Parameters<typeof pipeline>) => demandOf(pipeline(...given), find, tuning);

test('a capture costs what its stages cost, and the board does as many as their times allow', async (t) => {
  const both = demand([stage('find'), stage('read')], { maxRateHz: 5 }) as Demand;
  t.match(both, { costMs: 2100, offered: { rateHz: 5, cores: 10.5 } });
  t.equal(both.atMostHz, 1 / (1 / 1 + 1 / 1), 'with two engines; with four the readers were not measured');
  t.ok(isTooMuch(both, 4));
  const light = demand([stage('find', { variant: 'int8' })], { maxRateHz: 3 }) as Demand;
  t.notOk(isTooMuch(light, 4));
  t.ok(isTooMuch({ ...light, atMostHz: 2 }, 4), 'the cores would do, the board does not');
  const unbounded = demand([stage('find')]) as Demand;
  t.match(unbounded, { offered: null, atMostHz: 1 });
  t.notOk(isTooMuch(unbounded, 1));
});

test('what was not measured is said, and nothing is made up', async (t) => {
  t.equal(demand([stage('find'), stage('gone')]), 'gone@1: it is not installed');
  t.match(demand([stage('new')]), /^new@1: it is not tuned on this board/);
  t.equal(demand([stage('broken')]), 'broken@1, variant fp32: it does not load');
  t.equal(demandOf(pipeline([stage('find')]), find, { state: 'none', reason: 'not tuned' }), 'find@1: not tuned');
});

test('a budget is too short only where that is certain', async (t) => {
  const short = (stages: readonly StageSpec[], more: Partial<PipelineSpec> = {}) =>
    (demand(stages, { budgetMs: 350, ...more }) as Demand).short;
  t.same(short([stage('find'), stage('read')]), { budgetMs: 350, needMs: 400 }, 'the int8 finder, the only reader');
  t.equal(short([stage('find'), stage('read')], { budgetMs: 400 }), null);
  t.equal(short([stage('find'), stage('read', { when: 'find.size() > 0' })]), null);
  t.equal(short([stage('find'), stage('read', { each: 'find' })]), null);
  t.equal(short([stage('find', { stop: { when: 'find.size() == 0', reason: 'x' } }), stage('read')]), null);
  t.equal(short([stage('find'), stage('read')], { reads: ['file', 'image'] }), null);
  const way = (stages: readonly StageSpec[]) => ({ steps: [], stages });
  t.equal(short([stage('find'), stage('read')], { cheaper: [way([stage('find'), stage('read', { leftOut: true })])] }), null);
  t.same(short([stage('find'), stage('read')], { cheaper: [way([stage('read'), stage('read')])] }), { budgetMs: 350, needMs: 400 });
  t.equal(short([stage('find'), stage('read')], { cheaper: [{ steps: [], stages: [], instead: 'q' }] }), null);
});
