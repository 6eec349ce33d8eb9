/**
 * Commands as inputs: real processes, their real output, and the box they run in.
 */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import type { InputContext } from '../../src/core/contracts.js';
import { decodeSeries } from '../../src/core/series.js';
import { readWav } from '../../src/engine/wav.js';
import { execInput } from '../../src/inputs/exec.js';
import { liveContext, liveInputContract, TakingCorridor } from '../contracts/live-input-contract.js';
import { onPath, scratch } from '../support/on-path.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

const make = (options: object, context: InputContext) => execInput.create('live', execInput.options.parse(options), context);

/** The captures of a command, until there are `count`. */
async function captures(t: Test, options: object, count: number) {
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const input = make(options, liveContext(`${t.testdir({})}/ledger`, around));
  await input.start(corridor.offer);
  await until(`${count} captures came`, () => corridor.taken.length >= count).finally(() => input.stop());
  return { around, taken: corridor.taken.map(({ capture }) => capture) };
}

function bytesOf(capture: Capture | undefined): Buffer {
  if (capture === undefined || !('bytes' in capture.content)) throw new Error('there is no such capture, or none with bytes');
  return Buffer.from(capture.content.bytes);
}

function problems(options: object): string[] {
  const { error } = execInput.options.safeParse(options);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('without setpriv nothing is run as root', { skip: process.getuid?.() === 0 ? false : 'not root' }, async (t) => {
  const path = process.env.PATH;
  t.teardown(() => {
    process.env.PATH = path;
  });
  const folder = scratch();
  // As of busybox: it knows no --pdeathsig.
  onPath(folder, 'setpriv', `[ -e ${folder}/well ] && exec /usr/bin/setpriv "$@"; exit 1`);
  for (const [user, how] of [
    [{ user: 'nobody' }, 'as nobody'],
    [{}, "without root's capabilities"],
  ] as const) {
    const around = testSurroundings();
    const corridor = new TakingCorridor();
    const input = make({ command: ['id', '-u'], ...user }, liveContext(`${t.testdir({})}/ledger`, around));
    await input.start(corridor.offer);
    await until('it is told', () => around.states.get('input:live')?.state === 'down').finally(() => input.stop());
    t.ok(around.lines.some(({ message }) => message.startsWith(`cannot run it ${how}: setpriv of util-linux is missing`)));
    t.same(corridor.taken, []);
  }
  writeFileSync(`${folder}/well`, '');
  const { taken } = await captures(t, { command: ['id', '-u'], user: 'nobody' }, 1);
  t.equal(taken[0]?.header.name, '65534', 'that it failed once is not kept');
});

test('a live input like any other', async (t) => {
  liveInputContract(t, async () => {
    const plugged = join(mkdtempSync(join(tmpdir(), 'exec-')), 'plugged');
    writeFileSync(plugged, '');
    const script = 'while test -e "$1"; do echo "it is $2"; sleep 0.02; done; echo "no such sensor" >&2; exit 3';
    return {
      create: (context) => make({ command: ['sh', '-c', script, 'sh', plugged, 'well'] }, context),
      unplug: () => rm(plugged),
      plug: async () => writeFileSync(plugged, ''),
      away: /no such sensor/,
    };
  });
});

test('lines and documents are texts, what is none is counted', async (t) => {
  const lines = await captures(t, { command: ['printf', 'one\\ntwo words\\r\\n\\n\\377\\n'] }, 2);
  t.match(lines.taken[0]?.header, { kind: 'text', mediaType: 'text/plain', name: 'one' });
  t.equal(bytesOf(lines.taken[1]).toString(), 'two words');
  t.equal(lines.around.value('shoal_input_skipped_total', { input: 'live', reason: 'not_text' }), 1);
  const documents = await captures(t, { command: ['printf', '{"a":1}\\nno\\n'], format: 'json' }, 1);
  t.match(documents.taken[0]?.header, { kind: 'text', mediaType: 'application/json' });
  t.equal(documents.around.value('shoal_input_skipped_total', { reason: 'not_json' }), 1);
});

test('numbers become windows of a series', async (t) => {
  const script = 'i=0; echo "x;y"; while :; do i=$((i+1)); echo "$i;-$i"; sleep 0.005; done';
  const options = { command: ['sh', '-c', script], format: 'csv', fields: ['x', 'y'], window: { samples: 4, hop: 2 } };
  const { taken } = await captures(t, options, 3);
  const [first, second] = taken.map((capture) => decodeSeries(bytesOf(capture)));
  t.match(first, { channels: ['x', 'y'], length: 4, rateHz: null });
  t.same([...(first?.data ?? [])], [1, 2, 3, 4, -1, -2, -3, -4]);
  t.same([...(second?.data ?? [])], [3, 4, 5, 6, -3, -4, -5, -6]);
});

test('what a command had begun when it ended is counted', async (t) => {
  const skipped = async (options: object, reason: string) => {
    const around = testSurroundings();
    const input = make(options, liveContext(`${t.testdir({})}/ledger`, around));
    await input.start(new TakingCorridor().offer);
    await until('it is counted', () => (around.value('shoal_input_skipped_total', { input: 'live', reason }) ?? 0) > 0).finally(() =>
      input.stop(),
    );
  };
  await skipped({ command: ['printf', '1\\n2\\n'], format: 'csv', fields: ['x'], window: { samples: 4 } }, 'gap');
  const sound = { format: 'pcm', rate_hz: 16_000, window: { length_ms: 500 } };
  await skipped({ command: ['head', '-c', '1000', '/dev/zero'], ...sound }, 'incomplete');
});

test('raw sound, raw pixels and binary pieces', async (t) => {
  const sound = { command: ['head', '-c', '64000', '/dev/zero'], format: 'pcm', rate_hz: 16_000, window: { length_ms: 500, hop_ms: 250 } };
  const heard = await captures(t, sound, 3);
  t.match(heard.taken[0]?.header, { kind: 'audio', mediaType: 'audio/wav', bytes: 16_044 });
  t.match(readWav(bytesOf(heard.taken[2])), { rateHz: 16_000, channels: 1, frames: 8000 });
  const seen = await captures(t, { command: ['cat', '/dev/zero'], format: 'pixels', width: 32, height: 16 }, 2);
  t.match(seen.taken[1]?.header, { kind: 'image', mediaType: 'image/tiff' });
  const pieces = await captures(t, { command: ['printf', '\\000\\003GIF\\000\\002hi'], format: 'binary', length_prefix: 'u16be' }, 2);
  t.equal(bytesOf(pieces.taken[0]).toString(), 'GIF');
  const lost = await captures(t, { command: ['printf', '\\002\\000hi\\377\\377'], format: 'binary', max_bytes: 64 }, 2);
  t.match(lost.around.states.get('input:live')?.reason, /stopped|length above max_bytes/);
  t.ok(lost.around.lines.some(({ message }) => message.includes('check length_prefix')));
});

test('sound and pixels are a stream, which begins anew with the command', async (t) => {
  const places = async (options: object, count: number) =>
    (await captures(t, options, count)).taken.slice(0, count).map(({ header }) => header.stream);
  const picture = { command: ['head', '-c', '1536', '/dev/zero'], format: 'pixels', width: 16, height: 16 };
  const [first, second, again, after] = await places(picture, 4);
  t.match(
    [first, second, again, after],
    [
      { from: 0, to: 1 },
      { from: 1, to: 2 },
      { from: 0, to: 1 },
      { from: 1, to: 2 },
    ],
  );
  t.equal(first?.id, second?.id);
  t.not(first?.id, again?.id);
  t.equal(again?.id, after?.id);
  const stereo = { command: ['cat', '/dev/zero'], format: 'pcm', channels: 2, rate_hz: 16_000, window: { length_ms: 500, hop_ms: 250 } };
  t.match(await places(stereo, 2), [
    { from: 0, to: 8000 },
    { from: 4000, to: 12_000 },
  ]);
  t.same(await places({ command: ['echo', 'a line'] }, 1), [undefined], 'the control: a line stands for itself');
});

test('noise is told as such', async (t) => {
  const around = testSurroundings();
  const input = make({ command: ['yes', 'noise'], format: 'nmea' }, liveContext(`${t.testdir({})}/ledger`, around));
  await input.start(new TakingCorridor().offer);
  await until('it is told', () => around.states.get('input:live')?.state === 'down');
  t.match(around.states.get('input:live')?.reason, /^the last 20 pieces are no NMEA sentences: check format/);
  await input.stop();
});

test('a command that can wait loses nothing to a corridor that is slow', async (t) => {
  const around = testSurroundings();
  const names: string[] = [];
  const input = make({ command: ['sh', '-c', 'seq 1 20000; sleep 1000'] }, liveContext(`${t.testdir({})}/ledger`, around));
  await input.start(async (capture) => {
    names.push(capture.header.name);
    // Slower than seq by far: its pipe fills.
    if (names.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  await until('all came', () => names.length >= 20_000);
  await input.stop();
  t.same(
    names.filter((name, i) => name !== String(i + 1)),
    [],
  );
  t.equal(around.value('shoal_input_skipped_total'), 0);
});

test('the box: no privileges, no capabilities, bounds, its own environment, another user', async (t) => {
  const script = 'grep -E "^(NoNewPrivs|CapEff|CapBnd|Uid):" /proc/self/status | tr "\\t" " "; ulimit -c; ulimit -n; ulimit -v; pwd; env';
  const options = { command: ['sh', '-c', script], env: { GIVEN: 'yes' }, max_memory_mib: 512 };
  const said = async (more: object, count: number) =>
    (await captures(t, { ...options, ...more }, count)).taken.map((capture) => bytesOf(capture).toString());
  const root = process.getuid?.() === 0;
  const lines = await said({}, 10);
  t.ok(lines.includes('NoNewPrivs: 1'));
  if (root) t.ok(lines.includes('CapEff: 0000000000000000') && lines.includes('CapBnd: 0000000000000000'));
  t.same(
    lines.filter((line) => /^(0|1024|524288)$/.test(line)),
    ['0', '1024', '524288'],
  );
  t.ok(lines.includes('/') && lines.includes('GIVEN=yes'));
  t.notOk(lines.some((line) => /^(HOSTNAME|TAP|SHOAL_TEST_DATA)/.test(line)));
  if (!root) return t.comment('not root: no other user can be tried');
  const other = await said({ user: 'nobody' }, 4);
  t.ok(other.some((line) => /^Uid: 65534 65534 65534 65534$/.test(line)));
  t.ok(other.includes('CapEff: 0000000000000000'));
});

test('it ends with all that it started', async (t) => {
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const input = make({ command: ['sh', '-c', 'sleep 1000 & echo $!; wait'] }, liveContext(`${t.testdir({})}/ledger`, around));
  await input.start(corridor.offer);
  await until('it said', () => corridor.taken.length > 0);
  const pid = Number(corridor.taken[0]?.capture.header.name);
  t.ok(existsSync(`/proc/${pid}`));
  await input.stop();
  await until('it is gone', () => !existsSync(`/proc/${pid}`));
});

test('what cannot be is said', async (t) => {
  const reason = async (options: object) => {
    const around = testSurroundings();
    const input = make(options, liveContext(`${t.testdir({})}/ledger`, around));
    await input.start(new TakingCorridor().offer);
    await until('it is told', () => around.states.get('input:live')?.state === 'down');
    const { reason } = around.states.get('input:live') ?? {};
    await input.stop();
    return reason;
  };
  t.equal(await reason({ command: ['no-such-command-here'] }), 'there is no command no-such-command-here here');
  t.equal(await reason({ command: ['sh', '-c', 'echo "no card" >&2; exit 2'] }), 'sh ended with code 2: no card');
  if (process.getuid?.() === 0) t.match(await reason({ command: ['true'], user: 'no-such-user' }), /^there is no user no-such-user here$/);
  t.equal(await reason({ command: ['sleep', '1000'], stale_ms: 100 }), 'no line for 100 ms');
  const command = ['true'];
  t.same(problems({ command, format: 'csv' }), ['fields: is missing: format csv needs them, as in [x, y, z]']);
  t.same(problems({ command, format: 'pixels', width: 640 }), ['height: is missing: raw pixels do not say how many they are']);
  t.match(problems({ command, format: 'pcm', window: { length_ms: 1000 } }), [/^rate_hz: need a whole number/]);
  t.match(problems({ command, format: 'nmea', fields: ['speed'] }), [/^fields: must be places such as RMC.7/]);
  t.match(problems({ command, format: 'nmea', fields: { a: 'RMC.7', b: 'GGA.9' } }), [/^fields: must be of one sentence/]);
  t.match(problems({ command, window: { samples: 4 } }), [/^fields: is missing/]);
  t.match(problems({ command, env: { LD_PRELOAD: '/x.so' } }), [/^env.LD_PRELOAD: is not passed on/]);
  t.match(problems({ command: [] }), [/^command: /]);
});
