/**
 * The retained `models` message, schema `shoal/models/1` (docs/schema/models-1.json, additive only): what this board can do, with which
 * variant, and what that costs and loses.
 *
 * Guarantees: at most `limits.payloadBytesMax`; what had to be left out is counted. A cost is there only if it was measured on this board,
 * of this very file.
 */
import type { StatedCalibration } from '../core/calibration.js';
import { limits } from '../core/limits.js';
import type { VariantPolicy } from './choose-variant.js';
import type { VariantRun } from './resolve.js';
import { tuningOf } from './tuning.js';
import type { VariantMemory } from './variant-memory.js';

export interface ModelsMessageFacts {
  readonly device: string;
  readonly configHash: string;
  readonly boot: number;
  readonly policy: VariantPolicy;
  readonly runs: readonly VariantRun[];
  readonly memory: VariantMemory;
}

export function modelsMessage({ device, configHash, boot, policy, runs, memory }: ModelsMessageFacts): Readonly<Record<string, unknown>> {
  const all = runs.map((run) => describeRun(run, policy, memory));
  const tuned = policy.tuning.state;
  const head = { schema: 'shoal/models/1', device, boot, config_hash: configHash, board_class: policy.board, variants: policy.mode, tuned };
  for (let count = all.length; ; count = Math.floor(count / 2)) {
    const cut = all.length - count;
    const message = { ...head, models: all.slice(0, count), ...(cut === 0 ? {} : { models_cut: cut }) };
    if (count === 0 || Buffer.byteLength(JSON.stringify(message)) <= limits.payloadBytesMax) return message;
  }
}

function describeRun({ model, variant, by, reason, pipelines }: VariantRun, policy: VariantPolicy, memory: VariantMemory) {
  const { changed } = memory.models[`${model.name}@${model.version}`] ?? {};
  const cost = costOf({ model, variant }, policy);
  return {
    task: model.task,
    model: model.name,
    version: model.version,
    variant: variant.name,
    sha256: variant.sha256,
    chosen_by: by,
    reason,
    pipelines,
    ...(cost === null ? {} : { cost }),
    ...(variant.accuracy === undefined ? {} : { accuracy: variant.accuracy }),
    ...(variant.calibration === undefined ? {} : { calibration: toldCalibration(variant.calibration) }),
    ...(changed === undefined ? {} : { changed }),
  };
}

/** Without the curve, which tells nobody anything. */
function toldCalibration({ method, samples, calibrated_on, ece_before, ece_after }: StatedCalibration) {
  return { method, samples, calibrated_on, ece_before, ece_after };
}

/** What the variant costs here, as tuned; null where nobody measured it. Milliseconds a capture with one thread. */
export function costOf({ model, variant }: Pick<VariantRun, 'model' | 'variant'>, { tuning }: Pick<VariantPolicy, 'tuning'>) {
  const tuned = tuningOf(model, tuning);
  const measured = typeof tuned === 'string' ? undefined : tuned.variants[variant.name];
  const one = measured?.threads.find(({ threads }) => threads === 1) ?? measured?.threads[0];
  if (typeof tuned === 'string' || measured === undefined || one === undefined) return null;
  return {
    cpu_ms: one.cpu_ms.median,
    wall_ms: one.wall_ms.median,
    threads: one.threads,
    ...(measured.memory_bytes === undefined ? {} : { memory_bytes: measured.memory_bytes }),
    measured_at: tuned.measured_at,
  };
}
