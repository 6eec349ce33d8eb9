/** `shoal pipelines graph`: draws what a configuration decides, as text or as SVG, with the models and variants that this board would run. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { openBoardModels } from '../board-models.js';
import { loadConfig } from '../config/load-config.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Parts } from '../parts.js';
import { resolvePipelines } from '../registry/resolve.js';
import type { CommandContext } from './command-context.js';
import { graphOf } from './graph/graph.js';
import { graphSvg } from './graph/graph-svg.js';
import { graphText } from './graph/graph-text.js';

interface Options {
  readonly config: string;
  readonly svg?: string | true;
  readonly pipeline?: string;
}

export function pipelinesCommand(context: CommandContext<Parts>): Command {
  const graph = new Command('graph')
    .description('draw the pipelines: inputs, stages with their conditions and models, reports, sinks, and what is shared')
    .option('-c, --config <file>', 'configuration file', context.defaults.configPath)
    .option('-p, --pipeline <name>', 'draw this pipeline only')
    .option('--svg [file]', 'as an SVG picture, into a file or to standard output')
    .action(async (options: Options) => {
      const drawn = await draw(context, options);
      if (typeof options.svg !== 'string') {
        context.stdout.write(drawn);
        return;
      }
      await writeFile(options.svg, drawn).catch((error: unknown) => {
        throw new ShoalError('USAGE', `${options.svg} cannot be written: ${reasonOf(error)}`);
      });
      context.stdout.write(`${options.svg}\n`);
    });
  return new Command('pipelines').description('show what the pipelines of a configuration decide').addCommand(graph);
}

async function draw({ parts }: CommandContext<Parts>, { config, pipeline, svg }: Options): Promise<string> {
  const { settings } = await loadConfig(config, parts, { purpose: 'check' });
  const all = Object.keys(settings.pipelines);
  if (pipeline !== undefined && !all.includes(pipeline)) {
    throw new ShoalError('USAGE', `the configuration has no pipeline "${pipeline}"; it has ${all.join(', ')}`);
  }
  const { registry, policy } = await openBoardModels(settings);
  const defaults = { sinks: Object.keys(settings.sinks), hangMs: limits.hangMsMin, policy };
  const resolution = resolvePipelines(settings.pipelines, registry, parts.tasks, defaults);
  const graph = graphOf(settings, resolution, parts.tasks, pipeline === undefined ? all : [pipeline]);
  return svg === undefined ? graphText(graph) : graphSvg(graph);
}
