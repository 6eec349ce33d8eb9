/**
 * Starts the process of an engine.
 *
 * Guarantees: the kernel kills it when the core dies, however the core dies (`setpriv --pdeathsig`; where that is missing,
 * the closed channel still ends an engine that gives its thread back); it sees PATH, HOME and LANG of the core's
 * environment and nothing else; when memory runs out it goes before the core does.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { bindFlags, canBind } from '../core/bound-child.js';
import type { Log } from '../core/contracts.js';
import { limits } from '../core/limits.js';

/** nice(2): an engine gets about a ninth of what the core gets where both want the same processor. */
const niceness = 10;

/** Higher than the core's, which systemd leaves at 0 or lower. */
const oomScore = '500';

let warned = false;

/** One that was started ahead, with the module it runs. */
let ahead: { readonly entry: string; readonly child: Promise<ChildProcess> } | undefined;

/**
 * Starts an engine before anybody needs it; the next `spawnEngine` of the same entry gets it. A daemon does so first of all: its
 * engine then boots on another core while the daemon loads its own parts. One that nobody takes dies with this process.
 */
export function spawnAhead(entry: string): void {
  const child = forkEngine(entry).then((forked) => forked.on('error', () => {}));
  child.catch(() => {});
  ahead = { entry, child };
}

/**
 * Forks `entry` (absolute path of a module). Its stdin and stdout are closed, its stderr is a pipe. `node` are more flags for Node;
 * a heap size among them counts instead of an engine's.
 */
export async function spawnEngine(entry: string, log: Log, node: readonly string[] = []): Promise<ChildProcess> {
  if (!warned && !(await canBind())) {
    warned = true;
    log.warn({}, 'setpriv (util-linux) is missing or too old: an engine that hangs outlives a killed daemon; install util-linux');
  }
  if (ahead?.entry === entry) {
    const { child } = ahead;
    ahead = undefined;
    const early = await child.catch(() => undefined);
    if (early?.connected === true && early.exitCode === null && early.signalCode === null) return early;
  }
  return forkEngine(entry, node);
}

async function forkEngine(entry: string, node: readonly string[] = []): Promise<ChildProcess> {
  const flags = [`--max-old-space-size=${limits.engineHeapMegabytes}`, '--max-semi-space-size=4', ...node];
  const bound = await canBind();
  const child = fork(entry, [], {
    execPath: bound ? 'setpriv' : process.execPath,
    execArgv: bound ? [...bindFlags, '--', process.execPath, ...flags] : flags,
    env: environment(),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  if (child.pid !== undefined) {
    writeFile(`/proc/${child.pid}/oom_score_adj`, oomScore).catch(() => {});
    yieldToCore(child.pid);
  }
  return child;
}

/** Where engines take every core, health must still be answered and a broker still be acknowledged in time. */
function yieldToCore(pid: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // A sandbox may forbid it; then the kernel shares evenly.
  }
}

function environment(): NodeJS.ProcessEnv {
  const passed = ['PATH', 'HOME', 'LANG'].flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]]));
  return {
    ...Object.fromEntries(passed),
    ORT_DISABLE_TELEMETRY: '1',
    VIPS_BLOCK_UNTRUSTED: '1',
    MALLOC_ARENA_MAX: '2',
    UV_THREADPOOL_SIZE: '2',
  };
}
