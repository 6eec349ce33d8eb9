/**
 * A result as a person reads it: which file, which pipeline, what was found, how sure, which models ran and how long each took.
 */
import type { Observation, Outcome } from '../core/result.js';

/** The fields of a `shoal/result/1` payload that are shown. */
export interface ShownResult {
  readonly pipeline: string;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly capture: { readonly name: string };
  readonly observations: Readonly<Record<string, readonly Observation[]>>;
  readonly observations_cut?: number;
  readonly trace?: {
    readonly attempt: number;
    readonly decode_ms: number;
    readonly decoded_ahead?: true;
    readonly stages: readonly {
      stage: string;
      model?: string;
      variant?: string;
      state?: string;
      ms: number;
      found: number;
      escalated?: number;
    }[];
  };
}

const observationsShown = 12;

/** Several lines, without a newline at the end. */
export function resultText(result: ShownResult): string {
  const lines = [`${result.capture.name}  ${result.pipeline}: ${headline(result)}`];
  for (const [stage, list] of Object.entries(result.observations)) {
    for (const observation of surest(list)) lines.push(`    ${stage.padEnd(8)} ${observationText(observation)}`);
    const more = list.length - observationsShown;
    if (more > 0) lines.push(`    ${stage.padEnd(8)} ... and ${more} more (infer --json shows all)`);
  }
  if (result.trace !== undefined) lines.push(`    ${traceText(result.trace)}`);
  return lines.join('\n');
}

/** As many as are shown, those with the highest scores, in the order they were found: an anomaly late in a long recording is not cut off. */
function surest(list: readonly Observation[]): readonly Observation[] {
  const best = new Set([...list].sort((a, b) => b.score - a.score).slice(0, observationsShown));
  return list.filter((observation) => best.has(observation));
}

function headline(result: ShownResult): string {
  if (result.outcome !== 'published') return `${result.outcome}${result.reason === undefined ? '' : `: ${result.reason}`}`;
  const found = Object.values(result.observations).reduce((sum, list) => sum + list.length, 0);
  return found === 0 ? 'found nothing' : `found ${found}`;
}

/** One line: how sure, then what. */
export function observationText(observation: Observation): string {
  const parts = [`${(observation.score * 100).toFixed(0).padStart(3)} %`];
  if (observation.text !== undefined) parts.push(JSON.stringify(observation.text));
  if (observation.label !== undefined) parts.push(observation.label);
  if (observation.group !== undefined) parts.push(`(${observation.group})`);
  if (observation.segment !== undefined) {
    parts.push(`${observation.segment.start_s.toFixed(2)} s to ${observation.segment.end_s.toFixed(2)} s`);
  }
  if (observation.text === undefined && observation.box !== undefined) {
    const { x_min, y_min, x_max, y_max } = observation.box;
    parts.push(`box ${percent(x_min)},${percent(y_min)} to ${percent(x_max)},${percent(y_max)} % of the image`);
  }
  for (const [name, value] of Object.entries(observation.values ?? {})) parts.push(`${name} ${Number(value.toPrecision(5))}`);
  if (observation.embedding !== undefined) parts.push(`embedding of ${observation.embedding.length} numbers`);
  return parts.join('  ');
}

function traceText(trace: NonNullable<ShownResult['trace']>): string {
  const stages = trace.stages.map(({ stage, model, variant, state, ms, escalated }) => {
    const again = escalated === undefined ? '' : ` (${escalated} escalated)`;
    return state === undefined ? `${stage} by ${model}/${variant} ${ms} ms${again}` : `${stage} ${state}${again}`;
  });
  const attempt = trace.attempt > 1 ? [`attempt ${trace.attempt}`] : [];
  const decoded = trace.decoded_ahead ? 'decoded while another ran' : `decoded in ${trace.decode_ms} ms`;
  return [decoded, ...stages, ...attempt].join('; ');
}

function percent(share: number): string {
  return (share * 100).toFixed(0);
}
