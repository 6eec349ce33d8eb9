/**
 * What every command gets. A command is a file that exports `xCommand(context): Command`; it writes its answer to
 * `context.stdout`, throws a ShoalError for what went wrong, or an `Exit` when it has already said so.
 * It never calls process.exit and never touches the console.
 */
import type { Command } from 'commander';
import type { ConfigParts } from '../config/config-parts.js';

export interface Output {
  write(text: string): unknown;
}

export interface CommandContext<Parts extends ConfigParts = ConfigParts> {
  readonly parts: Parts;
  readonly defaults: {
    /** `/etc/shoal/shoal.yaml` */
    readonly configPath: string;
    /** `/run/shoal/shoal.sock` */
    readonly socketPath: string;
  };
  readonly version: string;
  readonly stdout: Output;
  readonly stderr: Output;
}

export type CommandFactory<Context extends CommandContext = CommandContext> = (context: Context) => Command;

export const standardDefaults: CommandContext['defaults'] = {
  configPath: '/etc/shoal/shoal.yaml',
  socketPath: '/run/shoal/shoal.sock',
};
