/** `shoal quarantine`: the captures that were put aside because engines died of them. */
import { Command } from 'commander';
import type { QuarantineRecord } from '../core/settled.js';
import type { CommandContext } from './command-context.js';
import { askDaemon } from './daemon-client.js';
import { renderTable } from './table.js';

interface Answer {
  readonly quarantine: readonly (QuarantineRecord & { readonly at: string })[];
}

export function quarantineCommand(context: CommandContext): Command {
  return new Command('quarantine')
    .description('show the captures that are never tried again because engines crashed on them')
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async ({ json, socket }: { json?: true; socket: string }) => {
      const answer = await askDaemon<Answer>(context, socket, '/v1/quarantine');
      context.stdout.write(json ? `${JSON.stringify(answer)}\n` : answerText(answer));
    });
}

function answerText({ quarantine }: Answer): string {
  if (quarantine.length === 0) return 'Nothing is in quarantine.\n';
  const rows = quarantine.map((row) => [row.at, row.captureId, row.input, row.name, row.reason]);
  const table = renderTable(['SINCE', 'CAPTURE', 'INPUT', 'NAME', 'REASON'], rows);
  return `${table}\n\nThe files themselves are in the failed folder of their input, each with its reason beside it.\n`;
}
