/** What a configuration may leave open to other machines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load-config.js';
import { ConfigError } from '../../src/config/problem.js';
import { secret } from '../../src/core/secret.js';
import { sampleParts } from './sample-parts.js';

const parts = {
  ...sampleParts,
  inputs: [...sampleParts.inputs, { type: 'http', byHttp: true as const, options: z.strictObject({ token: secret().optional() }) }],
  sections: { ...sampleParts.sections, http: sampleParts.sections.http.extend({ host: z.string().default('127.0.0.1') }) },
};

test('an input that callers reach needs a token where other machines reach the port', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-door-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const problems = async (http: object, input: object = {}) => {
    const file = join(dir, 'shoal.yaml');
    const inputs = { inbox: { type: 'folder', path: '/srv/in' }, scans: { type: 'http', ...input } };
    const pipelines = { faces: { from: ['inbox', 'scans'], stages: [{ task: 'detect-faces' }] } };
    writeFileSync(file, JSON.stringify({ version: 1, http, sinks: { disk: { type: 'file', path: '/tmp/out' } }, inputs, pipelines }));
    const error = await loadConfig(file, parts, { env: {}, hostname: 'pi', purpose: 'check' }).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error !== null && !(error instanceof ConfigError)) throw error;
    return error?.message ?? '';
  };
  t.equal(await problems({}), '');
  for (const host of ['127.0.0.1', '127.0.0.53', 'localhost', '::1']) t.equal(await problems({ host }), '', host);
  for (const host of ['0.0.0.0', '::', '192.168.1.5', '127.0.0.1.evil']) {
    const told = /inputs\.scans\.token +is missing, and http\.host .* other machines +add token/;
    t.match(await problems({ host }), told, host);
  }
  t.equal(await problems({ host: '0.0.0.0', enabled: false }), '');
  t.equal(await problems({ host: '0.0.0.0' }, { token: { credential: 'scans' } }), '');
});
