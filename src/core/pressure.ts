/**
 * How the board feels, and how many steps cheaper everything should run for it.
 *
 * Guarantees: a sign of pressure must last `limits.boardPressedMs` before anything changes, each further step comes `limits.boardStepMs` later while
 * it lasts; going back takes `limits.boardCalmMs` of calm a step, and twice as long each time the pressure returns soon. Every threshold has a
 * lower one to leave it by. Pure: what was read and when is handed in.
 */
import { limits } from './limits.js';

export interface Pressure {
  readonly steps: number;
  /** For a person; null for 0 steps. */
  readonly reason: string | null;
}

/** What was read; null for what the board does not say. */
export interface BoardFeel {
  /** Of the hottest zone. */
  readonly temperatureCelsius: number | null;
  /** Why it runs slower than it could, as the board says; empty when it does not. */
  readonly throttled: readonly string[];
  /** Share of the last 10 s in which something waited for memory (PSI `some avg10`), percent. */
  readonly memoryStallPercent: number | null;
  /** Charge of the battery it runs on, percent; null on mains. */
  readonly batteryPercent: number | null;
}

/** From where on it is pressure. */
export interface PressureThresholds {
  readonly hotCelsius: number;
  readonly memoryStallPercent: number;
  readonly lowBatteryPercent: number;
}

const coolerByCelsius = 5;
const chargedByPercent = 5;

export class PressureLadder {
  readonly #thresholds: PressureThresholds;
  /** Signs that are on, and stay on until their lower threshold. */
  readonly #on = new Set<string>();
  #steps = 0;
  #reason: string | null = null;
  #pressedMs: number | null = null;
  #steppedMs = 0;
  #calmMs: number | null = null;
  /** When a step was taken back last. */
  #backMs = Number.NEGATIVE_INFINITY;
  #throttle: { readonly reasons: readonly string[]; readonly ms: number } = { reasons: [], ms: Number.NEGATIVE_INFINITY };
  #holdMs: number = limits.boardCalmMs;

  constructor(thresholds: PressureThresholds) {
    this.#thresholds = thresholds;
  }

  get pressure(): Pressure {
    return { steps: this.#steps, reason: this.#steps === 0 ? null : this.#reason };
  }

  /** `stepsMax`: more than any pipeline has would only take longer to go back from. */
  look(feel: BoardFeel, nowMs: number, stepsMax: number = limits.degradeStepsMax): Pressure {
    const signs = this.#signs({ ...feel, throttled: this.#throttled(feel.throttled, nowMs) });
    if (signs.length > 0) this.#pressed(signs.join('; '), nowMs, stepsMax);
    else this.#calm(nowMs);
    return this.pressure;
  }

  #pressed(reason: string, nowMs: number, stepsMax: number): void {
    if (this.#pressedMs === null && nowMs - this.#backMs < limits.degradeHoldMaxMs) {
      this.#holdMs = Math.min(2 * this.#holdMs, limits.degradeHoldMaxMs);
      this.#backMs = Number.NEGATIVE_INFINITY;
    }
    this.#reason = reason;
    this.#calmMs = null;
    this.#pressedMs ??= nowMs;
    const waitedMs = nowMs - (this.#steps === 0 ? this.#pressedMs : this.#steppedMs);
    const neededMs = this.#steps === 0 ? limits.boardPressedMs : limits.boardStepMs;
    if (waitedMs < neededMs || this.#steps >= stepsMax) return;
    this.#steps++;
    this.#steppedMs = nowMs;
  }

  #calm(nowMs: number): void {
    this.#pressedMs = null;
    this.#calmMs ??= nowMs;
    if (nowMs - this.#calmMs < this.#holdMs) return;
    this.#calmMs = nowMs;
    if (this.#steps > 0) {
      this.#steps--;
      this.#steppedMs = nowMs;
      this.#backMs = nowMs;
    } else if (nowMs - this.#steppedMs > limits.degradeHoldMaxMs + this.#holdMs) this.#holdMs = limits.boardCalmMs;
  }

  /** A throttle comes and goes within seconds: it is on until it was off for as long as pressure takes to count. */
  #throttled(reasons: readonly string[], nowMs: number): readonly string[] {
    if (reasons.length > 0) this.#throttle = { reasons, ms: nowMs };
    return nowMs - this.#throttle.ms < limits.boardPressedMs ? this.#throttle.reasons : [];
  }

  #signs({ temperatureCelsius, throttled, memoryStallPercent, batteryPercent }: BoardFeel): string[] {
    const { hotCelsius, memoryStallPercent: stallPercent, lowBatteryPercent } = this.#thresholds;
    const hot = this.#latch('hot', temperatureCelsius, (celsius) => celsius - hotCelsius, coolerByCelsius);
    const stalled = this.#latch('memory', memoryStallPercent, (percent) => percent - stallPercent, stallPercent / 2);
    const low = this.#latch('battery', batteryPercent, (percent) => lowBatteryPercent - percent, chargedByPercent);
    return [
      ...throttled,
      ...(hot ? [`it is ${temperatureCelsius?.toFixed(1)} °C hot (${hotCelsius} °C is too hot)`] : []),
      ...(stalled ? [`memory is short: something waited for it ${memoryStallPercent?.toFixed(0)} % of the time`] : []),
      ...(low ? [`the battery is at ${batteryPercent?.toFixed(0)} %`] : []),
    ];
  }

  /** `above` is how far a value is beyond its threshold; the sign goes off `slack` below it, or when there is no value any more. */
  #latch(sign: string, value: number | null, above: (value: number) => number, slack: number): boolean {
    const beyond = value === null ? Number.NEGATIVE_INFINITY : above(value);
    if (beyond >= 0) this.#on.add(sign);
    else if (beyond < -slack) this.#on.delete(sign);
    return this.#on.has(sign);
  }
}
