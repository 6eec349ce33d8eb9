/** `shoal drift`: whether what pipelines see and say is distributed as it was at first. */
import { Command } from 'commander';
import { limits } from '../core/limits.js';
import type { CommandContext } from './command-context.js';
import { askDaemon, tellDaemon } from './daemon-client.js';
import { renderTable } from './table.js';

interface Row {
  readonly pipeline: string;
  readonly signal: string;
  readonly drift: { readonly psi: number; readonly low: number; readonly high: number } | null;
  readonly reference: number;
}

export function driftCommand(context: CommandContext): Command {
  const list = new Command('list')
    .description('show the population stability index of each signal, with its 95 % interval')
    .option('--json', 'print the answer as JSON')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async ({ json, socket }: { json?: true; socket: string }) => {
      const answer = await askDaemon<{ drift: readonly Row[] }>(context, socket, '/v1/drift');
      context.stdout.write(json ? `${JSON.stringify(answer)}\n` : listText(answer.drift));
    });
  const reset = new Command('reset')
    .description('learn what is usual for a pipeline anew, from now on')
    .argument('<pipeline>', 'its name')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .action(async (pipeline: string, { socket }: { socket: string }) => {
      await tellDaemon(context, socket, '/v1/drift/reset', { pipeline }, limits.daemonAnswerMs);
      context.stdout.write(`What is usual for ${pipeline} is learnt anew from its next ${limits.driftReferenceValues} captures.\n`);
    });
  return new Command('drift')
    .description('show whether what pipelines see and say is distributed as it was at first, or learn that anew')
    .addCommand(list)
    .addCommand(reset);
}

function listText(rows: readonly Row[]): string {
  if (rows.length === 0) return 'No pipeline has looked at anything yet.\n';
  const cells = rows.map(({ pipeline, signal, drift, reference }) => {
    const learning = reference < limits.driftReferenceValues;
    if (drift === null)
      return [pipeline, signal, '', '', learning ? `learning: ${reference} of ${limits.driftReferenceValues}` : 'too little since'];
    return [pipeline, signal, drift.psi.toFixed(3), `${drift.low.toFixed(3)} .. ${drift.high.toFixed(3)}`, verdictOn(drift)];
  });
  return `${renderTable(['PIPELINE', 'SIGNAL', 'PSI', '95 %', ''], cells)}\n`;
}

/** By the usual marks, and only where the whole interval is beyond. */
function verdictOn({ low, high }: { readonly low: number; readonly high: number }): string {
  if (low > 0.25) return 'large';
  if (low > 0.1) return 'some';
  return high < 0.1 ? 'as usual' : '';
}
