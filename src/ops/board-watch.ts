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

  get pressure(): Pressure {
    return this.#ladder.pressure;
  }

  /** For the `health` message; null for what the board does not say. */
  get vitals(): Readonly<Record<string, unknown>> {
    const { temperatureCelsius = null, throttled = [], memoryStallPercent = null, batteryPercent = null } = this.#feel ?? {};
    return {
      temperature_celsius: temperatureCelsius,
      throttled,
      memory_stall_percent: memoryStallPercent,
      battery_percent: batteryPercent,
      degrade_steps: this.pressure.steps,
    };
  }

  #look(): void {
    const { clock, log, health, metrics } = this.#surroundings;
    const before = this.#ladder.pressure;
    this.#feel = readFeel(this.#options.root);
    const { steps, reason } = this.#ladder.look(this.#feel, clock.monoMs());
    const { temperatureCelsius } = this.#feel;
    if (temperatureCelsius !== null) {
      metrics.gauge({ name: 'shoal_board_temperature_celsius', help: 'Temperature of the hottest zone.' }).set(temperatureCelsius);
    }
    metrics.gauge({ name: 'shoal_board_pressure_steps', help: 'Degrade steps that the board asks for; 0 when it is well.' }).set(steps);
    if (steps === before.steps && this.#said) return;
    this.#said = true;
    if (steps === 0) health.set('board', 'ok');
    else health.set('board', 'degraded', reason ?? undefined);
    if (steps > before.steps) log.warn({ steps, reason }, 'the board is under pressure: pipelines take their degrade steps');
    else if (steps < before.steps) log.info({ steps }, 'the board is better: pipelines take a degrade step back');
  }
}

/** `root` is `/`, or a made-up tree in a test. */
export function readFeel(root = '/'): BoardFeel {
  const { temperature_celsius, reasons } = readThermal(root);
  const stall = /^some avg10=([\d.]+)/m.exec(text(join(root, 'proc/pressure/memory')))?.[1];
  return {
    temperatureCelsius: temperature_celsius,
    throttled: reasons,
    memoryStallPercent: stall === undefined ? null : Number(stall),
    batteryPercent: readBattery(join(root, 'sys/class/power_supply')),
  };
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
