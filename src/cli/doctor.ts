/**
 * `shoal doctor`: whether this board can run Shoal, and what would make it run better. Needs no configuration and no daemon,
 * but with `--inputs`, which tries what is configured.
 */
import { Command, InvalidArgumentError } from 'commander';
import { findFfmpeg } from '../engine/ffmpeg.js';
import { runtimeVersion } from '../engine/runtime-version.js';
import { readBoard, readDisk, readNature, readThermal } from '../ops/board.js';
import { SystemClock } from '../ops/clock.js';
import { openVariantPolicy } from '../registry/choose-variant.js';
import { fingerprintOf } from '../registry/fingerprint.js';
import { type Check, checkBoard } from './board-checks.js';
import type { CommandContext } from './command-context.js';
import { checkInputs } from './doctor-inputs/check-inputs.js';
import { Exit, exitCodes } from './exit.js';
import { usualStateDir } from './models-setting.js';

export interface DoctorContext extends CommandContext {
  /** Runs a one-operation model in a process of its own. */
  readonly probeRuntime: () => Promise<{ readonly ok: boolean; readonly reason?: string; readonly ms: number }>;
}

interface Options {
  readonly json?: true;
  readonly stateDir: string;
  readonly inputs?: true;
  readonly config: string;
  readonly wait: number;
}

export function doctorCommand(context: DoctorContext): Command {
  return new Command('doctor')
    .description('check this board: system, memory, disk, heat, clock, and a model run in a process of its own; exit code 1 when one fails')
    .option('--json', 'print the answer as JSON')
    .option('--state-dir <folder>', 'where the daemon keeps its data', usualStateDir())
    .option('--inputs', 'instead, try each configured input: take one capture and say what it is, or what to do')
    .option('-c, --config <file>', 'with --inputs: configuration file', context.defaults.configPath)
    .option('--wait <seconds>', 'with --inputs: how long each may take, 1 .. 3600', seconds, 10)
    .action(async ({ json, stateDir, inputs, config, wait }: Options) => {
      const checks = inputs
        ? await checkInputs(context, config, wait * 1000)
        : [...(await readAndCheck(stateDir)), await runtime(context), await ffmpeg(), await variants(stateDir)];
      const ok = checks.every(({ state }) => state !== 'fail');
      context.stdout.write(json ? `${JSON.stringify({ ok, checks })}\n` : checksText(checks));
      if (!ok) throw new Exit(exitCodes.failed);
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 3600) return value;
  throw new InvalidArgumentError('need a number of seconds, 1 .. 3600.');
}

async function readAndCheck(stateDir: string): Promise<Check[]> {
  const [board, disk] = await Promise.all([readBoard(), readDisk(stateDir)]);
  return checkBoard({
    node: process.versions.node,
    platform: process.platform,
    board,
    disk,
    diskPath: stateDir,
    thermal: readThermal(),
    clock: new SystemClock().mark(),
  });
}

async function runtime(context: DoctorContext): Promise<Check> {
  const check = 'model runtime';
  const { ok, reason, ms } = await context.probeRuntime();
  if (ok) return { check, state: 'ok', found: `a one-operation model ran in ${ms.toFixed(0)} ms` };
  const advice = 'Without it no model runs: install the packages again ("npm ci"), and see "cpu features" and "glibc" above.';
  return { check, state: 'fail', found: reason ?? 'the model did not run', advice };
}

/** A board that looks at images and WAV files alone needs none. */
async function ffmpeg(): Promise<Check> {
  const check = 'ffmpeg';
  const found = await findFfmpeg();
  if (found !== null) return { check, state: 'ok', found };
  const advice = 'FLAC and Ogg sounds fail without it: install the Debian package ffmpeg ("apt-get install ffmpeg").';
  return { check, state: 'warn', found: 'not installed', advice };
}

/** Information only: an untuned board runs what is pinned for its class. */
async function variants(stateDir: string): Promise<Check> {
  const board = fingerprintOf(readNature(), runtimeVersion());
  const { tuning } = await openVariantPolicy('pinned', stateDir, board);
  const check = 'variants';
  if (tuning.state === 'usable') {
    const count = Object.keys(tuning.file.models).length;
    return { check, state: 'ok', found: `class ${board.class}, tuned for ${count} ${count === 1 ? 'model' : 'models'}` };
  }
  if (tuning.state === 'none')
    return { check, state: 'ok', found: `class ${board.class}, not tuned ("shoal models tune" measures the models here)` };
  return { check, state: 'warn', found: `class ${board.class}, and a tuning that is not used`, advice: tuning.reason };
}

const marks: Readonly<Record<Check['state'], string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

function checksText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.flatMap(({ check, state, found, advice }) => {
    const line = `${marks[state]}  ${check.padEnd(width)}  ${found}`;
    return advice === undefined ? [line] : [line, `      ${' '.repeat(width)}  ${advice}`];
  });
  const count = (state: Check['state']): number => checks.filter((check) => check.state === state).length;
  return `${lines.join('\n')}\n\n${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed\n`;
}
