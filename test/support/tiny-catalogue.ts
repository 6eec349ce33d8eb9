/**
 * A catalogue with one entry, made of a bundled model under another name: a real card, a real ONNX file, its weights to be fetched.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';

const bundled = path.resolve('models/blazeface-back/1.2.0');
export const weights = readFileSync(path.join(bundled, 'model.onnx'));
export const weightsSha256 = createHash('sha256').update(weights).digest('hex');
/** By SHA-256, as a source serves them. */
export const served = new Map([[weightsSha256, weights]]);

export interface EntryChange {
  readonly name?: string;
  readonly version?: string;
  /** Into the card. */
  readonly card?: Record<string, unknown>;
}

/** Puts `<catalogue>/<name>/<version>/` there, by default `face-finder` 1.0.0, and answers that folder. */
export function putEntry(catalogue: string, { name = 'face-finder', version = '1.0.0', card = {} }: EntryChange = {}): string {
  const folder = path.join(catalogue, name, version);
  mkdirSync(path.dirname(folder), { recursive: true });
  cpSync(bundled, folder, { recursive: true });
  rmSync(path.join(folder, 'model.onnx'));
  const known = parse(readFileSync(path.join(bundled, 'card.yaml'), 'utf8')) as Record<string, unknown>;
  const url = 'https://raw.githubusercontent.com/somebody/faces/0123456789abcdef0123456789abcdef01234567/model.onnx';
  const source = {
    download: { 'model.onnx': { url, sha256: weightsSha256, bytes: weights.length } },
    upstream: 'https://example.com/faces',
  };
  writeFileSync(path.join(folder, 'card.yaml'), stringify({ ...known, name, version, source, ...card }));
  return folder;
}
