/**
 * An explanation as a person reads it.
 *
 * Payload and trace are stored text of whatever version wrote them, so every field is optional here: what is missing is left out.
 */
import type { Explanation } from '../core/contracts.js';
import { noPipeline } from '../core/receipt.js';
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

/** What ran and what came of it, of a result that was not stored; several lines, without a newline at the end. */
export function runText(result: Pick<Explanation, 'captureName' | 'pipeline' | 'outcome' | 'reason' | 'payload' | 'trace'>): string {
  const trace = parse<Partial<Trace>>(result.trace);
  return asText([
    headline(result),
    '',
    ...section('What ran', ranText(result, trace)),
    ...section('What was found', foundText(parse<Payload>(result.payload), trace)),
    ...section('Outcome', outcomeText(result, trace, 'would be')),
  ]);
}

/** Several lines, without a newline at the end. */
export function explanationText(explanation: Explanation): string {
  const payload = parse<Payload>(explanation.payload);
  const trace = parse<Partial<Trace>>(explanation.trace);
  return asText([
    headline(explanation),
    `Result ${explanation.id}`,
    '',
    ...section('What came', cameIn(explanation, payload)),
    ...section('What ran', ranText(explanation, trace)),
    ...section('What was found', foundText(payload, trace)),
    ...section('What became of it', [...outcomeText(explanation, trace, 'was'), ...keptText(explanation)]),
  ]);
}

function headline({ captureName, pipeline, outcome }: Pick<Explanation, 'captureName' | 'pipeline' | 'outcome'>): string {
  return pipeline === noPipeline ? `"${captureName}": dropped` : `"${captureName}" by pipeline ${pipeline}: ${outcome}`;
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

function ranText({ pipeline, outcome }: Pick<Explanation, 'pipeline' | 'outcome'>, trace: Partial<Trace>): string[] {
  if (pipeline === noPipeline) return ['Nothing: no pipeline looks at such a capture.'];
  const { attempt = 1, queue_ms, decode_ms = 0, decoded_ahead, degraded, stages = [] } = trace;
  if (outcome === 'dropped') return [`Nothing: pipeline ${pipeline} did not look at it.`];
  return [
    `Pipeline ${pipeline}${attempt > 1 ? `, at attempt ${attempt}` : ''}.`,
    // Without an answer of an engine nothing is known of either.
    ...(queue_ms === undefined || (stages.length === 0 && decode_ms === 0)
      ? []
      : [
          `It waited ${ms(queue_ms)} for an engine and was decoded ${decoded_ahead ? 'while another capture ran' : `in ${ms(decode_ms)}`}.`,
        ]),
    ...(degraded === undefined ? [] : degradedText(degraded)),
    ...(stages.length === 0
      ? ['No stage came to an end.']
      : stages.flatMap((stage) => [stageText(stage), ...decisionLines(stage).map(indented)])),
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
  if (stage.state.startsWith('skipped')) return `${name} did not run: ${whyNot(stage.state.slice('skipped: '.length))}.`;
  const total = stage.preprocess_ms + stage.run_ms + stage.postprocess_ms;
  const parts = `prepare ${ms(stage.preprocess_ms)}, model ${ms(stage.run_ms)}, read ${ms(stage.postprocess_ms)}`;
  const by = stage.model === undefined ? '' : ` with ${stage.model}, variant ${stage.variant ?? '?'},`;
  const verb = stage.state === 'failed' ? 'failed' : 'ran';
  const runs = `${plural(stage.inputs, 'input')}, ${plural(stage.runs, 'model run')}`;
  return `${name} ${verb}${by} in ${ms(total)} (${parts}) over ${runs}, and found ${stage.found}${stage.calibrated ? ', with calibrated scores' : ''}.${streamText(stage.stream)}`;
}

function streamText(stream: StageTrace['stream']): string {
  if (stream === undefined) return '';
  if (stream === 'continued') return ' It went on from the window before.';
  const why = stream === 'fresh' ? 'it knew of no window before' : stream.slice('reset: '.length);
  return ` It began afresh: ${why}.`;
}

/** Of the words of a trace, those that mean little to one who has not seen the configuration. */
function whyNot(reason: string): string {
  const stopped = /^stopped: (.*)$/s.exec(reason)?.[1];
  if (stopped !== undefined) return `the pipeline had ended before it, "${stopped}"`;
  if (reason === 'when is false') return 'its condition does not hold';
  return reason === 'budget' ? "the pipeline's time (budget_ms) was over before it" : reason;
}

function foundText(payload: Payload, { stages = [] }: Partial<Trace>): string[] {
  const lines = Object.entries(payload.observations ?? {}).flatMap(([stage, list]) => {
    const shown = list.slice(0, observationsShown).map((observation) => `${stage}: ${observationText(observation)}`);
    const rest = list.length - shown.length;
    return rest > 0 ? [...shown, `${stage}: and ${rest} more (--json shows all)`] : shown;
  });
  const cut = payload.observations_cut ?? 0;
  const nothing = stages.some(({ found }) => found > 0) ? 'Nothing to tell: what was found only feeds a later stage.' : 'Nothing.';
  return [...(lines.length === 0 ? [nothing] : lines), ...(cut === 0 ? [] : [`${cut} more did not fit into the payload.`])];
}

/** The conditions asked at the end, and the outcome; `was` of a result that is stored, `would be` of one that is not. */
function outcomeText(
  { outcome, reason }: Pick<Explanation, 'outcome' | 'reason'>,
  { abstain, report }: Partial<Trace>,
  was: 'was' | 'would be',
): string[] {
  return [
    ...(abstain === undefined ? [] : [`abstain ${conditionText(abstain)}.`]),
    ...(report === undefined ? [] : [`report.when ${conditionText(report)}.`]),
    outcomeSentence(outcome, reason, report !== undefined || abstain?.holds === true, was),
  ];
}

/** `said`: the condition that decided stands before it. */
function outcomeSentence(outcome: Outcome, reason: string | null, said: boolean, was: string): string {
  const quarantined = /^quarantined: (.*)$/s.exec(reason ?? '')?.[1];
  const because = reason === null ? '' : `: ${reason}`;
  const unless = said ? '' : because;
  switch (outcome) {
    case 'published':
      return `It ${was} published${because}.`;
    case 'silent':
      if (reason?.startsWith('report.when') !== false) return `So it ${was} kept silent: stored, and not published${unless}.`;
      return `It ${was} kept silent, stored and not published by itself: ${reason}.`;
    case 'abstained':
      return `It abstained: the models are not sure, which ${was} published instead of an answer${unless}.`;
    case 'late':
      return `It was late${because}. What it had found by then ${was} published as late.`;
    case 'dropped':
      return `It ${was} dropped${because}.`;
    case 'failed':
      if (quarantined === undefined) return `It failed${because}.`;
      return `It was put into quarantine and is never tried again: ${quarantined}. The file is in the failed folder of its input.`;
  }
}

function keptText({ committedAt, seq, deliveries }: Explanation): string[] {
  return [
    `It was stored at ${committedAt} as number ${seq}.`,
    ...(deliveries.length === 0 ? ['No sink was to be told.'] : deliveries.map(deliveryText)),
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
