/**
 * Peers that benchmarks measure against: npm packages that are no dependencies, installed into a cache folder outside the package's own modules.
 *
 * Guarantees: exact versions; a folder is there whole or not at all. Needs the npm registry on the first run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Peer {
  /** Name of the folder. */
  readonly name: string;
  /** Package: exact version. */
  readonly dependencies: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
}

/** The folder the peer is installed in. */
export function installPeer({ name, dependencies, overrides = {} }: Peer): string {
  const what = Object.entries(dependencies)
    .map(([dependency, version]) => `${dependency}@${version}`)
    .join(', ');
  const folder = resolve('node_modules/.cache/shoal-bench', `${name}-${Object.values(dependencies).join('-')}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  writeFileSync(join(making, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }));
  const args = ['install', '--prefix', making, '--no-audit', '--no-fund', '--loglevel=error'];
  process.stderr.write(`shoal: installing a peer, ${what}, into ${folder} (once) ...\n`);
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2], env });
  if (status !== 0) {
    rmSync(making, { recursive: true, force: true });
    throw new Error(`${what} cannot be installed: this benchmark needs the npm registry on its first run`);
  }
  renameSync(making, folder);
  return folder;
}
