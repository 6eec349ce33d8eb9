/**
 * The process: arguments -> command -> exit code. Commands are loaded when they are asked for, so that the daemon holds none but its own.
 */
import './start-ahead.js';
import { readFileSync } from 'node:fs';
import type { CommandContext, CommandFactory } from './cli/command-context.js';
import { standardDefaults } from './cli/command-context.js';
import type { DoctorContext } from './cli/doctor.js';
import { exitCodes } from './cli/exit.js';
import type { ModelsContext } from './cli/models-context.js';
import { runProgram } from './cli/program.js';
import { createLog } from './ops/log.js';
import { bundledModels, catalogueFolder, type Parts, parts } from './parts.js';

type Context = CommandContext<Parts> & DoctorContext & ModelsContext;
type Factory = CommandFactory<Context>;

const commands: Record<string, () => Promise<Factory>> = {
  run: async () => (await import('./cli/run.js')).runCommand,
  check: async () => (await import('./cli/check.js')).checkCommand,
  apply: async () => (await import('./cli/apply.js')).applyCommand,
  config: async () => (await import('./cli/config.js')).configCommand,
  demo: async () => (await import('./cli/demo.js')).demoCommand,
  infer: async () => (await import('./cli/infer.js')).inferCommand,
  compare: async () => (await import('./cli/compare.js')).compareCommand,
  models: async () => (await import('./cli/models.js')).modelsCommand,
  learn: async () => (await import('./cli/learn.js')).learnCommand,
  doctor: async () => (await import('./cli/doctor.js')).doctorCommand,
  pipelines: async () => (await import('./cli/pipelines.js')).pipelinesCommand,
  results: async () => (await import('./cli/results.js')).resultsCommand,
  explain: async () => (await import('./cli/explain.js')).explainCommand,
  audit: async () => (await import('./cli/audit/audit-command.js')).auditCommand,
  drift: async () => (await import('./cli/drift.js')).driftCommand,
  kept: async () => (await import('./cli/kept.js')).keptCommand,
  purge: async () => (await import('./cli/purge.js')).purgeCommand,
  quarantine: async () => (await import('./cli/quarantine.js')).quarantineCommand,
};

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const context: Context = {
  parts,
  defaults: standardDefaults,
  version: manifest.version,
  stdout: process.stdout,
  stderr: process.stderr,
  modelsDirectories: [bundledModels],
  catalogue: catalogueFolder,
  fitModel: (model) => parts.tasks.find(({ name }) => name === model.task)?.fit(model),
  probeModels: async (models) => (await import('./engine/run-once.js')).probeModels(models, createLog({ level: 'error', format: 'text' })),
  probeRuntime: async () => (await import('./engine/run-once.js')).probeRuntime(createLog({ level: 'error', format: 'text' })),
};

// A reader that has seen enough (`shoal results | head`) ends a command, as it ends any other program; a daemon goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (process.argv[2] !== 'run') process.exit();
});

const argv = process.argv.slice(2);
const wanted = argv[0] !== undefined && Object.hasOwn(commands, argv[0]) ? [argv[0]] : Object.keys(commands);
const factories = await Promise.all(wanted.map((name) => commands[name]?.()));
process.exitCode = await runProgram(
  argv,
  factories.filter((factory) => factory !== undefined),
  context,
);
if (process.exitCode !== exitCodes.ok || argv[0] === 'run') process.exit();
