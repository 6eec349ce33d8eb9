/** `shoal kept`: the copies of captures that the daemon keeps. */
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { idPattern } from '../core/id.js';
import type { KeptRow } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { CommandContext } from './command-context.js';
import { askDaemon, fetchFromDaemon } from './daemon-client.js';
import { Exit, exitCodes } from './exit.js';
import { renderTable } from './table.js';

interface ListOptions {
  readonly input?: string;
  readonly limit: number;
  readonly json?: true;
  readonly socket: string;
}

export function keptCommand(context: CommandContext): Command {
  return new Command('kept')
    .description('show or fetch the copies of captures that inputs keep (keep: events or sample)')
    .addCommand(listCommand(context))
    .addCommand(getCommand(context));
}

function listCommand(context: CommandContext): Command {
  return new Command('list')
    .description('show what is kept, newest first; an id is that of the capture, as in results and events')
    .option('--input <name>', 'of this input only')
    .option('-n, --limit <count>', `how many, 1..${limits.pageRowsMax}`, wholeNumber, 20)
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async ({ input, limit, json, socket }: ListOptions) => {
      const query = new URLSearchParams({ ...(input === undefined ? {} : { input }), limit: String(limit) });
      const answer = await askDaemon<{ kept: readonly KeptRow[] }>(context, socket, `/v1/kept?${query}`);
      context.stdout.write(json ? `${JSON.stringify(answer)}\n` : listText(answer.kept));
    });
}

function getCommand(context: CommandContext): Command {
  return new Command('get')
    .description('write a kept copy to a file that only you can read')
    .argument('<id>', 'of the capture')
    .requiredOption('-o, --output <file>', 'where to; an existing file is not overwritten')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async (id: string, { output, socket }: { output: string; socket: string }) => {
      if (!idPattern.test(id)) throw new InvalidArgumentError('A capture id is 1 to 64 letters, digits, - and _.');
      const copy = await fetchFromDaemon(context, socket, `/v1/kept/${id}`);
      if (copy === null)
        throw new Exit(exitCodes.failed, `no copy is kept of a capture with the id ${id}; "shoal kept list" shows those there are`);
      await writeFile(output, copy.bytes, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
        throw new Exit(exitCodes.failed, error.code === 'EEXIST' ? `${output} is there already: name another file` : error.message);
      });
      context.stdout.write(`${output}: ${copy.bytes.length} bytes, ${copy.mediaType}\n`);
    });
}

function listText(kept: readonly KeptRow[]): string {
  if (kept.length === 0) return 'Nothing is kept.\n';
  const rows = kept.map((row) => [row.keptAt, row.input, row.id, row.mediaType, String(row.bytes)]);
  return `${renderTable(['KEPT', 'INPUT', 'CAPTURE', 'TYPE', 'BYTES'], rows)}\n\n"shoal kept get CAPTURE -o FILE" fetches one.\n`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
