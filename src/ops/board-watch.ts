/**
 * Watches how the board feels, and says how much cheaper everything should run for it.
 *
 * Guarantees: looks every `limits.boardLookMs`, reads a few small files of `/proc` and `/sys`, and never throws; a change shows in the log, in health
 * and in metrics with its reason. Deliberately decides nothing about pipelines.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Surroundings } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import { type BoardFeel, type Pressure, PressureLadder } from '../core/pressure.js';
import { readThermal } from './board.js';
import type { BoardOptions } from './board-options.js';

export class BoardWatch {
  readonly #options: BoardOptions;
  readonly #surroundings: Surroundings;
  readonly #ladder: PressureLadder;
  #feel: BoardFeel | null = null;
  #timer: NodeJS.Timeout | undefined;
  #said = false;
  #stepsMax = 1;

  constructor(options: BoardOptions, surroundings: Surroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#ladder = new PressureLadder({
      hotCelsius: options.hot_celsius,
      memoryStallPercent: options.memory_stall_percent,
      lowBatteryPercent: options.low_battery_percent,
    });
  }

  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), limits.boardLookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The most steps that any pipeline has; 1 where none has any, so that pressure shows all the same. */
  limitSteps(most: number): void {
    this.#stepsMax = Math.max(1, most);
  }

  get pressure(): Pressure {
    return this.#ladder.pressure;
  }

  /** For the `health` message; null for what the board does not say. The frequency is that of the fastest core. */
  get vitals(): Readonly<Record<string, unknown>> {
    const { temperatureCelsius = null, throttled = [], memoryStallPercent = null, batteryPercent = null } = this.#feel ?? {};
    return {
      temperature_celsius: temperatureCelsius,
      throttled,
      frequency_hz: readFrequencyHz(this.#options.root),
      cpu_stall_percent: readStall(this.#options.root, 'cpu'),
      memory_stall_percent: memoryStallPercent,
      battery_percent: batteryPercent,
      degrade_steps: this.pressure.steps,
    };
  }

  #look(): void {
    const { clock, log, health, metrics } = this.#surroundings;
    const before = this.#ladder.pressure;
    this.#feel = readFeel(this.#options.root);
    const { steps, reason } = this.#ladder.look(this.#feel, clock.monoMs(), this.#stepsMax);
    const { temperatureCelsius } = this.#feel;
    if (temperatureCelsius !== null) {
      metrics.gauge({ name: 'shoal_board_temperature_celsius', help: 'Temperature of the hottest zone.' }).set(temperatureCelsius);
    }
    const frequencyHz = readFrequencyHz(this.#options.root);
    if (frequencyHz !== null)
      metrics.gauge({ name: 'shoal_board_frequency_hertz', help: 'Of the fastest core just now.' }).set(frequencyHz);
    metrics.gauge({ name: 'shoal_board_pressure_steps', help: 'Degrade steps that the board asks for; 0 when it is well.' }).set(steps);
    if (steps === before.steps && this.#said) return;
    this.#said = true;
    if (steps === 0) health.set('board', 'ok');
    else health.set('board', 'degraded', reason ?? undefined);
    if (steps > before.steps) log.warn({ steps, reason }, 'the board is under pressure: pipelines that have degrade steps take one');
    else if (steps < before.steps) log.info({ steps }, 'the board is better: pipelines that took degrade steps take one back');
  }
}

/** `root` is `/`, or a made-up tree in a test. */
export function readFeel(root = '/'): BoardFeel {
  const { temperature_celsius, reasons } = readThermal(root);
  return {
    temperatureCelsius: temperature_celsius,
    throttled: reasons,
    memoryStallPercent: readStall(root, 'memory'),
    batteryPercent: readBattery(join(root, 'sys/class/power_supply')),
  };
}

/** Share of the last 10 s in which something waited for it, percent; null on a kernel that does not count (PSI). */
export function readStall(root: string, what: 'cpu' | 'memory'): number | null {
  const stall = /^some avg10=([\d.]+)/m.exec(text(join(root, 'proc/pressure', what)))?.[1];
  return stall === undefined ? null : Number(stall);
}

/** Of the fastest core just now; null where the kernel does not say. */
export function readFrequencyHz(root: string): number | null {
  const folder = join(root, 'sys/devices/system/cpu/cpufreq');
  const khz = names(folder).map((policy) => Number(text(join(folder, policy, 'scaling_cur_freq')) || Number.NaN));
  const known = khz.filter((value) => Number.isFinite(value));
  return known.length === 0 ? null : Math.max(...known) * 1000;
}

/** Of the battery it runs on just now (class ABI of power supplies: `type`, `status`, `capacity`); null on mains. */
function readBattery(folder: string): number | null {
  for (const name of names(folder)) {
    const of = (file: string) => text(join(folder, name, file)).trim();
    if (of('type') !== 'Battery' || of('status') !== 'Discharging' || of('scope') === 'Device') continue;
    const percent = Number(of('capacity') || Number.NaN);
    if (Number.isFinite(percent)) return percent;
  }
  return null;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
