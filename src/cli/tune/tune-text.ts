/**
 * What was measured, for a person: a table a model, and why the winner wins.
 */
import type { ModelTuning, VariantTuning } from '../../registry/tuning.js';
import { renderTable } from '../table.js';

export function tuningText(ref: string, tuning: ModelTuning): string {
  const all = Object.values(tuning.variants);
  const threads = [...new Set(all.flatMap((variant) => variant.threads.map((each) => each.threads)))];
  const engines = [...new Set(all.flatMap((variant) => variant.engines.map((each) => each.engines)))];
  const headers = [
    'VARIANT',
    'SIZE',
    'LOAD',
    'MEMORY',
    ...threads.flatMap((count) => [`CPU MS, ${count}T`, `WALL MS, ${count}T (MIN..MAX)`]),
    ...engines.map((count) => `A SECOND, ${count} ${count === 1 ? 'ENGINE' : 'ENGINES'}`),
    'CPU SHARE',
  ];
  const rows = Object.entries(tuning.variants).map(([name, variant]) => [
    `${name}${name === tuning.winner ? ' *' : ''}`,
    ...(variant.failure === undefined
      ? figures(variant, threads, engines)
      : [megabytes(variant.bytes), `does not run: ${variant.failure}`]),
  ]);
  return `${ref}\n${indent(renderTable(headers, rows))}\n  * ${tuning.winner} wins: ${tuning.reason}\n`;
}

function figures(variant: VariantTuning, threads: readonly number[], engines: readonly number[]): string[] {
  const { bytes, load_ms, memory_bytes, cpu_ratio } = variant;
  return [
    megabytes(bytes),
    load_ms === undefined ? '-' : `${Math.round(load_ms)} ms`,
    memory_bytes === undefined ? '-' : megabytes(memory_bytes),
    ...threads.flatMap((count) => {
      const found = variant.threads.find((each) => each.threads === count);
      return found === undefined
        ? ['-', '-']
        : [`${found.cpu_ms.median}`, `${found.wall_ms.median} (${found.wall_ms.min}..${found.wall_ms.max})`];
    }),
    ...engines.map((count) => `${variant.engines.find((each) => each.engines === count)?.captures_per_s ?? '-'}`),
    cpu_ratio === undefined ? '1' : `${cpu_ratio.median} (at most ${cpu_ratio.bound})`,
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}
