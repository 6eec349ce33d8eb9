/**
 * What is known of a model file that is no installed variant: a card that describes it.
 *
 * Such a card is a `card.yaml` that may leave out `variants`, since there are none yet; its labels, licence and golden captures lie beside
 * it. Whether the tensors of the file are those of the card only a session can say.
 */
import path from 'node:path';
import { limits } from '../core/limits.js';
import type { ModelFacts } from '../core/model.js';
import { type Card, cardShape, checkedCard, labelLines, parseYaml, readBounded } from './card.js';

/** Without what belongs to the files of its variants. */
export type CardFacts = Omit<Card, 'variants' | 'pinned' | 'calibration'>;

export interface Description {
  readonly card: CardFacts;
  readonly facts: ModelFacts;
  /** Absolute: where labels, licence and golden captures lie. */
  readonly directory: string;
}

const descriptionSchema = cardShape.extend({ variants: cardShape.shape.variants.optional() });

/** Reads a card from any path. Throws MODEL_MISSING when it cannot be read, MODEL_INVALID naming every key that is wrong. */
export async function readDescription(file: string): Promise<Description> {
  const {
    variants: _,
    pinned: __,
    calibration: ___,
    ...card
  } = checkedCard(descriptionSchema, parseYaml(await readBounded(file, limits.cardBytesMax), file), file);
  const directory = path.dirname(path.resolve(file));
  const labels = card.labels === undefined ? [] : labelLines(await readBounded(path.join(directory, card.labels), limits.labelsBytesMax));
  const { name, version, task, inputs, outputs, params } = card;
  return { card, facts: { name, version, task, inputs, outputs, params, labels }, directory };
}
