/**
 * Surroundings for tests: log lines, metric values and health states are recorded in memory and can be read back.
 * The clock is the real one unless another is given.
 */
import type { Clock, Health, Log, LogFields, Metrics, PartState, Surroundings } from '../../src/core/contracts.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

export interface TestSurroundings extends Surroundings {
  readonly lines: LogLine[];
  readonly states: Map<string, { state: PartState; reason: string | undefined }>;
  readonly progressed: Map<string, number>;
  /** The sum of a counter or histogram, or the last value of a gauge, over the series whose labels include the given ones; 0 when never touched. */
  value(metric: string, labels?: Readonly<Record<string, string>>): number;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

const realClock: Clock = { monoMs: () => Number(process.hrtime.bigint() / 1000n) / 1000, wallMs: () => Date.now(), synced: () => true };

function recordingLog(lines: LogLine[], inherited: LogFields): Log {
  const at = (level: LogLine['level']) => (fields: LogFields, message: string) => {
    lines.push({ level, fields: { ...inherited, ...fields }, message });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recordingLog(lines, { ...inherited, ...fields }),
  };
}

class RecordedMetrics implements Metrics {
  readonly #series = new Map<string, Series>();

  counter(spec: { name: string }) {
    return { inc: (labels: Readonly<Record<string, string>> = {}, by = 1) => this.#add(spec.name, labels, by) };
  }

  gauge(spec: { name: string }) {
    return {
      set: (value: number, labels: Readonly<Record<string, string>> = {}) => {
        this.#at(spec.name, labels).value = value;
      },
    };
  }

  histogram(spec: { name: string }) {
    return { observe: (value: number, labels: Readonly<Record<string, string>> = {}) => this.#add(spec.name, labels, value) };
  }

  value(metric: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0;
    for (const [key, series] of this.#series) {
      if (!key.startsWith(`${metric}{`)) continue;
      if (Object.entries(labels).every(([name, value]) => series.labels[name] === value)) sum += series.value;
    }
    return sum;
  }

  #add(name: string, labels: Readonly<Record<string, string>>, by: number): void {
    this.#at(name, labels).value += by;
  }

  #at(name: string, labels: Readonly<Record<string, string>>): Series {
    const key = `${name}{${JSON.stringify(Object.entries(labels).sort())}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, value: 0 };
      this.#series.set(key, series);
    }
    return series;
  }
}

export function testSurroundings(clock: Clock = realClock): TestSurroundings {
  const lines: LogLine[] = [];
  const states: TestSurroundings['states'] = new Map();
  const progressed = new Map<string, number>();
  const metrics = new RecordedMetrics();
  const health: Health = {
    set: (part, state, reason) => {
      states.set(part, { state, reason });
    },
    progress: (part) => {
      progressed.set(part, (progressed.get(part) ?? 0) + 1);
    },
  };
  return {
    clock,
    log: recordingLog(lines, {}),
    metrics,
    health,
    lines,
    states,
    progressed,
    value: (metric, labels) => metrics.value(metric, labels),
  };
}

/** For an input that needs none. */
export function noConnection(name: string): never {
  throw new Error(`this input asks for the connection ${name}`);
}
