/**
 * `shoal run`: the daemon in the foreground, until SIGTERM or SIGINT.
 *
 * A bad configuration file runs the last good one; without one the exit code is 78, which systemd does not retry. A reload ends the daemon in
 * order and starts another in the same process, by the rules of a start: one that fails ends the process as a failed start does.
 */
import { Command } from 'commander';
import { keepLastGood } from '../config/keep-last-good.js';
import { loadOrLastGood } from '../config/last-good.js';
import type { Loaded } from '../config/load-config.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { Daemon } from '../daemon.js';
import { takeNotifyEnv } from '../ops/systemd.js';
import type { Parts } from '../parts.js';
import type { CommandContext } from './command-context.js';
import { Exit, type ExitCode, exitCodes } from './exit.js';
import { ReloadWishes } from './reload-wishes.js';

type Config = Loaded<Parts['sections']>;

export function runCommand(context: CommandContext<Parts>): Command {
  return new Command('run')
    .description('run the daemon in the foreground; SIGHUP reads configuration and models anew')
    .option('-c, --config <file>', 'configuration file', context.defaults.configPath)
    .action(({ config }: { config: string }) => run(config, context));
}

async function run(config: string, context: CommandContext<Parts>): Promise<void> {
  const load = (): Promise<Config> => loadOrLastGood(config, context.parts);
  const wishes = new ReloadWishes(load);
  const notify = takeNotifyEnv();
  let daemon: Daemon | undefined;
  wishes.start((error) =>
    daemon?.log.error({ part: 'config' }, `nothing is reloaded, the daemon goes on with what it has: ${reasonOf(error)}`),
  );
  for (let loaded: Config | null = await load(); loaded !== null; ) {
    daemon = new Daemon(loaded, context.version, { notify, onReload: () => wishes.reload() });
    loaded = await live(daemon, loaded, wishes);
  }
}

/** From the start of a daemon to its end; answers the configuration to go on with, or null. Throws when it could not start or go on. */
async function live(daemon: Daemon, loaded: Config, wishes: ReloadWishes<Config>): Promise<Config | null> {
  const lost = daemon.lost.catch((error: unknown) => ({ lost: error }));
  try {
    if ((await Promise.race([daemon.start(), wishes.end])) === 'end') return await stop(daemon);
  } catch (error) {
    await daemon.stop().catch(() => {});
    throw error;
  }
  await keepLastGood(loaded.settings.paths.state_dir, loaded).catch((error: unknown) => {
    daemon.log.warn({ part: 'config', err: reasonOf(error) }, 'the configuration could not be kept as last-good');
  });
  const ended = await Promise.race([wishes.end, lost, wishes.next]);
  if (ended === 'end') return stop(daemon);
  if (ended !== 'reload') {
    daemon.log.error(
      { err: reasonOf(ended.lost) },
      'the daemon cannot go on and ends, to be started anew; nothing claimed or committed is lost',
    );
    await stop(daemon, exitCodes.failed).catch(() => {});
    throw new Exit(exitCodes.failed);
  }
  daemon.log.info({}, 'configuration and models are read anew');
  const next = wishes.take();
  // What must be started anew in any case is best started by systemd, should the stop hang.
  await stop(daemon, exitCodes.failed, 'reload');
  return next;
}

/** A stop that hangs must not outlast its bound: what it left is taken up at the next start, as after a power cut. */
async function stop(daemon: Daemon, exitCode: ExitCode = exitCodes.ok, next: 'end' | 'reload' = 'end'): Promise<null> {
  const overdue = setTimeout(() => {
    daemon.log.warn({}, 'the stop took too long; what was not settled is taken up at the next start');
    daemon.log.flush();
    process.exit(exitCode);
  }, limits.drainMs);
  await daemon.stop(next);
  clearTimeout(overdue);
  return null;
}
