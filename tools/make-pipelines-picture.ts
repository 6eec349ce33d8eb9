/**
 * `node dist/tools/make-pipelines-picture.js` draws docs/pictures/pipelines.svg: some of the examples of docs/pipelines.md as
 * `shoal pipelines graph --svg` does, with the variants that are pinned on one class of board, so that every machine draws the same.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { graphOf } from '../src/cli/graph/graph.js';
import { graphSvg } from '../src/cli/graph/graph-svg.js';
import { loadConfig } from '../src/config/load-config.js';
import { limits } from '../src/core/limits.js';
import { bundledModels, parts } from '../src/parts.js';
import { openRegistry } from '../src/registry/registry.js';
import { resolvePipelines } from '../src/registry/resolve.js';

export const pipelinesPictureFile = 'docs/pictures/pipelines.svg';

const drawn = ['badges', 'signs', 'faces'];

export async function pipelinesPicture(): Promise<string> {
  const page = await readFile('docs/pipelines.md', 'utf8');
  const examples = [...page.matchAll(/```yaml\n(pipelines:\n[\s\S]*?)```/g)].map(
    ([, text]) => (parse(text ?? '') as { pipelines: object }).pipelines,
  );
  const all = Object.assign({}, ...examples) as Record<string, object>;
  const folder = await mkdtemp(path.join(tmpdir(), 'shoal-picture-'));
  const file = path.join(folder, 'shoal.yaml');
  try {
    const config = {
      version: 1,
      inputs: { inbox: { type: 'folder', path: path.join(folder, 'in') } },
      sinks: { out: { type: 'file', path: path.join(folder, 'out') } },
      pipelines: Object.fromEntries(drawn.map((name) => [name, all[name]])),
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    const { settings } = await loadConfig(file, parts, { purpose: 'check' });
    const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: '' } } as const;
    const registry = await openRegistry([bundledModels]);
    const resolution = resolvePipelines(settings.pipelines, registry, parts.tasks, { sinks: ['out'], hangMs: limits.hangMsMin, policy });
    return graphSvg(graphOf(settings, resolution, parts.tasks, drawn));
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeFile(pipelinesPictureFile, await pipelinesPicture());
}
