/**
 * How many engines this board carries: one less than its cores, fewer where memory is short, never none.
 *
 * Counts what the process may really use: the scheduler's affinity, and cpu.max and memory.max of its cgroup (version 2)
 * and of every group above it.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { limits } from '../core/limits.js';
import type { EngineOptions } from './options.js';

/** Node, ONNX Runtime and libvips loaded, one photo decoded: about 100 MB measured, and room for one frame more. */
const engineBaseBytes = 128 * 1024 * 1024;
/** Left to the core, the store's page cache and the system. */
const reserveBytes = 192 * 1024 * 1024;

export interface Capacity {
  readonly cores: number;
  /** Bytes that may still be taken. */
  readonly memoryBytes: number;
}

/** `root` is where /proc and /sys are looked for. */
export function readCapacity(root = '/', cores = availableParallelism()): Capacity {
  const meminfo = read(path.join(root, 'proc/meminfo'));
  let memoryBytes = Number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? Number.POSITIVE_INFINITY) * 1024;
  let quota = cores;
  const group = /^0::(\/.*)$/m.exec(read(path.join(root, 'proc/self/cgroup')))?.[1] ?? '/';
  const base = path.join(root, 'sys/fs/cgroup');
  for (let at = path.join(base, group); at.length >= base.length; at = path.dirname(at)) {
    const [most, period] = read(path.join(at, 'cpu.max')).trim().split(/\s+/).map(Number);
    if (most && period) quota = Math.min(quota, most / period);
    const max = Number(read(path.join(at, 'memory.max')).trim() || Number.NaN);
    const used = Number(read(path.join(at, 'memory.current')).trim());
    if (Number.isFinite(max)) memoryBytes = Math.min(memoryBytes, Math.max(0, max - used));
  }
  return { cores: Math.max(1, Math.floor(quota)), memoryBytes };
}

export function engineCount(options: EngineOptions, capacity: Capacity): number {
  if (options.count !== 'auto') return options.count;
  const fit = Math.floor((capacity.memoryBytes - reserveBytes) / (engineBaseBytes + options.max_memory_bytes));
  return Math.max(1, Math.min(capacity.cores - 1, fit, limits.enginesMax));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
