/** The examples of docs/pipelines.md and docs/budgets.md are configurations that hold, and the picture is of them. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { loadConfig } from '../src/config/load-config.js';
import { bundledModels, parts } from '../src/parts.js';
import { openRegistry } from '../src/registry/registry.js';
import { resolvePipelines } from '../src/registry/resolve.js';
import { pipelinesPicture, pipelinesPictureFile } from '../tools/make-pipelines-picture.js';

test('every example of a pipeline that decides passes shoal check and runs with the bundled models', async (t) => {
  const pages = await Promise.all(['docs/pipelines.md', 'docs/budgets.md'].map((page) => readFile(page, 'utf8')));
  const written = pages.flatMap((page) => [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? ''));
  const plain = 'pipelines: { faces: { from: [inbox], stages: [{ task: detect-faces }] } }\n';
  const examples = written.map((text) => (/^pipelines:$/m.test(text) ? text : plain + text));
  t.ok(examples.length >= 7);
  const folder = await mkdtemp(join(tmpdir(), 'shoal-docs-'));
  const inbox = `inputs: { inbox: { type: folder, path: ${folder}/in } }\n`;
  const head = `version: 1
sinks: { out: { type: file, path: ${folder}/out.ndjson } }
`;
  const registry = await openRegistry([bundledModels]);
  const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: '' } } as const;
  for (const [i, example] of examples.entries()) {
    const file = join(folder, `${i}.yaml`);
    await writeFile(file, (/^inputs:/m.test(example) ? head : head + inbox) + example);
    const { stdout } = await promisify(execFile)(resolve('bin/shoal'), ['check', '-c', file]);
    t.match(stdout, /: good \(1 input, [12] pipelines?, 1 sink/, example);
    const { settings } = await loadConfig(file, parts, { purpose: 'check' });
    const { pipelines, problems } = resolvePipelines(settings.pipelines, registry, parts.tasks, { sinks: [], hangMs: 30_000, policy });
    // The one model that is not bundled.
    const missing = example.includes('identify-file')
      ? [{ found: 'no model for identify-file is installed', expected: /shoal models catalogue/ }]
      : [];
    t.match(problems, missing, example);
    t.equal(problems.length, missing.length);
    t.equal(pipelines.length, Object.keys(settings.pipelines).length - missing.length);
  }
});

test('the picture is what is drawn of its examples today (npm run docs:build)', async (t) => {
  t.equal(await readFile(pipelinesPictureFile, 'utf8'), await pipelinesPicture());
});

test('each page that says how something is set up begins with a whole configuration that passes shoal check', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-docs-'));
  for (const page of ['README.md', 'docs/mqtt-input.md', 'docs/inputs/http.md']) {
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(await readFile(page, 'utf8')) ?? [];
    const file = join(folder, 'shoal.yaml');
    await writeFile(file, example);
    await t.resolves(loadConfig(file, parts, { purpose: 'check' }), page);
  }
});
