/** `shoal models ...` with the parts of the product and a catalogue of the test's. */
import { type Output, standardDefaults } from '../../src/cli/command-context.js';
import { modelsCommand } from '../../src/cli/models.js';
import { runProgram } from '../../src/cli/program.js';
import { probeModels } from '../../src/engine/run-once.js';
import { createLog } from '../../src/ops/log.js';
import { bundledModels, parts } from '../../src/parts.js';

/** The exit code. */
export function runModels(catalogue: string, argv: readonly string[], stdout: Output, stderr: Output): Promise<number> {
  return runProgram(['models', ...argv], [modelsCommand], {
    parts,
    defaults: { ...standardDefaults, configPath: '/nonexistent/shoal.yaml' },
    version: '0.1.0',
    stdout,
    stderr,
    modelsDirectories: [bundledModels],
    catalogue,
    fitModel: (model) => parts.tasks.find(({ name }) => name === model.task)?.fit(model),
    probeModels: (models) => probeModels(models, createLog({ level: 'error', format: 'text' })),
  });
}
