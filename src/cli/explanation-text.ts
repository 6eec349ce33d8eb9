/**
 * An explanation as a person reads it.
 *
 * Payload and trace are stored text of whatever version wrote them, so every field is optional here: what is missing is left out.
 */
import type { Explanation } from '../core/contracts.js';
import type { Degradation, Observation, Outcome, StageTrace, Trace } from '../core/result.js';
import { conditionText, decisionLines } from './decision-text.js';
import { observationText } from './result-text.js';

interface Payload {
  readonly captured_at?: string;
  readonly clock_synced?: boolean;
  readonly boot?: number;
  readonly seq?: number;
  readonly device?: string;
  readonly config_hash?: string;
  readonly capture?: { readonly id?: string; readonly media_type?: string; readonly bytes?: number };
  readonly observations?: Readonly<Record<string, readonly Observation[]>>;
  readonly observations_cut?: number;
}

const observationsShown = 20;

const outcomeSentences: Readonly<Record<Outcome, string>> = {
  published: 'It was published',
  silent: 'It was kept silent: the stages ran, but by itself it was not worth telling',
  abstained: 'It abstained: the models were not sure enough to say anything',
  late: 'It was late: over its budget_ms, so the remaining stages did not run',
  dropped: 'It was dropped: this pipeline did not look at it',
  failed: 'It failed',
};

/** What ran and what came of it, of a result that was not stored; several lines, without a newline at the end. */
export function runText(result: Pick<Explanation, 'captureName' | 'pipeline' | 'outcome' | 'reason' | 'payload' | 'trace'>): string {
  return asText([
    `"${result.captureName}" by pipeline ${result.pipeline}`,
    '',
    ...section('What ran', ranText(result, parse<Partial<Trace>>(result.trace))),
    ...section('What was found', foundText(parse<Payload>(result.payload))),
    ...section('Outcome', [`${result.outcome}${result.reason === null ? '' : `: ${result.reason}`}`]),
  ]);
}

/** Several lines, without a newline at the end. */
export function explanationText(explanation: Explanation): string {
  const payload = parse<Payload>(explanation.payload);
  const trace = parse<Partial<Trace>>(explanation.trace);
  return asText([
    `Result ${explanation.id}`,
    '',
    ...section('What came', cameIn(explanation, payload)),
    ...section('What ran', ranText(explanation, trace)),
    ...section('What was found', foundText(payload)),
    ...section('What became of it', becameText(explanation)),
  ]);
}

function asText(lines: readonly string[]): string {
  return lines
    .join('\n')
    .trimEnd()
    .replace(/[^\P{Cc}\n]/gu, '?');
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, ...lines.map((line) => `  ${line}`), ''];
}

function cameIn(explanation: Explanation, payload: Payload): string[] {
  const { capture = {}, captured_at, clock_synced, boot, seq, device } = payload;
  const kind = capture.media_type === undefined ? '' : ` (${capture.media_type}, ${capture.bytes ?? '?'} bytes)`;
  const clock = clock_synced === false ? ', by a clock that was not synchronized' : '';
  return [
    `"${explanation.captureName}"${kind} came by input ${explanation.input}.`,
    `It is capture ${explanation.captureId}${captured_at === undefined ? '' : `, taken at ${captured_at}${clock}`}.`,
    ...(boot === undefined ? [] : [`On device ${device ?? '?'} it was number ${seq ?? '?'} of start ${boot}.`]),
  ];
}

function ranText(explanation: Pick<Explanation, 'pipeline'>, trace: Partial<Trace>): string[] {
  const { attempt = 1, queue_ms, decode_ms, degraded, stages = [], abstain } = trace;
  return [
    `Pipeline ${explanation.pipeline}${attempt > 1 ? `, at attempt ${attempt}` : ''}.`,
    ...(queue_ms === undefined ? [] : [`It waited ${ms(queue_ms)} for an engine and was decoded in ${ms(decode_ms ?? 0)}.`]),
    ...(degraded === undefined ? [] : degradedText(degraded)),
    ...(stages.length === 0 ? ['No stage ran.'] : stages.flatMap((stage) => [stageText(stage), ...decisionLines(stage).map(indented)])),
    ...(abstain === undefined ? [] : [`abstain ${conditionText(abstain)}.`]),
  ];
}

function degradedText({ steps = [], of, why, instead_of }: Partial<Degradation>): string[] {
  const because = why ?? 'nobody says why';
  if (instead_of !== undefined) return [`It looked instead of pipeline ${instead_of}, whose last degrade step it is: ${because}.`];
  return [`It ran in a cheaper way, by ${steps.length} of its ${of ?? '?'} degrade steps (${steps.join('; ')}): ${because}.`];
}

function indented(line: string): string {
  return `  ${line}`;
}

function stageText(stage: StageTrace): string {
  const name = `${stage.stage} (${stage.task})`;
  const shared = /^skipped: shared with (.*)$/.exec(stage.state)?.[1];
  if (shared !== undefined) return `${name} was not run again: pipeline ${shared} had run it, and it found ${stage.found}.`;
  if (stage.state.startsWith('skipped')) return `${name} did not run: ${stage.state.slice('skipped: '.length)}.`;
  const total = stage.preprocess_ms + stage.run_ms + stage.postprocess_ms;
  const parts = `prepare ${ms(stage.preprocess_ms)}, model ${ms(stage.run_ms)}, read ${ms(stage.postprocess_ms)}`;
  const by = stage.model === undefined ? '' : ` with ${stage.model}, variant ${stage.variant ?? '?'},`;
  const verb = stage.state === 'failed' ? 'failed' : 'ran';
  const runs = `${plural(stage.inputs, 'input')}, ${plural(stage.runs, 'model run')}`;
  return `${name} ${verb}${by} in ${ms(total)} (${parts}) over ${runs}, and found ${stage.found}${stage.calibrated ? ', with calibrated scores' : ''}.`;
}

function foundText(payload: Payload): string[] {
  const lines = Object.entries(payload.observations ?? {}).flatMap(([stage, list]) => {
    const shown = list.slice(0, observationsShown).map((observation) => `${stage}: ${observationText(observation)}`);
    const rest = list.length - shown.length;
    return rest > 0 ? [...shown, `${stage}: and ${rest} more (--json shows all)`] : shown;
  });
  const cut = payload.observations_cut ?? 0;
  return [...(lines.length === 0 ? ['Nothing.'] : lines), ...(cut === 0 ? [] : [`${cut} more did not fit into the payload.`])];
}

function becameText(explanation: Explanation): string[] {
  const { outcome, reason, committedAt, seq, deliveries } = explanation;
  return [
    `${outcomeSentences[outcome]}${reason === null ? '' : `: ${reason}`}.`,
    `It was stored at ${committedAt} as number ${seq}.`,
    ...(deliveries.length === 0 ? ['It was owed to no sink.'] : deliveries.map(deliveryText)),
  ];
}

function deliveryText({ sink, state, reason }: Explanation['deliveries'][number]): string {
  const why = reason === null ? '' : ` (${reason})`;
  switch (state) {
    case 'delivered':
      return `Sink ${sink} has acknowledged it.`;
    case 'owed':
      return `Sink ${sink} has not acknowledged it yet${why}; it is sent again until it does.`;
    case 'dead':
      return `Its delivery to sink ${sink} was given up${why}.`;
  }
}

function parse<T extends object>(text: string): Partial<T> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<T>) : {};
  } catch {
    return {};
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
