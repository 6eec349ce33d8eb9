/** A writer of last-good sets that is killed at work. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { loadOrLastGood } from '../../src/config/last-good.js';
import { sampleParts } from '../config/sample-parts.js';

/** A configuration that is told by its number of days. */
export const text = (days: number) =>
  `version: 1
sinks: { disk: { type: file, path: /tmp/out.ndjson } }
inputs: { inbox: { type: folder, path: /srv/in } }
pipelines: { faces: { from: [inbox], stages: [{ task: detect-faces }] } }
store: { keep_days: ${days} }
`;

/** Kills a process that keeps sets for ever, so many times; what is loaded after each must be one whole set. */
export async function killedWriter(t: Test, kills: number): Promise<void> {
  const stateDir = join(t.testdir({ 'shoal.yaml': '' }), 'state');
  const module = new URL('../../src/config/keep-last-good.js', import.meta.url).href;
  // Alternates for ever between sets of several files; each is told by its number in every file.
  const script = `import { keepLastGood } from ${JSON.stringify(module)};
    const text = ${text.toString()};
    process.stdout.write('go');
    for (let i = 1; ; i = (i % 300) + 1) await keepLastGood(${JSON.stringify(stateDir)}, { source: 'file', files: [
      { name: 'shoal.yaml', path: '', text: text(i) },
      { name: 'conf.d/10.yaml', path: '', text: 'device: { site: "' + i + '" }\\n' } ] });`;
  const bad = join(stateDir, '..', 'shoal.yaml');
  const root = join(stateDir, 'last-good');
  const names = () => (existsSync(root) ? readdirSync(root) : []);
  // One set and its name; a third entry is one that is written or not yet removed.
  const midway = () => names().length > 2 && names().includes('current');
  const seen = new Set<number>();
  let loaded = 0;
  let caught = 0;
  for (let kill = 0; kill < kills || (Math.min(caught, seen.size - 1) < 1 && kill < 5 * kills); kill++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = new Promise((done) => child.once('close', done));
    await new Promise((done) => child.stdout.once('data', done));
    await sleep(5 + Math.random() * 40);
    // Every second kill is aimed at a write.
    for (const end = Date.now() + 20_000; kill % 2 === 1 && !midway() && Date.now() < end; );
    child.kill('SIGKILL');
    await closed;
    if (midway()) caught++;
    // Only before the very first set was complete may there be none.
    if (!names().includes('current') && loaded === 0) continue;
    const { settings } = await loadOrLastGood(bad, sampleParts, { env: {}, hostname: 'pi', stateDir });
    t.equal(String(settings.store.keep_days), settings.device.site, 'both files are of one set');
    seen.add(settings.store.keep_days);
    loaded++;
  }
  t.ok(loaded >= kills * 0.8, `${loaded} sets were looked at`);
  t.ok(seen.size > 1, 'the writer did write');
  t.ok(caught > 0, `${caught} kills fell into the middle of a write`);
}
