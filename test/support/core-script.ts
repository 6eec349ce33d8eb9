/** A core process with two engines, one idle and one that hangs, which tells their process ids and waits to be killed. */
import { EnginePool } from '../../src/engine/pool.js';
import { job, pipeline, setup, stage, until } from './engine-lab.js';
import { testSurroundings } from './surroundings.js';

const pool = new EnginePool(setup(testSurroundings(), [pipeline('hang', [stage('hang')])], { count: 2 }));
await pool.start();
await until(() => pool.free(true), 'an engine');
pool.run(job(['hang'], { solo: true })).catch(() => {});
await until(() => pool.free(true), 'the other engine');
await new Promise((resolve) => setTimeout(resolve, 200));
process.stdout.write(`${pool.pids.join(' ')}\n`);
setInterval(() => {}, 1000);
