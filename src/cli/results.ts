/** `shoal results`: what the daemon has stored, newest first. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { StoredResult } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import { outcomes } from '../core/result.js';
import type { CommandContext } from './command-context.js';
import { askDaemon } from './daemon-client.js';
import { renderTable } from './table.js';

interface Options {
  readonly pipeline?: string;
  readonly input?: string;
  readonly outcome?: string;
  readonly capture?: string;
  readonly before?: number;
  readonly limit: number;
  readonly json?: true;
  readonly socket: string;
}

interface Page {
  readonly results: readonly StoredResult[];
  readonly next_before: number | null;
}

export function resultsCommand(context: CommandContext): Command {
  return new Command('results')
    .description('show the results the running daemon has stored, newest first')
    .option('--pipeline <name>', 'of this pipeline only')
    .option('--input <name>', 'of this input only')
    .addOption(new Option('--outcome <outcome>', 'of this outcome only').choices([...outcomes]))
    .option('--capture <id>', 'of this capture only')
    .option('--before <seq>', 'older than this sequence number (to page on)', wholeNumber)
    .option('-n, --limit <count>', `how many, 1..${limits.pageRowsMax}`, wholeNumber, 20)
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async (options: Options) => {
      const page = await askDaemon<Page>(context, options.socket, `/v1/results?${query(options)}`);
      context.stdout.write(options.json ? `${JSON.stringify(page)}\n` : pageText(page));
    });
}

function query({ pipeline, input, outcome, capture, before, limit }: Options): URLSearchParams {
  const wanted = new URLSearchParams();
  for (const [key, value] of Object.entries({ pipeline, input, outcome, capture, before, limit })) {
    if (value !== undefined) wanted.set(key, String(value));
  }
  return wanted;
}

function pageText({ results, next_before }: Page): string {
  if (results.length === 0) return 'No results.\n';
  const rows = results.map((row) => [row.committedAt, row.id, row.input, row.captureName, row.pipeline, row.outcome, row.reason ?? '']);
  const table = renderTable(['COMMITTED', 'ID', 'INPUT', 'CAPTURE', 'PIPELINE', 'OUTCOME', 'REASON'], rows);
  const more = next_before === null ? '' : `\nOlder ones: --before ${next_before}`;
  return `${table}\n\n"shoal explain ID" tells how one came about.${more}\n`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
