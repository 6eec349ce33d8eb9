/**
 * The board: what the machine is, and how it feels at the moment.
 *
 * Guarantees: reads only `/proc`, `/sys` and `getconf`; whatever cannot be found is null, never a guess and never an error. Cgroup limits
 * count, since a service sees the whole board but may not use it. Deliberately asks no vendor tool (vcgencmd, tegrastats).
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { limits } from '../core/limits.js';
import { readCgroup } from './cgroup.js';

/** What a board is, whatever this process may use of it. */
export interface BoardNature {
  /** As the device tree has it, such as "Raspberry Pi 5 Model B". */
  readonly model: string | null;
  readonly arch: string;
  /** As the processor names itself; implementer and part numbers on Arm, each kind of core once. */
  readonly cpu: string | null;
  readonly cpu_features: readonly string[];
  /** Cores that are switched on. */
  readonly processors: number;
  readonly memory_bytes: number | null;
}

export interface BoardFacts extends Omit<BoardNature, 'processors'> {
  readonly kernel: string | null;
  /** Cores the kernel lets this process use. */
  readonly cores: number;
  /** Cores' worth of time the cgroup allows; null without a limit. */
  readonly cores_limit: number | null;
  readonly memory_limit_bytes: number | null;
  /** What could be had now without swapping: the smaller of the kernel's and the cgroup's answer. */
  readonly memory_available_bytes: number | null;
  readonly page_bytes: number | null;
  /** Version of glibc; null on another libc. */
  readonly glibc: string | null;
}

export interface DiskFacts {
  readonly path: string;
  readonly free_bytes: number;
  readonly total_bytes: number;
}

export interface ThermalFacts {
  /** The hottest zone. */
  readonly temperature_celsius: number | null;
  /** Whether the board runs slower than it could, to protect itself; null when it does not say. */
  readonly throttled: boolean | null;
  /** Why, for a person. */
  readonly reasons: readonly string[];
}

/** What needs no other process to find out. `root` is `/`, or a made-up tree in a test. */
export function readNature(root = '/'): BoardNature {
  const cpuinfo = text(root, 'proc/cpuinfo') ?? '';
  return {
    model: text(root, 'proc/device-tree/model')?.replace(/\0/g, '').trim() ?? null,
    arch: process.arch,
    cpu: /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.trim() ?? armCores(cpuinfo),
    cpu_features: /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/) ?? [],
    processors: cpuinfo.match(/^processor\s*:/gm)?.length ?? availableParallelism(),
    memory_bytes: kilobytes(text(root, 'proc/meminfo') ?? '', 'MemTotal'),
  };
}

/** `0x41:0xd0b` is a Cortex-A76; a board with two kinds of cores has two. */
function armCores(cpuinfo: string): string | null {
  const makers = [...cpuinfo.matchAll(/^CPU implementer\s*:\s*(\S+)/gm)];
  const parts = [...cpuinfo.matchAll(/^CPU part\s*:\s*(\S+)/gm)];
  const kinds = new Set(parts.map((part, core) => `${makers[core]?.[1] ?? '?'}:${part[1]}`));
  return kinds.size === 0 ? null : [...kinds].sort().join(', ');
}

export async function readBoard(root = '/'): Promise<BoardFacts> {
  const { processors: _, ...nature } = readNature(root);
  const meminfo = text(root, 'proc/meminfo') ?? '';
  const cgroup = readCgroup(root);
  const [page, libc] = await Promise.all([getconf('PAGESIZE'), getconf('GNU_LIBC_VERSION')]);
  const available = kilobytes(meminfo, 'MemAvailable');
  return {
    ...nature,
    kernel: text(root, 'proc/sys/kernel/osrelease')?.trim() ?? null,
    cores: availableParallelism(),
    cores_limit: cgroup.cores,
    memory_limit_bytes: cgroup.memoryBytes,
    memory_available_bytes: least(available, cgroup.memoryLeftBytes),
    page_bytes: page === null ? null : Number(page),
    glibc: libc?.startsWith('glibc ') ? libc.slice('glibc '.length) : null,
  };
}

/** Room on the file system that holds `path`; null when the path is not there. */
export async function readDisk(path: string): Promise<DiskFacts | null> {
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    return { path, free_bytes: bavail * bsize, total_bytes: blocks * bsize };
  } catch {
    return null;
  }
}

/** Bits of the Raspberry Pi firmware's `get_throttled` that speak of now (bits 16 and up speak of the past). */
const firmwareReasons = [
  'the supply voltage is low',
  'the clock is capped',
  'the board is throttled',
  'the soft temperature limit is reached',
];

export function readThermal(root = '/'): ThermalFacts {
  const thermal = join(root, 'sys/class/thermal');
  const temperatures = entries(thermal, 'thermal_zone')
    .map((zone) => Number(text(thermal, `${zone}/temp`) ?? Number.NaN) / 1000)
    // Zones that are off answer with absurd values.
    .filter((celsius) => celsius > -60 && celsius < 200);
  const firmware = text(root, 'sys/devices/platform/soc/soc:firmware/get_throttled');
  const bits = firmware === null ? null : Number.parseInt(firmware, 16);
  const coolers = entries(thermal, 'cooling_device').filter((device) => /cpu/i.test(text(thermal, `${device}/type`) ?? ''));
  const cooled = coolers.filter((device) => Number(text(thermal, `${device}/cur_state`)) > 0);
  const reasons = [
    ...firmwareReasons.filter((_, bit) => bits !== null && (bits & (1 << bit)) !== 0),
    ...cooled.map(() => 'the kernel slows the CPU down to cool it').slice(0, 1),
  ];
  const knows = bits !== null || coolers.length > 0;
  return {
    temperature_celsius: temperatures.length > 0 ? Math.max(...temperatures) : null,
    throttled: knows ? reasons.length > 0 : null,
    reasons,
  };
}

function entries(folder: string, prefix: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

function text(root: string, path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return null;
  }
}

function kilobytes(meminfo: string, key: string): number | null {
  const value = new RegExp(`^${key}:\\s*(\\d+) kB$`, 'm').exec(meminfo)?.[1];
  return value === undefined ? null : Number(value) * 1024;
}

function least(...values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.min(...known) : null;
}

async function getconf(name: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('getconf', [name], { timeout: limits.boardProbeMs, maxBuffer: 4096 });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}
