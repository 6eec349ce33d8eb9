/**
 * `shoal check`: explains every problem of a configuration at once, and tells what it asks of a board that was tuned. Needs no device, no
 * model, no credentials and no daemon.
 */
import { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import { ConfigError, type Problem, plural, renderProblems } from '../config/problem.js';
import { capacityJson, capacityText, readDemand } from './capacity.js';
import type { CommandContext } from './command-context.js';
import { Exit, exitCodes } from './exit.js';

export function checkCommand(context: CommandContext): Command {
  return new Command('check')
    .description('check a configuration, explain every problem in it, and on a tuned board tell demand against capacity')
    .option('-c, --config <file>', 'configuration file', context.defaults.configPath)
    .option('--json', 'print the answer as JSON')
    .action(async ({ config, json }: { config: string; json?: boolean }) => {
      try {
        const { settings, configHash, files, warnings } = await loadConfig(config, context.parts, { purpose: 'check' });
        const capacity = await readDemand(settings);
        if (json) {
          const told = { config_hash: configHash, problems: warnings.map(flat), capacity: capacityJson(capacity) };
          context.stdout.write(`${JSON.stringify({ ok: true, file: config, ...told })}\n`);
          return;
        }
        if (warnings.length > 0) context.stdout.write(`${renderProblems(config, warnings)}\n`);
        const contents = [
          plural(Object.keys(settings.inputs).length, 'input'),
          plural(Object.keys(settings.pipelines).length, 'pipeline'),
          plural(Object.keys(settings.sinks).length, 'sink'),
        ].join(', ');
        context.stdout.write(`${config}: good (${contents} from ${plural(files.length, 'file')}, config_hash ${configHash})\n`);
        context.stdout.write(`${capacityText(capacity)}\n`);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        if (json) context.stdout.write(`${JSON.stringify({ ok: false, file: config, problems: error.problems.map(flat) })}\n`);
        else context.stderr.write(`${error.message}\n`);
        throw new Exit(exitCodes.config);
      }
    });
}

function flat({ severity, place, path, message, hint }: Problem): Record<string, unknown> {
  return { severity, file: place.file, line: place.line ?? null, column: place.column ?? null, path, message, hint };
}
