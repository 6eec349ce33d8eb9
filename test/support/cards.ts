/** Cards of made-up models in folders of a test, with a file of weights that are none. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';

export const weights = Buffer.from('these are weights');

export function card(name: string, version: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    version,
    task: 'find-things',
    title: 'Things',
    licence: 'MIT',
    source: { upstream: 'https://example.com/things' },
    variants: { fp32: weightsFile },
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 'length'] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
    ...change,
  };
}

export const weightsFile = { file: 'model.onnx', sha256: createHash('sha256').update(weights).digest('hex'), bytes: weights.length };

export const accuracy = {
  metric: 'things missed',
  loss: 0.01,
  bound: 0.02,
  budget: 0.03,
  data: 'held-out things',
  samples: 40,
  machine: 'a test',
  measured_by: 'test/registry/registry.test.ts',
};
export const cost = {
  cpu_ratio: 0.5,
  cpu_ms: 12,
  run: 'one thing, one thread',
  machine: 'a test',
  measured_by: 'test/registry/registry.test.ts',
};
export const variantWith = (change: object) => ({
  variants: { fp32: { ...(card('a', '1.0.0').variants as { fp32: object }).fp32, ...change } },
});

export async function put(root: string, name: string, version: string, change: Record<string, unknown> | string = {}): Promise<string> {
  const folder = path.join(root, name, version);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'card.yaml'), typeof change === 'string' ? change : stringify(card(name, version, change)));
  await writeFile(path.join(folder, 'model.onnx'), weights);
  await writeFile(path.join(folder, 'LICENSE'), 'MIT License');
  return folder;
}

export const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: 'a test' } } as const;
