/**
 * `shoal apply FILE`: checks, swaps, restarts, and goes back when the daemon is not ready in time.
 *
 * Guarantees: a file that does not pass the check changes nothing; killed at any moment, the target is the whole old file or the whole new
 * one; after a failure the earlier file is in its place again and the daemon was restarted with it.
 */
import { spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { type Loaded, loadConfig } from '../config/load-config.js';
import { renderProblems } from '../config/problem.js';
import { closeJournal, openJournal, swap } from './apply-journal.js';
import { awaitReady, type Door } from './await-ready.js';
import type { CommandContext } from './command-context.js';
import { Exit, exitCodes } from './exit.js';

interface ApplyOptions {
  readonly config: string;
  readonly restartCommand: string;
  readonly restartTimeout: number;
  readonly timeout: number;
  readonly socket?: string;
  readonly url?: string;
}

export function applyCommand(context: CommandContext): Command {
  return new Command('apply')
    .description('check a configuration, put it in place and restart the daemon; go back if it does not become ready')
    .argument('<file>', 'the new configuration')
    .option('-c, --config <file>', 'the file to replace; conf.d beside it still applies', context.defaults.configPath)
    .option('--restart-command <command>', 'shell command that restarts the daemon', 'systemctl restart shoal.service')
    .option('--restart-timeout <seconds>', 'how long the restart command may take', seconds, 90)
    .option('--timeout <seconds>', 'how long the daemon may take to become ready', seconds, 60)
    .option('--socket <path>', "the daemon's unix socket (default: shoal.sock in paths.run_dir)")
    .option('--url <url>', 'ask /readyz here instead, such as http://127.0.0.1:8321', url)
    .action((file: string, options: ApplyOptions) => apply(resolve(file), { ...options, config: resolve(options.config) }, context));
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw new InvalidArgumentError('need 1 .. 3600 seconds.');
  return value;
}

function url(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== 'http:') throw new InvalidArgumentError('need an http:// URL.');
  return text;
}

async function apply(file: string, options: ApplyOptions, context: CommandContext): Promise<void> {
  const target = options.config;
  // What will run is the new file with the conf.d of the target.
  const loaded = await loadConfig(file, context.parts, { purpose: 'check', extrasDirectory: join(dirname(target), 'conf.d') });
  if (loaded.warnings.length > 0) context.stderr.write(`${renderProblems(file, loaded.warnings)}\n`);
  const text = loaded.files[0]?.text ?? '';
  const { previous, resumed } = await openJournal(target);
  if (resumed) context.stderr.write('shoal: an earlier apply was interrupted; the configuration before it is the one to go back to\n');
  await swap(target, text);
  const trouble = await restartAndWait(loaded, options);
  if (trouble === null) {
    await closeJournal(target);
    context.stdout.write(`${target}: applied, the daemon is ready (config_hash ${loaded.configHash})\n`);
    return;
  }
  await goBack(target, previous, trouble, options, context);
}

async function goBack(
  target: string,
  previous: string | null,
  trouble: string,
  options: ApplyOptions,
  context: CommandContext,
): Promise<never> {
  if (previous === null) {
    await closeJournal(target);
    throw new Exit(exitCodes.failed, `${target}: applied, but ${trouble}. There was no earlier configuration to go back to.`);
  }
  await swap(target, previous);
  const after = await previousConfig(target, options, context);
  await closeJournal(target);
  const state =
    after === null ? 'The earlier configuration is back and the daemon is ready.' : `The earlier configuration is back, but ${after}.`;
  throw new Exit(exitCodes.failed, `${target}: not applied, ${trouble}. ${state}`);
}

async function previousConfig(target: string, options: ApplyOptions, context: CommandContext): Promise<string | null> {
  try {
    const loaded = await loadConfig(target, context.parts, { purpose: 'check' });
    return await restartAndWait(loaded, options);
  } catch {
    const failure = await runShell(options.restartCommand, options.restartTimeout * 1000);
    return failure ?? 'it does not pass the check either; the daemon runs what it kept as last-good';
  }
}

async function restartAndWait(loaded: Loaded, options: ApplyOptions): Promise<string | null> {
  const failure = await runShell(options.restartCommand, options.restartTimeout * 1000);
  if (failure !== null) return failure;
  const door: Door =
    options.url === undefined ? { socketPath: options.socket ?? join(loaded.settings.paths.run_dir, 'shoal.sock') } : { url: options.url };
  return awaitReady(door, loaded, options.timeout * 1000);
}

/** Null when the command succeeded, else what happened. */
function runShell(command: string, timeoutMs: number): Promise<string | null> {
  return new Promise((done) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-500);
    });
    const timer = setTimeout(() => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended by itself in this moment.
      }
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      done(`the restart command could not be run: ${error.message}`);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      child.stderr.destroy();
      const how = signal === null ? `exit code ${code}` : `killed by ${signal}, it may take ${timeoutMs / 1000} s`;
      done(code === 0 ? null : `the restart command failed (${how})${said.trim() === '' ? '' : `: ${said.trim().split('\n').at(-1)}`}`);
    });
  });
}
