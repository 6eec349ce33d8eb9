/** Signals of machines that do not exist, the same each time: tones, noise, days. */
import { seededRandom } from '../../src/core/random.js';
import type { Series } from '../../src/core/series.js';

/** About normal: mean 0, deviation 1. */
export function noiseOf(seed: number): () => number {
  const random = seededRandom(seed);
  return () => Array.from({ length: 12 }, () => random()).reduce((sum, value) => sum + value, -6);
}

export interface Motor {
  readonly seconds: number;
  readonly seed: number;
  /** What the axis y has on top, by the second. */
  readonly also?: (second: number) => number;
}

/** Two axes at 100 Hz: a hum of 12 Hz, half as strong on y, and noise; fast (20 Hz) in every other stretch of ten seconds. */
export function motor({ seconds, seed, also = () => 0 }: Motor): Series {
  const noise = noiseOf(seed);
  const length = seconds * 100;
  const data = new Float32Array(2 * length);
  for (let i = 0; i < length; i++) {
    const time = i / 100;
    const hum = Math.sin(2 * Math.PI * (Math.floor(time / 10) % 2 === 0 ? 12 : 20) * time);
    data[i] = hum + 0.1 * noise();
    data[length + i] = 0.5 * hum + 0.1 * noise() + also(time);
  }
  return { channels: ['x', 'y'], rateHz: 100, length, data, startMs: Date.UTC(2026, 0, 1), filled: 0 };
}

/** A temperature every ten minutes that follows the day, and what it has on top, by the day. */
export function boiler(days: number, seed: number, also: (day: number) => number = () => 0): Series {
  const noise = noiseOf(seed);
  let slow = 0;
  const data = Float32Array.from({ length: days * 144 }, (_, i) => {
    const day = i / 144;
    slow = 0.9 * slow + 0.1 * noise();
    return 60 + 5 * Math.sin(2 * Math.PI * day) + slow + also(day);
  });
  return { channels: ['temp'], rateHz: 1 / 600, length: data.length, data, startMs: Date.UTC(2026, 0, 1), filled: 0 };
}

/** As a logger writes it. */
export function csvOf({ channels, rateHz, length, data, startMs }: Series): string {
  const rows = Array.from({ length }, (_, i) => {
    const time = new Date((startMs ?? 0) + (i * 1000) / (rateHz ?? 1)).toISOString();
    return [time, ...channels.map((_, c) => (data[c * length + i] ?? 0).toFixed(5))].join(',');
  });
  return `${['time', ...channels].join(',')}\n${rows.join('\n')}\n`;
}
