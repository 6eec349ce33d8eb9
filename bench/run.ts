/**
 * `npm run bench -- NAME [PART...] [--json]`: runs one benchmark, or parts of it, and prints its figures.
 *
 * Machines are noisy: read ratios measured side by side in one run, not absolute times. Exit code 1 when a target is missed.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Benchmark, Figure } from './figure.js';

const benchmarks: Record<string, () => Promise<Benchmark>> = {
  accuracy: async () => (await import('./accuracy.js')).accuracy,
  anomaly: async () => (await import('./anomaly.js')).anomaly,
  calibration: async () => (await import('./calibration.js')).calibration,
  batching: async () => (await import('./batching.js')).batching,
  cascade: async () => (await import('./cascade.js')).cascade,
  compile: async () => (await import('./compile.js')).compile,
  conditions: async () => (await import('./conditions.js')).conditions,
  'core-time': async () => (await import('./core-time.js')).coreTime,
  corridor: async () => (await import('./corridor.js')).corridor,
  ocr: async () => (await import('./ocr-peer.js')).ocrPeer,
  health: async () => (await import('./health.js')).health,
  learn: async () => (await import('./learn.js')).learn,
  'models-hearing': async () => (await import('./models-hearing.js')).modelsHearing,
  overload: async () => (await import('./overload.js')).overload,
  pixels: async () => (await import('./pixels.js')).pixels,
  sensors: async () => (await import('./sensors.js')).sensors,
  speech: async () => (await import('./speech.js')).speech,
  soak: async () => (await import('./soak.js')).soak,
  'models-vision': async () => (await import('./models-vision.js')).modelsVision,
};

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ figure, value, unit, target, better, pass }) => [
    figure,
    `${Number(value.toPrecision(4))} ${unit}`,
    target === null ? '' : `${better === 'lower' ? '<=' : '>='} ${target}`,
    target === null ? '' : pass ? 'pass' : 'MISSED',
  ]);
  const all = [['figure', 'value', 'target', 'verdict'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function machine(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  return `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, commit ${commit}`;
}

/** Benchmarks that can be asked for a part: a model, how many captures, or how long. */
const divisible = ['cascade', 'compile', 'sensors', 'soak'];

const [name = '', ...words] = process.argv.slice(2);
const flags = words.filter((word) => word.startsWith('-'));
const parts = words.filter((word) => !word.startsWith('-'));
const load = benchmarks[name];
if (load === undefined || flags.some((flag) => flag !== '--json') || (parts.length > 0 && !divisible.includes(name))) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json]\n       npm run bench -- compile [MODEL...] [--json]\n       npm run bench -- cascade [CAPTURES] [--json]\n       npm run bench -- soak [HOURS] [--json]\n\n`,
  );
  process.stderr.write(`NAME is one of: ${Object.keys(benchmarks).join(', ')}\n`);
  process.exit(2);
}
process.env.ORT_DISABLE_TELEMETRY = '1';
const figures = await (await load())(parts);
if (flags.includes('--json')) for (const figure of figures) console.log(JSON.stringify(figure));
else console.log(`${name} on ${machine()}\n\n${table(figures)}`);
process.exitCode = figures.every((figure) => figure.pass) ? 0 : 1;
