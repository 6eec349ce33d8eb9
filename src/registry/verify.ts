/**
 * Whether the files of a model are those its card promises: bytes and SHA-256 of every variant and of what was fetched beside them, licence, labels, task.
 *
 * Whether the tensors agree with the card only a session can say; sessions live in engines, so that check is handed in.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { reasonOf } from '../core/errors.js';
import { asVariant, type Model, type ModelFacts, type ModelVariant, modelRef } from '../core/model.js';
import { licenceFile, readCard } from './card.js';

export interface VerifyChecks {
  /** Opens a session on the variant and throws when its tensors disagree with the card. */
  tensors?(model: Model, variant: ModelVariant): Promise<void>;
  /** Throws when the card does not suit its task: unknown task, params, tensors, number of labels. */
  fit?(model: ModelFacts): void;
}

export interface Verification {
  /** `name@version`. */
  readonly model: string;
  readonly labels: number;
  /** What is wrong, one sentence each, with the file; empty when all is well. */
  readonly problems: readonly string[];
}

/** Never throws; whatever fails is a problem in the answer. */
export async function verifyModel(model: Model, checks: VerifyChecks = {}): Promise<Verification> {
  const problems: string[] = [];
  const attempt = async (what: () => Promise<unknown> | unknown) => {
    try {
      await what();
    } catch (error) {
      problems.push(reasonOf(error));
    }
  };
  await attempt(() => present(path.join(model.directory, licenceFile), 'the text of the licence belongs beside the weights'));
  await attempt(async () => {
    const { source, variants } = (await readCard(model.directory)).card;
    const weights = Object.values(variants).map(({ file }) => file);
    for (const [name, promised] of Object.entries(source.download ?? {})) {
      if (!weights.includes(name)) await intact({ path: path.join(model.directory, name), ...promised });
    }
  });
  await attempt(() => checks.fit?.(model));
  for (const variant of model.variants) {
    const before = problems.length;
    if (variant.inputs !== undefined || variant.outputs !== undefined) await attempt(() => checks.fit?.(asVariant(model, variant)));
    await attempt(() => intact(variant));
    if (problems.length === before) await attempt(() => checks.tensors?.(model, variant));
  }
  return { model: modelRef(model), labels: model.labels.length, problems };
}

async function present(file: string, why: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found === null || !found.isFile() || found.size === 0) throw new Error(`${file} is missing or empty: ${why}`);
}

async function intact(variant: Pick<ModelVariant, 'path' | 'sha256' | 'bytes'>): Promise<void> {
  const found = await stat(variant.path).catch(() => null);
  if (found === null || !found.isFile()) throw new Error(`${variant.path} is missing`);
  if (found.size !== variant.bytes) throw new Error(`${variant.path} has ${found.size} bytes, its card says ${variant.bytes}`);
  const hash = await fileSha256(variant.path);
  if (hash !== variant.sha256) throw new Error(`${variant.path} has SHA-256 ${hash}, its card says ${variant.sha256}`);
}

/** Hex; reads the file in pieces. */
async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
