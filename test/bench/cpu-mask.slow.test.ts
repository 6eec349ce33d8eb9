/** The mask by what a masked process computes: the sums that overflow in the kernels of AVX2 and in no other. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { maskedEnv } from '../../bench/cpu-mask.js';
import { bareSpawn } from '../support/bare-spawn.js';

bareSpawn();
const child = new URL('./cpu-mask-child.js', import.meta.url).pathname;

function computed(env: NodeJS.ProcessEnv): { sum: number; expected: number } {
  return JSON.parse(execFileSync(process.execPath, [child], { encoding: 'utf8', env: { ...env, ORT_DISABLE_TELEMETRY: '1' } }));
}

const masked = await maskedEnv('avx2');
const maskable = /avx512_vnni|avx_vnni/.test(readFileSync('/proc/cpuinfo', 'utf8'));
const skip = masked === null ? 'needs x64 Linux with gcc and objdump' : maskable ? false : 'this CPU has nothing to mask';

test('a process with the mask takes the kernels of AVX2', { skip }, async (t) => {
  const native = computed((await maskedEnv('native')) ?? {});
  const avx2 = computed(masked ?? {});
  t.equal(native.sum, native.expected, 'VNNI adds in 32 bits');
  t.equal(avx2.sum, (512 / 2) * 32767, 'AVX2 stops at 32,767 for each pair');
});
