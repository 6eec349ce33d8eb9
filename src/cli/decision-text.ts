/**
 * Why a stage ran, did not run, was asked again or ended its pipeline: the conditions with the values that decided them, as sentences.
 *
 * Traces are stored text of whatever version wrote them: what is missing is left out.
 */
import { limits } from '../core/limits.js';
import type { AcceptDecision, Decision, Escalation, LeftOut, StageTrace, Witness } from '../core/result.js';

/** What is said of a stage below its own line. */
export function decisionLines(stage: StageTrace): string[] {
  const { when, left_out, accept, escalated, stop, alternative } = stage;
  return [
    ...(when === undefined ? [] : [`when ${conditionText(when)}.`]),
    ...(left_out === undefined ? [] : [leftOutText(left_out)]),
    ...(accept === undefined ? [] : [`accept ${acceptText(accept)}.`]),
    ...(escalated === undefined ? [] : [escalationText(escalated, accept)]),
    ...(stop === undefined ? [] : [`stop when ${conditionText(stop)}${stop.holds ? `: the pipeline ended here, "${stop.reason}"` : ''}.`]),
    ...(alternative === undefined ? [] : [alternativeText(stage)]),
  ];
}

/** `"faces.size() > 0" is false (faces found 0)`. */
export function conditionText({ text, holds, trouble, saw }: Decision): string {
  const why = [...(saw ?? []).map(witnessText), ...(trouble === undefined ? [] : [trouble])].join('; ');
  return `"${text}" is ${holds}${why === '' ? '' : ` (${why})`}`;
}

function leftOutText({ too_small, too_many }: LeftOut): string {
  const counts = [
    ...(too_small === undefined ? [] : [`${too_small} smaller than min_px`]),
    ...(too_many === undefined ? [] : [`${too_many} beyond the best-scored ${limits.cropsMax}`]),
  ];
  return `not looked at: ${counts.join(', ')}.`;
}

function witnessText({ stage, found, best }: Witness): string {
  return `${stage} found ${found}${best === undefined ? '' : `, best ${bestText(best)}`}`;
}

function bestText({ score, label, text, values }: NonNullable<Witness['best']>): string {
  const words = [
    `score ${score.toFixed(2)}`,
    ...(label === undefined ? [] : [label]),
    ...(text === undefined ? [] : [JSON.stringify(text)]),
    ...Object.entries(values ?? {}).map(([name, value]) => `${name} ${Number(value.toPrecision(5))}`),
  ];
  return words.join(' ');
}

function acceptText({ text, of, accepted, unanswered, trouble, worst }: AcceptDecision): string {
  const why = [
    ...(worst === undefined ? [] : [`worst ${bestText(worst)}`]),
    ...(unanswered === undefined ? [] : [`${unanswered} without an answer`]),
    ...(trouble === undefined ? [] : [trouble]),
  ].join('; ');
  const count = of === 0 ? 'had nothing to judge' : `holds for ${accepted} of ${of}`;
  return `"${text}" ${count}${why === '' ? '' : ` (${why})`}`;
}

function escalationText(escalated: Escalation, accept: AcceptDecision | undefined): string {
  const { model, variant, state, runs, preprocess_ms, run_ms, postprocess_ms, calibrated } = escalated;
  const count = accept === undefined ? String(escalated.inputs) : `${accept.of - accept.accepted} of ${accept.of}`;
  const to = `escalated: ${count} to ${model}, variant ${variant}`;
  if (state === 'failed') return `${to}, which failed.`;
  const shared = state.startsWith('skipped: shared');
  if (state !== 'ran' && !shared)
    return `not escalated: ${count} would have gone to ${model}, variant ${variant}, but ${state.slice('skipped: '.length)}.`;
  if (shared) return `${to}: ${state.slice('skipped: '.length)}.`;
  return `${to}, in ${(preprocess_ms + run_ms + postprocess_ms).toFixed(1)} ms over ${runs} model ${runs === 1 ? 'run' : 'runs'}${calibrated ? ', with calibrated scores' : ''}.`;
}

function alternativeText({ alternative, accept }: StageTrace): string {
  if (alternative === undefined) return '';
  const { model, variant, usual_ms } = alternative;
  const cost = usual_ms === undefined ? '' : `; it usually takes ${usual_ms.toFixed(1)} ms for as much`;
  return `${model}, variant ${variant}, ${accept === undefined ? 'would have run' : 'was not needed'}${cost}.`;
}
