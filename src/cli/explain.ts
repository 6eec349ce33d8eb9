/** `shoal explain ID`: how one result came about, in plain sentences; or, for the id of a capture, what became of it. */
import { Command } from 'commander';
import type { CaptureStory, Explanation } from '../core/contracts.js';
import type { CommandContext } from './command-context.js';
import { askDaemon, askDaemonFor } from './daemon-client.js';
import { Exit, exitCodes } from './exit.js';
import { explanationText } from './explanation-text.js';
import { renderTable } from './table.js';

interface Options {
  readonly json?: true;
  readonly socket: string;
}

export function explainCommand(context: CommandContext): Command {
  return new Command('explain')
    .description('tell what came in, which models looked at it, what they found, and what became of the result')
    .argument(
      '<id>',
      'id of a result, as in "shoal results" and in the payload; or of a capture, as in "shoal quarantine" and in a reason file',
    )
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async (id: string, options: Options) => {
      context.stdout.write(`${await explain(context, id, options)}\n`);
    });
}

async function explain(context: CommandContext, id: string, { json, socket }: Options): Promise<string> {
  const result = await askDaemonFor<Explanation>(context, socket, resultPath(id));
  if (result !== null) return json ? JSON.stringify(result) : explanationText(result);
  const story = await askDaemonFor<CaptureStory>(context, socket, `/v1/captures/${encodeURIComponent(id)}`);
  if (story === null) {
    throw new Exit(
      exitCodes.failed,
      `nothing is kept of a result or capture with the id ${id}: it may never have been, or be kept no longer; "shoal results" and "shoal quarantine" list what is`,
    );
  }
  if (json) return JSON.stringify(story);
  const [only, ...more] = story.results;
  if (only === undefined || more.length > 0) return storyText(story);
  return explanationText(await askDaemon<Explanation>(context, socket, resultPath(only.id)));
}

function resultPath(id: string): string {
  return `/v1/results/${encodeURIComponent(id)}`;
}

/** Of a capture with no result any more, or with several. */
function storyText({ capture, results, quarantine }: CaptureStory): string {
  const [first] = results;
  const name = first?.captureName ?? quarantine?.name ?? '?';
  const lines = [`Capture ${capture}: "${name}", by input ${first?.input ?? quarantine?.input ?? '?'}`.replace(/\p{Cc}/gu, '?')];
  if (quarantine !== null) lines.push(`It is in quarantine since ${quarantine.at}: ${quarantine.reason}.`.replace(/\p{Cc}/gu, '?'));
  if (results.length === 0) return [...lines, 'Its results are kept no longer.'].join('\n');
  const rows = results.map(({ id, pipeline, outcome, reason }) => [id, pipeline, outcome, reason ?? '']);
  return [
    ...lines,
    '',
    renderTable(['RESULT', 'PIPELINE', 'OUTCOME', 'REASON'], rows),
    '',
    '"shoal explain RESULT" tells how one came about.',
  ].join('\n');
}
