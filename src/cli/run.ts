/**
 * `shoal run`: the daemon in the foreground, until SIGTERM or SIGINT.
 *
 * A bad configuration file runs the last good one; without one the exit code is 78, which systemd does not retry.
 */
import { Command } from 'commander';
import { keepLastGood } from '../config/keep-last-good.js';
import { loadOrLastGood } from '../config/last-good.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { Daemon } from '../daemon.js';
import type { Parts } from '../parts.js';
import type { CommandContext } from './command-context.js';
import { Exit, type ExitCode, exitCodes } from './exit.js';

export function runCommand(context: CommandContext<Parts>): Command {
  return new Command('run')
    .description('run the daemon in the foreground')
    .option('-c, --config <file>', 'configuration file', context.defaults.configPath)
    .action(async ({ config }: { config: string }) => {
      const loaded = await loadOrLastGood(config, context.parts);
      const daemon = new Daemon(loaded, context.version);
      const asked = signalled();
      const lost = daemon.lost.catch((error: unknown) => error);
      try {
        if ((await Promise.race([daemon.start(), asked])) === 'signal') return await stop(daemon);
      } catch (error) {
        await daemon.stop().catch(() => {});
        throw error;
      }
      await keepLastGood(loaded.settings.paths.state_dir, loaded).catch((error: unknown) => {
        daemon.log.warn({ part: 'config', err: reasonOf(error) }, 'the configuration could not be kept as last-good');
      });
      const ended = await Promise.race([asked, lost]);
      if (ended === 'signal') return stop(daemon);
      daemon.log.error(
        { err: reasonOf(ended) },
        'the daemon cannot go on and ends, to be started anew; nothing claimed or committed is lost',
      );
      await stop(daemon, exitCodes.failed).catch(() => {});
      throw new Exit(exitCodes.failed);
    });
}

function signalled(): Promise<'signal'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve('signal'));
  });
}

/** A stop that hangs must not outlast its bound: what it left is taken up at the next start, as after a power cut. */
async function stop(daemon: Daemon, exitCode: ExitCode = exitCodes.ok): Promise<void> {
  const overdue = setTimeout(() => {
    daemon.log.warn({}, 'the stop took too long; what was not settled is taken up at the next start');
    daemon.log.flush();
    process.exit(exitCode);
  }, limits.drainMs);
  await daemon.stop();
  clearTimeout(overdue);
}
