/**
 * `shoal config`: shows the resolved configuration with secrets masked, its JSON Schema for editors, and its reference.
 */
import { Command } from 'commander';
import { configJsonSchema } from '../config/json-schema.js';
import { loadConfig } from '../config/load-config.js';
import { renderProblems } from '../config/problem.js';
import { resolvedYaml } from '../config/redact.js';
import { configReference } from '../config/reference.js';
import type { CommandContext } from './command-context.js';

export function configCommand(context: CommandContext): Command {
  const command = new Command('config').description('show the configuration, its schema and its reference');
  command.addCommand(showCommand(context));
  command.addCommand(
    new Command('schema').description('print a JSON Schema of the configuration, for editors').action(() => {
      context.stdout.write(`${JSON.stringify(configJsonSchema(context.parts), null, 2)}\n`);
    }),
  );
  command.addCommand(
    new Command('reference').description('print the reference of every option, in Markdown').action(() => {
      context.stdout.write(configReference(context.parts));
    }),
  );
  return command;
}

function showCommand(context: CommandContext): Command {
  return new Command('show')
    .description('print the files as written, or resolved: merged, variables and defaults filled in, secrets masked')
    .option('-c, --config <file>', 'configuration file', context.defaults.configPath)
    .option('--resolved', 'resolve it')
    .action(async ({ config, resolved }: { config: string; resolved?: boolean }) => {
      const loaded = await loadConfig(config, context.parts, { purpose: 'check' });
      if (loaded.warnings.length > 0) context.stderr.write(`${renderProblems(config, loaded.warnings)}\n`);
      if (resolved) context.stdout.write(`# ${config}, resolved; config_hash ${loaded.configHash}\n${resolvedYaml(loaded.settings)}`);
      else for (const file of loaded.files) context.stdout.write(`# ${file.path}\n${file.text.trimEnd()}\n`);
    });
}
