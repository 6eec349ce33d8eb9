/**
 * `shoal learn`: the board learns its own machine; a command each way, and one to take it back.
 */
import { Command } from 'commander';
import { anomalyCommand } from './learn/anomaly-command.js';
import { classesCommand } from './learn/classes-command.js';
import { recordCommand } from './learn/record-command.js';
import { undoCommand } from './learn/undo-command.js';
import type { ModelsContext } from './models-context.js';

export function learnCommand(context: ModelsContext): Command {
  return new Command('learn')
    .description('let this board learn from its own data, without a cloud and in seconds; the result is a model like any other')
    .addCommand(anomalyCommand(context))
    .addCommand(classesCommand(context))
    .addCommand(recordCommand(context))
    .addCommand(undoCommand(context));
}
