/**
 * Demand against capacity for `shoal check`: what the pipelines of a configuration ask of this board, as far as it was tuned.
 *
 * Guarantees: never throws; what cannot be known is said, with the reason.
 */
import { openBoardModels } from '../board-models.js';
import type { Settings } from '../config/config-parts.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { parts } from '../parts.js';
import { type Demand, demandOf, isTooMuch } from '../registry/demand.js';
import { resolvePipelines } from '../registry/resolve.js';

export interface Capacity {
  readonly cores: number;
  readonly demands: readonly Demand[];
  /** By pipeline, why nothing is known of it. */
  readonly unknown: Readonly<Record<string, string>>;
}

/** A phrase where nothing is known at all. */
export async function readDemand(settings: Settings): Promise<Capacity | string> {
  try {
    const { pipelines } = settings;
    const { registry, policy } = await openBoardModels(settings);
    if (policy.tuning.state !== 'usable') return policy.tuning.reason;
    const resolved = resolvePipelines(pipelines, registry, parts.tasks, { sinks: [], hangMs: limits.hangMsMin, policy });
    const demands: Demand[] = [];
    const unknown: Record<string, string> = {};
    for (const name of Object.keys(pipelines)) {
      const spec = resolved.pipelines.find((each) => each.name === name);
      const problem = resolved.problems.find(({ path }) => path.startsWith(`pipelines.${name}.`));
      const demand =
        spec === undefined ? `${problem?.path}: ${problem?.found}` : demandOf(spec, (ref) => registry.find(ref), policy.tuning);
      if (typeof demand === 'string') unknown[name] = demand;
      else demands.push(demand);
    }
    return { cores: policy.tuning.file.board.cores, demands, unknown };
  } catch (error) {
    return reasonOf(error);
  }
}

/** Lines for a person. */
export function capacityText(capacity: Capacity | string): string {
  if (typeof capacity === 'string') return `capacity not known: ${capacity}`;
  const { cores, demands, unknown } = capacity;
  const rows = [
    ...demands.map((demand): [string, string] => [demand.pipeline, demandText(demand, cores)]),
    ...Object.entries(unknown).map(([name, why]): [string, string] => [name, `not known: ${why}`]),
  ];
  const busy = demands.flatMap(({ offered }) => offered?.cores ?? []);
  const sum = busy.reduce((total, each) => total + each, 0);
  if (busy.length > 1) rows.push(['together', `${ofCores(sum, cores)}${sum > cores ? ': too much' : ''}`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    'capacity, by the tuning of this board, where every stage runs once as on its golden capture:',
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    ...demands.flatMap(({ pipeline, short }) => (short === null ? [] : [`  warning: ${budgetText(pipeline, short)}`])),
  ].join('\n');
}

export function capacityJson(capacity: Capacity | string): Record<string, unknown> {
  if (typeof capacity === 'string') return { known: false, reason: capacity };
  const { cores, demands, unknown } = capacity;
  const pipelines = demands.map((demand) => ({
    pipeline: demand.pipeline,
    cost_ms: demand.costMs,
    at_most_hz: demand.atMostHz,
    rate_hz: demand.offered?.rateHz ?? null,
    cores_needed: demand.offered?.cores ?? null,
    too_much: isTooMuch(demand, cores),
    warning: demand.short === null ? null : budgetText(demand.pipeline, demand.short),
  }));
  return { known: true, cores, pipelines, unknown };
}

function demandText(demand: Demand, cores: number): string {
  const { costMs, atMostHz, offered } = demand;
  const most = atMostHz === null ? '' : `at most ${short(atMostHz)}/s`;
  if (offered === null) return `${time(costMs)} a capture${most === '' ? '' : `: ${most}`}`;
  const sum = `${short(offered.rateHz)}/s x ${time(costMs)} = ${ofCores(offered.cores, cores)}`;
  return `${sum}${isTooMuch(demand, cores) ? ': too much' : ''}${most === '' ? '' : ` (${most})`}`;
}

function budgetText(pipeline: string, { budgetMs, needMs }: NonNullable<Demand['short']>): string {
  return `pipelines.${pipeline}.budget_ms is ${budgetMs}, and its stages need ${short(needMs)} ms here even with the fastest variants`;
}

function ofCores(busy: number, cores: number): string {
  return `${short(busy)} of ${cores} ${cores === 1 ? 'core' : 'cores'}`;
}

function time(ms: number): string {
  return ms < 1000 ? `${short(ms)} ms` : `${short(ms / 1000)} s`;
}

function short(value: number): string {
  return String(Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)));
}
