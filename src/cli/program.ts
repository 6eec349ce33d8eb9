/**
 * The command line: builds the program from command factories and turns whatever happens into one exit code.
 *
 * Guarantees: an error is one readable paragraph on stderr, without a stack unless SHOAL_DEBUG is set; every command has `--help`,
 * which ends with the exit codes. Does not call process.exit: `main.ts` sets `process.exitCode`.
 */
import { Command, CommanderError } from 'commander';
import { ShoalError } from '../core/errors.js';
import type { CommandContext, CommandFactory } from './command-context.js';
import { Exit, type ExitCode, exitCodeHelp, exitCodeOf, exitCodes } from './exit.js';

/** Runs one command line (without node and script) to its exit code; never rejects. */
export async function runProgram<Context extends CommandContext>(
  argv: readonly string[],
  factories: readonly CommandFactory<Context>[],
  context: Context,
): Promise<ExitCode> {
  const program = buildProgram(factories, context);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    return explain(error, context);
  }
}

export function buildProgram<Context extends CommandContext>(factories: readonly CommandFactory<Context>[], context: Context): Command {
  const program = new Command('shoal')
    .description('Runs small task-specific models on local sensors and files and reports over MQTT.')
    .version(context.version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command');
  for (const factory of factories) program.addCommand(factory(context));
  settle(program, context);
  return program;
}

/** Applies to every command at any depth what a command must not have to think of. */
function settle(command: Command, context: CommandContext): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'shoal: ')),
    })
    .addHelpText('after', exitCodeHelp);
  for (const child of command.commands) settle(child, context);
}

function explain(error: unknown, context: CommandContext): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof Exit) {
    if (error.message !== '') context.stderr.write(`shoal: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ShoalError && error.code !== 'SHOAL_INTERNAL') {
    context.stderr.write(`shoal: ${error.message}\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    context.stderr.write(`shoal: a defect of Shoal: ${message}\nPlease report it; SHOAL_DEBUG=1 shows where it happened.\n`);
  }
  if (process.env.SHOAL_DEBUG && error instanceof Error) context.stderr.write(`${error.stack ?? ''}\n`);
  return exitCodeOf(error);
}
