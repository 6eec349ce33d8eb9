/** Last-good on a real disk, with the writer killed at random moments. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { keepLastGood } from '../../src/config/keep-last-good.js';
import { loadOrLastGood } from '../../src/config/last-good.js';
import { loadConfig } from '../../src/config/load-config.js';
import { killedWriter, text } from '../support/killed-writer.js';
import { sampleParts } from './sample-parts.js';

const scratch = mkdtempSync(join(tmpdir(), 'shoal-last-good-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const options = { env: {}, hostname: 'pi' };
function place(name: string, main: string, extra?: string): { path: string; stateDir: string } {
  const directory = join(scratch, name);
  mkdirSync(join(directory, 'conf.d'), { recursive: true });
  writeFileSync(join(directory, 'shoal.yaml'), main);
  if (extra !== undefined) writeFileSync(join(directory, 'conf.d', '10.yaml'), extra);
  return { path: join(directory, 'shoal.yaml'), stateDir: join(directory, 'state') };
}

test('a bad file at the start runs what passed last, with conf.d, and says why', async (t) => {
  const { path, stateDir } = place('plain', text(2), 'log: { level: warn }\n');
  const good = await loadOrLastGood(path, sampleParts, { ...options, stateDir });
  t.same([good.source, good.complaint], ['file', null]);
  await keepLastGood(stateDir, good);
  writeFileSync(path, text(2).replace('keep_days', 'keep_dayz'));
  writeFileSync(path.replace('shoal.yaml', 'conf.d/10.yaml'), '[');
  const fallen = await loadOrLastGood(path, sampleParts, { ...options, stateDir });
  t.equal(fallen.source, 'last-good');
  t.match(fallen.complaint, /shoal\.yaml: 1 problem/);
  t.equal(fallen.configHash, good.configHash);
  t.equal(fallen.settings.log.level, 'warn');
  rmSync(path);
  t.equal((await loadOrLastGood(path, sampleParts, { ...options, stateDir })).source, 'last-good', 'a missing file as well');
});

test('without a last-good, or with a damaged one, the problems of the file are the error', async (t) => {
  const { path, stateDir } = place('none', 'version: 1\n');
  await t.rejects(loadOrLastGood(path, sampleParts, { ...options, stateDir }), { code: 'CONFIG_INVALID', message: /inputs +is missing/ });
  writeFileSync(path, text(1));
  await keepLastGood(stateDir, await loadConfig(path, sampleParts, options));
  const [set = ''] = readdirSync(join(stateDir, 'last-good')).filter((name) => name !== 'current');
  writeFileSync(join(stateDir, 'last-good', set, 'shoal.yaml'), text(5));
  writeFileSync(path, '');
  await t.rejects(loadOrLastGood(path, sampleParts, { ...options, stateDir }), { code: 'CONFIG_INVALID', message: /the file is empty/ });
});

test('a last-good that does not pass any more is not run', async (t) => {
  const { path, stateDir } = place('stale', text(1));
  await keepLastGood(stateDir, await loadConfig(path, sampleParts, options));
  writeFileSync(path, '');
  const { inputs, ...others } = sampleParts;
  const changed = { ...others, inputs: inputs.filter((kind) => kind.type !== 'folder') };
  await t.rejects(loadOrLastGood(path, changed, { ...options, stateDir }), { message: /does not pass any more/ });
});

test('the state directory is found in the broken file itself', async (t) => {
  const { path, stateDir } = place('own', `${text(1)}paths: { state_dir: ${join(scratch, 'own', 'state')} }\n`);
  const good = await loadConfig(path, sampleParts, options);
  await keepLastGood(stateDir, good);
  writeFileSync(path, `${readFileSync(path, 'utf8')}nonsense: 1\n`);
  t.equal((await loadOrLastGood(path, sampleParts, options)).configHash, good.configHash);
});

test('a writer killed at any moment leaves the old set or the new one, never a torn one', (t) => killedWriter(t, 6));
