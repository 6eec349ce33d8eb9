/** `shoal purge`: takes away what the daemon keeps of one input, kept copies and stored results alike. */
import { Command, InvalidArgumentError } from 'commander';
import type { PurgeCount } from '../core/keep.js';
import { limits } from '../core/limits.js';
import type { CommandContext } from './command-context.js';
import { tellDaemon } from './daemon-client.js';

interface Options {
  readonly input: string;
  readonly before: Date;
  readonly owed?: true;
  readonly dryRun?: true;
  readonly json?: true;
  readonly socket: string;
}

interface Answer extends PurgeCount {
  readonly input: string;
  readonly before: string;
  readonly dry_run: boolean;
  /** Whether the running configuration has such an input. */
  readonly configured: boolean;
}

export function purgeCommand(context: CommandContext): Command {
  return new Command('purge')
    .description('delete what is kept of an input: copies of captures, results, events, traces and quarantine rows older than a time')
    .requiredOption('--input <name>', 'the input')
    .requiredOption(
      '--before <time>',
      'what is older goes: a time such as 2026-01-31T18:00:00Z, a day, an age such as 30d or 12h, or now',
      readTime,
    )
    .option('--dry-run', 'only count')
    .option('--owed', 'also what a sink is still owed; it is then never delivered')
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async ({ input, before, owed, dryRun, json, socket }: Options) => {
      const body = { input, before: before.toISOString(), owed: owed === true, dry_run: dryRun === true };
      const answer = await tellDaemon<Answer>(context, socket, '/v1/purge', body, limits.purgeAnswerMs);
      context.stdout.write(json ? `${JSON.stringify(answer)}\n` : purgeText(answer));
    });
}

function purgeText(answer: Answer): string {
  const {
    input,
    before,
    dry_run: dry,
    kept_files: files,
    kept_bytes: bytes,
    results,
    events,
    quarantine,
    left_owed: left,
    given_up,
  } = answer;
  const lines = [
    `${dry ? 'Would delete' : 'Deleted'} of input ${input}, before ${before}:`,
    `  ${counted(files, 'kept copy', 'kept copies')} (${bytes} bytes)`,
    `  ${counted(results, 'result with its trace', 'results with their traces')}`,
    `  ${counted(events, 'message', 'messages')} of events`,
    `  ${counted(quarantine, 'quarantine row', 'quarantine rows')}`,
    ...(given_up === 0
      ? []
      : [`  ${counted(given_up, 'delivery that was still owed is', 'deliveries that were still owed are')} given up`]),
    ...(left === 0
      ? []
      : [
          `${counted(left, 'result or message is', 'results and messages are')} left, since a sink is still owed them: --owed takes them too.`,
        ]),
    ...(answer.configured ? [] : [`The running configuration has no input ${input}.`]),
    ...(dry ? [] : ['Files in the folders of the input itself (done/, failed/) are not touched, nor is what subscribers have received.']),
  ];
  return `${lines.join('\n')}\n`;
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function readTime(text: string): Date {
  if (text === 'now') return new Date();
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return new Date(Date.now() - Number(count) * (unitMs[unit] ?? 0));
  // A time without a zone would mean another moment on another machine.
  const known = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? new Date(text) : null;
  if (known === null || Number.isNaN(known.getTime()))
    throw new InvalidArgumentError(
      'It must be a time with its zone (2026-01-31T18:00:00Z), a day (2026-01-31, in UTC), an age (30d, 12h, 90m) or now.',
    );
  return known;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
