/**
 * `shoal learn undo`: takes back what was learned last, so that the version before it is the newest again.
 */
import { Command } from 'commander';
import { undoLearned } from '../../learn/write-learned.js';
import { folderForNew } from '../../registry/model-folders.js';
import { asFolderError } from '../catalogue/folder-error.js';
import { readAtStart } from '../catalogue/read-at-start.js';
import type { ModelsContext } from '../models-context.js';
import { openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { socketOf } from './options.js';
import { sentenceOfUndo, takeUp } from './take-up.js';

interface UndoOptions extends PlaceOptions {
  readonly out?: string;
  readonly socket?: string;
  readonly reload: boolean;
  readonly json?: true;
}

export function undoCommand(context: ModelsContext): Command {
  return new Command('undo')
    .description('take back the newest version of what was learned; the one before it is the newest again')
    .argument('<name>', 'what was learned: pump, or pump@2 for a certain version')
    .option('--out <folder>', "folder of models it was written to; the board's own without it")
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--socket <path>', "the daemon's unix socket; that of the configuration without it")
    .option('--no-reload', 'leave the running daemon with the models it has')
    .option('--json', 'print the answer as JSON')
    .action(async (name: string, options: UndoOptions) => {
      const { paths, settings } = await openModelsSetting(context, options);
      const folder = options.out ?? folderForNew(paths);
      const undone = await undoLearned(folder, name).catch((error: unknown) => {
        throw asFolderError(error, folder);
      });
      const now = undone.now === null ? 'No version of it is left.' : `${undone.now} is the newest again.`;
      const reloads = options.reload && options.out === undefined;
      const meant = undone.now ?? undone.removed;
      const takenUp = reloads ? await takeUp(socketOf(context, settings, options.socket), meant) : null;
      const told = takenUp === null ? readAtStart : sentenceOfUndo(takenUp, undone.now);
      context.stdout.write(
        options.json ? `${JSON.stringify({ ...undone, taken_up: takenUp })}\n` : `${undone.removed} is taken back. ${now}\n${told}\n`,
      );
    });
}
