/**
 * Which onnxruntime-node is installed, without loading it: read by the core, which never maps the native library.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Such as `1.30.0`; `unknown` when the package cannot be found. */
export function runtimeVersion(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
