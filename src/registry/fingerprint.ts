/**
 * Which board something was measured on: what makes one board's milliseconds another's.
 *
 * Guarantees: the same board gives the same fingerprint whatever this process may use of it (affinity, cgroup), and after a kernel
 * update. Deliberately leaves out clock speed and temperature, which change by the minute.
 */
import { z } from 'zod';
import { boardClasses, boardClassOf } from '../core/board-class.js';

const word = z.string().max(256);

export const boardFingerprint = z.strictObject({
  class: z.enum(boardClasses),
  /** Name of the board where it has one, and of its processor. */
  board: word.nullable(),
  cpu: word.nullable(),
  features: z.array(word).max(16),
  cores: z.int().min(1),
  memory_bytes: z.int().min(0).nullable(),
  /** Version of ONNX Runtime: each has other kernels. */
  runtime: word,
});

export type BoardFingerprint = z.infer<typeof boardFingerprint>;

/** Those that ONNX Runtime chooses its kernels by. */
const telling = ['asimddp', 'i8mm', 'fphp', 'asimdhp', 'sve', 'avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'amx_int8'];

/** As `readNature` in ops/board.ts reads it. */
export interface Nature {
  readonly model: string | null;
  readonly arch: string;
  readonly cpu: string | null;
  readonly cpu_features: readonly string[];
  readonly processors: number;
  readonly memory_bytes: number | null;
}

export function fingerprintOf(nature: Nature, runtime: string): BoardFingerprint {
  return {
    class: boardClassOf(nature.arch, nature.cpu_features),
    board: nature.model,
    cpu: nature.cpu,
    features: telling.filter((feature) => nature.cpu_features.includes(feature)),
    cores: nature.processors,
    memory_bytes: nature.memory_bytes,
    runtime,
  };
}

/** A kernel keeps more or less of the memory for itself from one update to the next. */
const memoryShare = 0.1;

/** In which way `there` is another board than `here`, one phrase each; empty when they are alike. */
export function differences(there: BoardFingerprint, here: BoardFingerprint): string[] {
  const pairs: [string, string, string][] = [
    ['class', there.class, here.class],
    ['board', there.board ?? 'unnamed', here.board ?? 'unnamed'],
    ['CPU', there.cpu ?? 'unnamed', here.cpu ?? 'unnamed'],
    ['CPU features', there.features.join(' '), here.features.join(' ')],
    ['cores', String(there.cores), String(here.cores)],
    ['ONNX Runtime', there.runtime, here.runtime],
  ];
  const found = pairs.flatMap(([what, a, b]) => (a === b ? [] : [`${what} ${a}, here ${b}`]));
  const [a, b] = [there.memory_bytes ?? 0, here.memory_bytes ?? 0];
  return Math.abs(a - b) > memoryShare * Math.max(a, b) ? [...found, `memory ${megabytes(a)}, here ${megabytes(b)}`] : found;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
