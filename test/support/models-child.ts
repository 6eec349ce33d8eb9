/** `shoal models ...` as a process of its own, to be killed: models-child.js CATALOGUE ARGUMENT... */
import { runModels } from './models-run.js';

const [catalogue = '', ...argv] = process.argv.slice(2);
process.exitCode = await runModels(catalogue, argv, process.stdout, process.stderr);
