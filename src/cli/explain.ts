/** `shoal explain ID`: how one result came about, in plain sentences. */
import { Command } from 'commander';
import type { Explanation } from '../core/contracts.js';
import type { CommandContext } from './command-context.js';
import { askDaemon } from './daemon-client.js';
import { explanationText } from './explanation-text.js';

export function explainCommand(context: CommandContext): Command {
  return new Command('explain')
    .description('tell what came in, which models looked at it, what they found, and what became of the result')
    .argument('<id>', 'id of a result, as in "shoal results" and in the payload')
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async (id: string, { json, socket }: { json?: true; socket: string }) => {
      const explanation = await askDaemon<Explanation>(context, socket, `/v1/results/${encodeURIComponent(id)}`);
      context.stdout.write(json ? `${JSON.stringify(explanation)}\n` : `${explanationText(explanation)}\n`);
    });
}
