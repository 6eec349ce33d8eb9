/**
 * `shoal models export`: a model as a folder or an archive that another board can add without a network.
 */
import path from 'node:path';
import { Command } from 'commander';
import { ShoalError } from '../../core/errors.js';
import { modelRef } from '../../core/model.js';
import { packModel } from '../../registry/archive.js';
import { readCard } from '../../registry/card.js';
import { copyModel } from '../../registry/install.js';
import { verifyModel } from '../../registry/verify.js';
import { checkPlace, versionFolder } from '../../registry/write-model.js';
import { type ModelsPlaceContext, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { watchSignals } from '../watch-signals.js';
import { asFolderError } from './folder-error.js';
import { installed } from './remove-command.js';

interface ExportOptions extends PlaceOptions {
  readonly to: string;
  readonly json?: true;
}

export function exportCommand(context: ModelsPlaceContext): Command {
  return new Command('export')
    .description('write a model with its card and licence to a folder or a .tar archive, for "shoal models add" on another board')
    .argument('<model>', 'name@version, or name where one version is installed')
    .requiredOption('--to <path>', 'an archive if it ends in .tar, else a folder of models that gets <name>/<version>/')
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the answer as JSON')
    .action(async (ref: string, options: ExportOptions) => {
      const { registry } = await openModelsSetting(context, options);
      const model = installed(registry, ref);
      const { problems } = await verifyModel(model);
      if (problems.length > 0)
        throw new ShoalError('MODEL_HASH', `${modelRef(model)} is not exported, since something is wrong with it: ${problems.join('; ')}`);
      const to = path.resolve(options.to);
      const target = to.endsWith('.tar') ? to : versionFolder(to, model);
      const interruption = watchSignals('nothing was exported');
      try {
        const { card } = await readCard(model.directory);
        if (target === to) await packModel(model.directory, card, to, interruption.signal);
        else {
          await checkPlace(target, 'name another folder with --to');
          await copyModel(model.directory, card, to, interruption.signal);
        }
      } catch (error) {
        throw asFolderError(error, target === to ? path.dirname(to) : to, 'name another place with --to');
      } finally {
        interruption.end();
      }
      const said = `${modelRef(model)} is in ${target}; elsewhere: shoal models add ${target === to ? options.to : target}\n`;
      context.stdout.write(options.json ? `${JSON.stringify({ model: modelRef(model), to: target })}\n` : said);
    });
}
