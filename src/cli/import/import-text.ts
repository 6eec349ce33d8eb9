/** What an import proposes and what it came to, for a person. */
import type { Parity } from '../../engine/workbench/parity.js';
import { cardText } from '../../registry/card.js';
import { printable } from '../printable.js';
import type { DraftedCard } from './draft-card.js';
import type { SourceFormat } from './read-source.js';

const formatNames = { tflite: 'TFLite', tfjs: 'TensorFlow.js' } as const;

/** The card as YAML, then what in it is a guess. */
export function draftText({ card, remarks }: DraftedCard): string {
  const guesses = remarks.map((remark) => `  - ${printable(remark)}`);
  return `${cardText(card)}${guesses.length === 0 ? '' : `\nPlease check:\n${guesses.join('\n')}\n`}`;
}

/** `format`: of the file as it came. */
export function parityText({ random, real, samples, skipped }: Parity, format: SourceFormat): string {
  const reference = format === 'onnx' ? 'the file as it came' : `the ${formatNames[format]} file as converted, before its graph is fused`;
  const lines = [
    `As made here against ${reference}: ${differenceText(random.largest)} over ${random.runs} runs on random inputs,`,
    real.largest === null ? 'no real capture was tried.' : `${differenceText(real.largest)} over ${real.runs} runs on real ones.`,
    ...samples.map(
      ({ name, found, first }) => `  ${printable(name)}: found ${found}${first.length === 0 ? '' : `: ${first.map(printable).join(', ')}`}`,
    ),
    ...skipped.map(({ name, reason }) => `  ${printable(name)}: not tried: ${printable(reason)}`),
  ];
  return lines.join('\n');
}

function differenceText(largest: number | null): string {
  return largest === null ? 'nothing to compare' : `largest relative difference ${Number(largest.toPrecision(2))}`;
}
