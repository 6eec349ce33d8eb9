/**
 * `shoal models`: which models this board has or can have, which variant of each runs here, and all that is done with them.
 */
import { Command } from 'commander';
import { calibrateCommand } from './calibrate/calibrate-command.js';
import { addCommand } from './catalogue/add-command.js';
import { catalogueCommand } from './catalogue/catalogue-command.js';
import { exportCommand } from './catalogue/export-command.js';
import { licencesCommand } from './catalogue/licences-command.js';
import { pinCommand } from './catalogue/pin-command.js';
import { removeCommand } from './catalogue/remove-command.js';
import { compileCommand } from './compile/compile-command.js';
import { importCommand } from './import/import-command.js';
import type { ModelsContext } from './models-context.js';
import { inspectCommand } from './models-inspect.js';
import { openModelsSetting, type PlaceOptions } from './models-setting.js';
import { modelsJson, modelsText } from './models-text.js';
import { verifyCommand } from './models-verify.js';
import { tuneCommand } from './tune.js';

export function modelsCommand(context: ModelsContext): Command {
  const list = new Command('list')
    .description('show the models of this board: task, variants, which one runs here and why, size, cost, licence and source')
    .option('-c, --config <file>', 'configuration whose folders and variants count')
    .option('--dir <folder...>', 'folders to look through instead of the usual ones')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .action(async (options: PlaceOptions & { json?: true }) => {
      const { registry, policy } = await openModelsSetting(context, options);
      context.stdout.write(options.json ? `${JSON.stringify(modelsJson(registry, policy))}\n` : modelsText(registry, policy));
    });
  return new Command('models')
    .description('show, get, import, verify, inspect, compile, tune or calibrate models')
    .addCommand(list)
    .addCommand(catalogueCommand(context))
    .addCommand(addCommand(context))
    .addCommand(removeCommand(context))
    .addCommand(pinCommand(context))
    .addCommand(exportCommand(context))
    .addCommand(licencesCommand(context))
    .addCommand(verifyCommand(context))
    .addCommand(inspectCommand(context))
    .addCommand(importCommand(context))
    .addCommand(compileCommand(context))
    .addCommand(tuneCommand(context))
    .addCommand(calibrateCommand(context));
}
