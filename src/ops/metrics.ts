/**
 * Metrics: the only door to prom-client.
 *
 * Guarantees: every name starts with `shoal_` (or is one of the chosen process metrics), counters and only counters end in `_total`; a
 * metric never has more than `limits.metricSeriesMax` label combinations: later ones are added up under `other` and counted; a wrong
 * value or label never throws at runtime, a wrong name does at once. Deliberately takes none of prom-client's defaults, whose gauges
 * called `_total` no checker accepts.
 */
import { readdirSync } from 'node:fs';
import prometheus from 'prom-client';
import type { MetricSpec, Metrics } from '../core/contracts.js';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { LoopLag } from './loop-lag.js';

type Labels = Readonly<Record<string, string>>;
type Kind = 'counter' | 'gauge' | 'histogram';

interface Known {
  readonly kind: Kind;
  readonly labels: string;
  readonly handle: unknown;
}

const namePattern = /^shoal_[a-z0-9]+(_[a-z0-9]+)*$/;

export class PromMetrics implements Metrics {
  readonly contentType: string;
  readonly #registry = new prometheus.Registry();
  readonly #known = new Map<string, Known>();
  readonly #lag = new LoopLag();
  readonly #refused: prometheus.Counter;

  constructor() {
    this.contentType = this.#registry.contentType;
    this.#refused = new prometheus.Counter({
      name: 'shoal_metric_updates_refused_total',
      help: 'Updates of a metric whose label combination was counted under "other" (series) or whose value was no number it can take (value).',
      labelNames: ['metric', 'reason'],
      registers: [this.#registry],
    });
    this.#describeProcess();
  }

  /** Begins to watch the event loop. */
  start(): void {
    this.#lag.start();
  }

  stop(): void {
    this.#lag.stop();
  }

  /** The page in Prometheus' text format 0.0.4. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter(spec: MetricSpec): { inc(labels?: Labels, by?: number): void } {
    return this.#once('counter', spec, () => {
      const metric = new prometheus.Counter(this.#describe(spec));
      const series = this.#series(spec);
      return {
        inc: (labels: Labels = {}, by = 1) => {
          if (this.#takes(spec, by, 0)) metric.inc(series(labels), by);
        },
      };
    });
  }

  gauge(spec: MetricSpec): { set(value: number, labels?: Labels): void } {
    return this.#once('gauge', spec, () => {
      const metric = new prometheus.Gauge(this.#describe(spec));
      const series = this.#series(spec);
      return {
        set: (value: number, labels: Labels = {}) => {
          if (this.#takes(spec, value)) metric.set(series(labels), value);
        },
      };
    });
  }

  histogram(spec: MetricSpec & { readonly buckets: readonly number[] }): { observe(value: number, labels?: Labels): void } {
    return this.#once('histogram', spec, () => {
      const metric = new prometheus.Histogram({ ...this.#describe(spec), buckets: [...spec.buckets] });
      const series = this.#series(spec);
      return {
        observe: (value: number, labels: Labels = {}) => {
          if (this.#takes(spec, value)) metric.observe(series(labels), value);
        },
      };
    });
  }

  #once<Handle>(kind: Kind, spec: MetricSpec, make: () => Handle): Handle {
    const labels = (spec.labels ?? []).join();
    const known = this.#known.get(spec.name);
    if (known !== undefined) {
      if (known.kind === kind && known.labels === labels) return known.handle as Handle;
      throw new ShoalError(
        'SHOAL_INTERNAL',
        `metric ${spec.name} exists as a ${known.kind} of [${known.labels}], asked for as a ${kind} of [${labels}]`,
      );
    }
    if (!namePattern.test(spec.name) || spec.name.endsWith('_total') !== (kind === 'counter')) {
      throw new ShoalError(
        'SHOAL_INTERNAL',
        `"${spec.name}" is no name for a ${kind}: shoal_<noun>_<unit>, and _total at the end of counters only`,
      );
    }
    const handle = make();
    this.#known.set(spec.name, { kind, labels, handle });
    return handle;
  }

  #describe(spec: MetricSpec): { name: string; help: string; labelNames: string[]; registers: prometheus.Registry[] } {
    return { name: spec.name, help: spec.help, labelNames: [...(spec.labels ?? [])], registers: [this.#registry] };
  }

  /** Answers the label set to use: the asked one while there is room, `other` for all labels afterwards. Every declared label is always present. */
  #series(spec: MetricSpec): (labels: Labels) => Record<string, string> {
    const names = spec.labels ?? [];
    const seen = new Map<string, Record<string, string>>();
    const other = Object.fromEntries(names.map((name) => [name, 'other']));
    return (labels) => {
      let key = '';
      for (const name of names) key += `${labels[name] ?? ''}\n`;
      const known = seen.get(key);
      if (known !== undefined) return known;
      if (seen.size >= limits.metricSeriesMax) {
        this.#refused.inc({ metric: spec.name, reason: 'series' });
        return other;
      }
      const full = Object.fromEntries(names.map((name) => [name, labels[name] ?? '']));
      seen.set(key, full);
      return full;
    };
  }

  #takes(spec: MetricSpec, value: number, least = Number.NEGATIVE_INFINITY): boolean {
    if (Number.isFinite(value) && value >= least) return true;
    this.#refused.inc({ metric: spec.name, reason: 'value' });
    return false;
  }

  /** The conventional names of a process' vitals, read only when the page is asked for. */
  #describeProcess(): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      new prometheus.Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge('process_resident_memory_bytes', 'Resident memory of the core process.', () => process.memoryUsage.rss());
    gauge('process_open_fds', 'Open file descriptors of the core process.', openFiles);
    gauge('process_start_time_seconds', 'Wall time of the start of the core process, as the clock stood then.', () => startedAtS);
    gauge('shoal_event_loop_lag_seconds', 'Longest delay of the core event loop within the last 15 s.', () => this.#lag.longestMs() / 1000);
    let told = 0;
    new prometheus.Counter({
      name: 'process_cpu_seconds_total',
      help: 'User and system CPU time of the core process.',
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        const seconds = (user + system) / 1e6;
        this.inc(Math.max(0, seconds - told));
        told = seconds;
      },
    });
  }
}

const startedAtS = performance.timeOrigin / 1000;

/** The listing's own descriptor is not counted. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return 0;
  }
}
