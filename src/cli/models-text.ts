/**
 * `shoal models list`: every variant, whether it runs on this board and why, and what it costs as tuned here.
 */
import { type Model, type ModelVariant, modelRef } from '../core/model.js';
import { chooseVariant, type VariantPolicy } from '../registry/choose-variant.js';
import { costOf } from '../registry/models-message.js';
import type { Registry } from '../registry/registry.js';
import { curveText } from './calibrate/calibrate-text.js';
import { pinText } from './catalogue/pin-command.js';
import { renderTable } from './table.js';

export function modelsJson(registry: Registry, policy: VariantPolicy): Record<string, unknown> {
  const { mode, board, tuning } = policy;
  const models = registry.list().map((model) => {
    const choice = chooseVariant(model, policy);
    const variants = model.variants.map((variant) => ({ ...variant, cost: costOf({ model, variant }, policy) }));
    const runs = choice === null ? null : { variant: choice.variant.name, chosen_by: choice.by, reason: choice.reason };
    return { ...model, variants, runs };
  });
  const tuned = tuning.state === 'usable' ? { state: tuning.state } : tuning;
  const { pins, pinProblems, calibrationProblems, problems } = registry;
  return {
    board_class: board,
    variants: mode,
    tuning: tuned,
    pins: pins.models,
    pin_problems: pinProblems,
    calibration_problems: calibrationProblems,
    models,
    problems,
  };
}

export function modelsText(registry: Registry, policy: VariantPolicy): string {
  const problems = registry.problems.map(({ path, reason }) => `${path}: ${reason}\n`).join('');
  const models = registry.list();
  if (models.length === 0) return `No models.\n${problems}`;
  const rows = models.flatMap((model) => model.variants.map((variant) => rowOf(model, variant, policy)));
  const table = renderTable(['MODEL', 'TASK', 'VARIANT', 'RUNS HERE', 'SIZE', 'CPU MS HERE', 'LICENCE', 'SOURCE'], rows);
  const several = models.filter(({ variants }) => variants.length > 1);
  const reasons = several.flatMap((model) => {
    const choice = chooseVariant(model, policy);
    return choice === null ? [] : [`${modelRef(model)} runs as ${choice.variant.name}: ${choice.reason}\n`];
  });
  return `${table}\n\n${reasons.join('')}${calibrationsText(registry)}${pinsText(registry)}${boardText(policy)}\n${problems}`;
}

function calibrationsText(registry: Registry): string {
  const said = registry.list().flatMap((model) =>
    model.variants.flatMap(({ name, calibration }) => {
      if (calibration === undefined) return [];
      const { calibrated_on, ece_before, ece_after } = calibration;
      return `${modelRef(model)}, ${name}: scores are calibrated (${curveText(calibration)}) on ${calibrated_on}; calibration error ${ece_before} -> ${ece_after}\n`;
    }),
  );
  return [...said, ...registry.calibrationProblems.map((problem) => `A calibration is not used: ${problem}.\n`)].join('');
}

function pinsText({ pins, pinProblems }: Registry): string {
  const kept = Object.entries(pins.models).map(([name, pin]) => `On this board ${pinText(name, pin)}.\n`);
  return [...kept, ...pinProblems.map((problem) => `A pin is not kept: ${problem}.\n`)].join('');
}

function boardText({ mode, board, tuning }: VariantPolicy): string {
  const tuned = tuning.state === 'usable' ? 'this board is tuned' : tuning.reason;
  return `Class of this board: ${board}; variants: ${mode}; ${tuned}.`;
}

function rowOf(model: Model, variant: ModelVariant, policy: VariantPolicy): string[] {
  const runs = chooseVariant(model, policy);
  const here = runs?.variant.name !== variant.name ? 'on request' : runs.by === 'operator' ? 'pinned here' : runs.by;
  const cost = costOf({ model, variant }, policy);
  const size = `${(variant.bytes / 1e6).toFixed(1)} MB`;
  return [modelRef(model), model.task, variant.name, here, size, cost === null ? '-' : `${cost.cpu_ms}`, model.licence, model.source];
}
