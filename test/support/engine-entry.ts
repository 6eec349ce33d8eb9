/** An engine process with the tasks of the tests. */
import { runEngine } from '../../src/engine/run.js';
import { testTasks } from './engine-tasks.js';

runEngine(testTasks);
