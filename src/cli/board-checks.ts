/**
 * What a board should be like to run Shoal well: pure judgements over what was read from it.
 *
 * `fail` means that Shoal will not work here, `warn` that it works, but less well than it could; both say what to do.
 */
import type { BoardFacts, DiskFacts, ThermalFacts } from '../ops/board.js';
import type { ClockMark } from '../ops/clock.js';

export interface Check {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly found: string;
  /** What to do; present unless ok. */
  readonly advice?: string;
}

export interface BoardReadings {
  readonly node: string;
  readonly platform: string;
  readonly board: BoardFacts;
  readonly disk: DiskFacts | null;
  readonly diskPath: string;
  readonly thermal: ThermalFacts;
  readonly clock: ClockMark;
}

const megabyte = 1e6;
const memoryFailBytes = 350 * megabyte;
const memoryWarnBytes = 900 * megabyte;
const diskFailBytes = 50 * megabyte;
const diskWarnBytes = 500 * megabyte;
const hotCelsius = 75;

export function checkBoard(readings: BoardReadings): Check[] {
  const { board } = readings;
  return [
    system(readings),
    node(readings.node),
    libc(board),
    cores(board),
    features(board),
    memory(board),
    pages(board),
    disk(readings),
    heat(readings.thermal),
    clock(readings.clock),
  ];
}

function verdict(check: string, state: Check['state'], found: string, advice: string): Check {
  return state === 'ok' ? { check, state, found } : { check, state, found, advice };
}

function system({ platform, board }: BoardReadings): Check {
  const good = platform === 'linux' && (board.arch === 'arm64' || board.arch === 'x64');
  const found = `${platform} ${board.arch}${board.model === null ? '' : `, ${board.model}`}`;
  return verdict(
    'system',
    good ? 'ok' : 'fail',
    found,
    'Shoal needs 64-bit Linux on arm64 or x64: on a Raspberry Pi, install the 64-bit OS.',
  );
}

function node(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const good = major > 20 || (major === 20 && minor >= 19);
  return verdict('node', good ? 'ok' : 'fail', version, 'Install Node 20.19 or newer, or name one in SHOAL_NODE.');
}

function libc({ glibc }: BoardFacts): Check {
  const [major = 0, minor = 0] = (glibc ?? '').split('.').map(Number);
  const good = major > 2 || (major === 2 && minor >= 28);
  const advice = 'ONNX Runtime needs glibc 2.28 or newer (Debian 10, Ubuntu 20.04); Alpine and other musl systems are not supported.';
  return verdict('glibc', good ? 'ok' : 'fail', glibc ?? 'none found', advice);
}

function cores({ cores: count, cores_limit: limit }: BoardFacts): Check {
  const found = limit === null ? `${count}` : `${count}, limited to ${limit.toFixed(1)}`;
  const advice = 'With one core, engines and the daemon share it, so health answers late under load: give the service two cores or more.';
  return verdict('cores', Math.min(count, limit ?? count) >= 2 ? 'ok' : 'warn', found, advice);
}

/** The instructions that make int8 models fast; the fp32 ones run without them. */
function features({ arch, cpu_features: all }: BoardFacts): Check {
  const wanted = arch === 'arm64' ? ['asimddp', 'i8mm', 'fphp'] : ['avx2', 'avx512_vnni', 'avx_vnni'];
  const present = wanted.filter((feature) => all.includes(feature));
  const needed = arch === 'arm64' ? 'asimddp' : 'avx2';
  const found = present.length > 0 ? present.join(', ') : 'none that speed up int8';
  const advice = `Without ${needed} int8 models are no faster than fp32 here: prefer fp32 variants, and expect more milliseconds a capture.`;
  return verdict('cpu features', present.includes(needed) ? 'ok' : 'warn', found, advice);
}

function memory(board: BoardFacts): Check {
  const { memory_available_bytes: available, memory_limit_bytes: limit } = board;
  if (available === null) return verdict('memory', 'warn', 'unknown', '/proc/meminfo cannot be read: mount /proc.');
  const state = available < memoryFailBytes ? 'fail' : available < memoryWarnBytes ? 'warn' : 'ok';
  const found = `${size(available)} available${limit === null ? '' : `, limit ${size(limit)}`}`;
  return verdict(
    'memory',
    state,
    found,
    'The core takes about 100 MB and an engine 150 to 300 MB: free some, raise the limit, or run fewer engines.',
  );
}

function pages({ page_bytes: page }: BoardFacts): Check {
  const found = page === null ? 'unknown' : `${page} bytes`;
  const advice =
    'Pages above 16 KiB are not tried with the native parts of Shoal: choose a kernel with 4 or 16 KiB pages if something crashes.';
  return verdict('page size', page !== null && page <= 16_384 ? 'ok' : 'warn', found, advice);
}

function disk({ disk: facts, diskPath }: BoardReadings): Check {
  if (facts === null) return verdict('disk', 'warn', `${diskPath} does not exist`, 'Create it, or name the state folder with --state-dir.');
  const state = facts.free_bytes < diskFailBytes ? 'fail' : facts.free_bytes < diskWarnBytes ? 'warn' : 'ok';
  const found = `${size(facts.free_bytes)} of ${size(facts.total_bytes)} free at ${facts.path}`;
  return verdict('disk', state, found, 'Results are kept up to 200 MiB by default: make room, or lower store.max_bytes.');
}

function heat({ temperature_celsius: celsius, throttled, reasons }: ThermalFacts): Check {
  const hot = celsius !== null && celsius >= hotCelsius;
  const found = [celsius === null ? 'no sensor' : `${celsius.toFixed(0)} C`, ...reasons].join(', ');
  const advice = 'The board slows itself down: check the power supply, and give it a heat sink or a fan.';
  return verdict('heat and power', throttled === true || hot ? 'warn' : 'ok', found, advice);
}

const clockFound: Readonly<Record<ClockMark, string>> = {
  timesyncd: 'synchronized by systemd-timesyncd',
  'drift-file': 'synchronized, as the drift file of a time service says',
  none: 'no time service says that it is synchronized',
};

function clock(mark: ClockMark): Check {
  const advice = 'Results will say clock_synced: false. Enable systemd-timesyncd or chrony, and let the board reach a time server.';
  return verdict('clock', mark === 'none' ? 'warn' : 'ok', clockFound[mark], advice);
}

function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / megabyte)} MB`;
}
