/**
 * Makes ONNX Runtime believe in a lesser CPU, in a child process: the kernels and the numbers are those of such a CPU; clock, caches and
 * memory are this one's.
 *
 * The kernel's own way, faults on CPUID, is not to be had in most virtual machines. So a copy of the library is made in which each cpuid
 * instruction is one that no CPU knows, and a preloaded handler (cpu-mask.c) answers in its place. Nothing in node_modules is changed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `avx2`: without AVX-512, VNNI in either encoding, and AMX. */
export type CpuClass = 'native' | 'avx2';

/**
 * The environment to start a Node process with that is to see such a CPU; a copy of ours for `native`. Null where it cannot be done: no x64
 * Linux, or gcc or objdump missing. Takes seconds the first time: the files stay in the temporary folder, by the hash of library and handler.
 */
export async function maskedEnv(wanted: CpuClass): Promise<NodeJS.ProcessEnv | null> {
  if (wanted === 'native') return { ...process.env };
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const source = path.resolve('bench/cpu-mask.c');
  const library = path.resolve(
    path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node')),
    '../bin/napi-v6/linux/x64/libonnxruntime.so.1',
  );
  const bytes = await readFile(library);
  const key = createHash('sha256')
    .update(bytes)
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16);
  const folder = await ownFolder(path.join(tmpdir(), `shoal-cpu-mask-${userInfo().uid}-${key}`));
  const [handler, copy] = [path.join(folder, 'cpu-mask.so'), path.join(folder, 'libonnxruntime.so.1')];
  try {
    await once(handler, (file) => run('gcc', ['-shared', '-fPIC', '-O1', '-Wl,-z,initfirst', '-o', file, source]));
    await once(copy, async (file) => writeFile(file, withoutCpuid(bytes, await cpuidAddresses(library))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return { ...process.env, LD_PRELOAD: `${handler}:${copy}` };
}

/** What is preloaded must be ours: a folder that somebody else made is refused. */
async function ownFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid } = await stat(folder);
  if (uid !== userInfo().uid) throw new Error(`${folder} belongs to user ${uid}: remove it`);
  await chmod(folder, 0o700);
  return folder;
}

/** Makes a file unless it is there, and never half of it. */
async function once(file: string, make: (file: string) => Promise<unknown>): Promise<void> {
  if (await stat(file).catch(() => null)) return;
  const half = `${file}.${process.pid}`;
  await make(half);
  await rename(half, file);
}

/** Where the disassembler sees a cpuid; the bytes alone also stand in the midst of others. */
async function cpuidAddresses(library: string): Promise<number[]> {
  await run('objdump', ['--version']);
  const { stdout } = await run('sh', ['-c', 'objdump -d --no-show-raw-insn "$1" | grep -w cpuid', 'sh', library]);
  return [...stdout.matchAll(/^\s*([0-9a-f]+):\s*cpuid/gm)].map(([, address]) => Number.parseInt(address ?? '', 16));
}

function withoutCpuid(library: Uint8Array, addresses: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(library);
  for (const address of addresses) {
    // The segment with the code lies in the file where it lies in memory.
    if (copy[address] !== 0x0f || copy[address + 1] !== 0xa2)
      throw new Error(`no cpuid instruction at ${address.toString(16)} of ONNX Runtime`);
    copy[address + 1] = 0xff;
  }
  if (addresses.length === 0) throw new Error('ONNX Runtime asks no CPU what it can: is objdump the one of binutils?');
  return copy;
}
