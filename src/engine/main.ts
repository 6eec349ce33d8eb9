/** The engine process; what it does is in `run.ts`. */
import { tasks } from '../tasks/index.js';
import { runEngine } from './run.js';

runEngine(tasks);
