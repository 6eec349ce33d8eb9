/**
 * What the control group leaves of the board: CPU time and memory.
 *
 * Guarantees: the tightest limit on the way from this process' group to the top, for cgroup v2 and v1; null where there is none or none can
 * be read.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CgroupLimits {
  /** Cores' worth of time. */
  readonly cores: number | null;
  readonly memoryBytes: number | null;
  readonly memoryLeftBytes: number | null;
}

/** v1 says "no limit" with a number near 2^63. */
const unlimited = 2 ** 60;

/** `root` is `/`, or a made-up tree in a test. */
export function readCgroup(root = '/'): CgroupLimits {
  const found: CgroupLimits[] = [];
  for (const line of (text(join(root, 'proc/self/cgroup')) ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const group of upwards(path)) {
      if (controllers === '') found.push(unified(join(root, 'sys/fs/cgroup', group)));
      else if (controllers.split(',').includes('cpu')) found.push({ ...none, cores: quotaV1(join(root, 'sys/fs/cgroup/cpu', group)) });
      else if (controllers === 'memory') found.push(memoryV1(join(root, 'sys/fs/cgroup/memory', group)));
    }
  }
  return {
    cores: least(found.map(({ cores }) => cores)),
    memoryBytes: least(found.map(({ memoryBytes }) => memoryBytes)),
    memoryLeftBytes: least(found.map(({ memoryLeftBytes }) => memoryLeftBytes)),
  };
}

const none: CgroupLimits = { cores: null, memoryBytes: null, memoryLeftBytes: null };

/** A group and its parents; a container may see only the top of what it is told. */
function upwards(path: string): string[] {
  const groups = [path];
  for (let group = path; group !== '/'; groups.push(group)) group = dirname(group);
  return groups;
}

function unified(group: string): CgroupLimits {
  const [quota, period] = (text(join(group, 'cpu.max')) ?? '').trim().split(' ');
  const cores = quota === undefined || quota === 'max' ? null : positive(Number(quota) / Number(period));
  return { cores, ...memory(number(join(group, 'memory.max')), number(join(group, 'memory.current'))) };
}

function quotaV1(group: string): number | null {
  const quota = number(join(group, 'cpu.cfs_quota_us'));
  const period = number(join(group, 'cpu.cfs_period_us'));
  return quota === null || period === null ? null : positive(quota / period);
}

function memoryV1(group: string): CgroupLimits {
  return { ...none, ...memory(number(join(group, 'memory.limit_in_bytes')), number(join(group, 'memory.usage_in_bytes'))) };
}

function memory(limit: number | null, used: number | null): Pick<CgroupLimits, 'memoryBytes' | 'memoryLeftBytes'> {
  if (limit === null || limit >= unlimited) return { memoryBytes: null, memoryLeftBytes: null };
  return { memoryBytes: limit, memoryLeftBytes: Math.max(0, limit - (used ?? 0)) };
}

function number(path: string): number | null {
  const value = text(path)?.trim();
  return value !== undefined && /^-?\d+$/.test(value) ? Number(value) : null;
}

function positive(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? value : null;
}

function least(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.min(...known) : null;
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
