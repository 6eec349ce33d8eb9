/**
 * Microphones: the real arecord on a card that ALSA makes of a file, scripts in its place where it must overrun, and windows cut by hand.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Test, test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { wavOf } from '../../src/inputs/framing/pcm.js';
import { lostMs, microphoneCommand } from '../../src/inputs/microphone/command.js';
import { microphoneOptions } from '../../src/inputs/microphone/options.js';
import { PcmWindows } from '../../src/inputs/microphone/windows.js';
import { microphoneInput } from '../../src/inputs/microphone.js';
import { type LiveRig, liveContext, liveInputContract, TakingCorridor } from '../contracts/live-input-contract.js';
import { Chance } from '../support/chance.js';
import { onPath, scratch, skipWithout } from '../support/on-path.js';
import { childrenOf, commandOf, kill } from '../support/processes.js';
import { testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';
import { wavOf as testWavOf } from '../support/wav.js';

/** Noise as a recorder gives it: 16 bit, little endian. */
function noise(samples: number): Buffer {
  const chance = new Chance(11);
  const pcm = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i++) pcm.writeInt16LE(Math.round(chance.between(-9000, 9000)), i * 2);
  return pcm;
}

/** A home whose ALSA has one card more: `yard`, which hears the file, and as fast as it is read. */
function yard(pcm: Buffer): { unplug(): void; plug(): void } {
  const home = scratch();
  process.env.HOME = home;
  writeFileSync(`${home}/yard.raw`, pcm);
  const plug = () => {
    const paced = `{ type null }`;
    const file = `slave.pcm ${paced} file "/dev/null" infile "${home}/yard.raw" format "raw"`;
    writeFileSync(`${home}/.asoundrc`, `pcm.yard { type file ${file} }\n`);
  };
  plug();
  return {
    plug,
    unplug: () => {
      rmSync(`${home}/.asoundrc`);
      for (const pid of childrenOf(process.pid)) if (commandOf(pid).startsWith('arecord')) kill(pid);
    },
  };
}

function listen(t: Test, written: object) {
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const input = microphoneInput.create('live', microphoneOptions.parse(written), liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  const bytes = (index: number) => {
    const content = corridor.taken[index]?.capture.content;
    return content !== undefined && 'bytes' in content ? Buffer.from(content.bytes) : Buffer.alloc(0);
  };
  return { around, corridor, input, bytes, health: () => around.states.get('input:live') };
}

test('what a live input owes, by arecord', { skip: skipWithout('arecord') }, async (t) =>
  liveInputContract(t, async (): Promise<LiveRig> => {
    const card = yard(noise(16_000 * 20));
    return {
      create: (context) => microphoneInput.create('live', microphoneOptions.parse({ device: 'yard', window_ms: 200 }), context),
      unplug: async () => card.unplug(),
      plug: async () => card.plug(),
      away: /^arecord was ended by SIGKILL|^there is no microphone yard; /,
    };
  }),
);

test('what arecord hears is what is captured, to the byte', { skip: skipWithout('arecord') }, async (t) => {
  const pcm = noise(16_000 * 3);
  yard(pcm);
  const { corridor, input, bytes } = listen(t, { device: 'yard', window_ms: 500, hop_ms: 250 });
  await input.start(corridor.offer);
  await until('windows come', () => corridor.taken.length >= 4);
  await input.stop();
  t.match(corridor.taken[0]?.capture.header, { kind: 'audio', mediaType: 'audio/wav', name: 'window 1', bytes: 44 + 16_000 });
  const [first, second] = corridor.taken.map(({ capture }) => capture.header.stream);
  t.same([first?.from, first?.to, second?.from, second?.to, second?.id], [0, 8000, 4000, 12_000, first?.id]);
  for (let i = 0; i < 4; i++)
    t.ok(
      bytes(i).equals(wavOf(pcm.subarray(i * 8000, i * 8000 + 16_000), { format: 's16le', channels: 1, rateHz: 16_000 })),
      `window ${i}`,
    );
});

test('a card that is not there is named, with those that are', { skip: skipWithout('arecord') }, async (t) => {
  yard(noise(10)).unplug();
  const { corridor, input, health } = listen(t, { device: 'yard' });
  await input.start(corridor.offer);
  await until('it is told', () => health()?.state === 'down');
  t.match(health()?.reason, /^there is no microphone yard; (the system knows no sound card|there is plughw:0)/);
});

test('overruns are counted, and no window reaches over one; a mute card is dead, and silence with noise is not', async (t) => {
  const home = scratch();
  writeFileSync(`${home}/sound`, noise(16_000));
  writeFileSync(`${home}/mute`, Buffer.alloc(16_000 * 2));
  onPath(
    home,
    'arecord',
    `echo "$@" >> ${home}/args
     head -c 25600 ${home}/sound; sleep 0.3; echo 'overrun!!! (at least 12.500 ms long)' >&2; sleep 0.3; head -c 12800 ${home}/sound
     while [ ! -e ${home}/heard ]; do cat ${home}/mute; sleep 0.2; done; while :; do cat ${home}/sound; sleep 0.2; done`,
  );
  const { around, corridor, input, bytes, health } = listen(t, { window_ms: 400, frozen_ms: 600, device: 'plughw:1,0', channels: 2 });
  await input.start(corridor.offer);
  await until('it is told', () => health()?.state === 'down');
  t.match(health()?.reason, /^one and the same sample for 0\.6 s: the microphone is muted/);
  t.equal(readFileSync(`${home}/args`, 'utf8').split('\n')[0], '-q -D plughw:1,0 -t raw -f S16_LE -r 16000 -c 2');
  t.equal(around.value('shoal_input_skipped_total', { reason: 'overrun' }), 1);
  const sound = readFileSync(`${home}/sound`);
  // 25600 bytes are one window, and stop short of nothing; the next begins behind the gap, not with what was left.
  t.ok(bytes(0).equals(wavOf(sound.subarray(0, 25_600), { format: 's16le', channels: 2, rateHz: 16_000 })));
  t.ok(
    bytes(1)
      .subarray(44, 44 + 12_800)
      .equals(sound.subarray(0, 12_800)),
  );
  const places = corridor.taken.map(({ capture }) => capture.header.stream);
  t.same([places[0]?.from, places[0]?.to, places[1]?.from], [0, 6400, 6600], 'the 200 frames that were lost are a gap');
  t.ok(around.value('shoal_input_skipped_total', { reason: 'frozen' }) > 0);
  const offered = corridor.taken.length;
  writeFileSync(`${home}/heard`, '');
  await until('it hears again', () => health()?.state === 'ok');
  t.ok(corridor.taken.length > offered);
});

test('a mute card stays that, however long, and is opened anew once each frozen_ms', async (t) => {
  const home = scratch();
  writeFileSync(`${home}/log`, '');
  writeFileSync(`${home}/mute`, Buffer.alloc(3200 * 2));
  onPath(home, 'arecord', `echo opened >> ${home}/log; while :; do cat ${home}/mute; sleep 0.05; done`);
  const clock = { nowMs: 0, monoMs: () => clock.nowMs, wallMs: () => Date.now(), synced: () => true };
  const around = testSurroundings(clock);
  const corridor = new TakingCorridor();
  const options = microphoneOptions.parse({ window_ms: 200, frozen_ms: 24_000, stale_ms: 6000 });
  const input = microphoneInput.create('live', options, liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  await input.start(corridor.offer);
  const opened = () => readFileSync(`${home}/log`, 'utf8').split('\n').length - 1;
  const windows = () => corridor.taken.length + around.value('shoal_input_skipped_total', { reason: 'frozen' });
  /** Seconds, with windows all the while. */
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 4) {
      clock.nowMs += 4000;
      const before = windows();
      await until('a window comes', () => windows() > before);
    }
  };
  await until('a window comes', () => windows() > 0);
  await pass(24);
  await until('it is opened anew', () => opened() === 2);
  // Longer than a device may take to open, and then until somebody has looked whether it is silent.
  await pass(20);
  await new Promise((resolve) => setTimeout(resolve, limits.liveLookMs + 200));
  const reason = /^one and the same sample for 24 s/;
  t.same([opened(), around.lines.filter(({ level }) => level === 'warn').length], [2, 1]);
  t.match(around.states.get('input:live')?.reason, reason);
  await pass(4);
  await until('it is opened once more', () => opened() === 3);
  t.match(around.states.get('input:live')?.reason, reason);
});

test('a command of the operator, through ffmpeg', { skip: skipWithout('ffmpeg') }, async (t) => {
  const home = scratch();
  mkdirSync(home, { recursive: true });
  const samples = Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i / 5) / 3);
  writeFileSync(`${home}/tone.wav`, testWavOf(samples, 8000));
  const command = ['ffmpeg', '-nostdin', '-loglevel', 'error', '-i', `${home}/tone.wav`, '-f', 's16le', 'pipe:1'];
  const { corridor, input, bytes, health } = listen(t, { source: 'command', command, rate_hz: 8000, window_ms: 500 });
  await input.start(corridor.offer);
  await until('it ended', () => health()?.state === 'down');
  t.equal(health()?.reason, 'the command ended with code 0');
  t.ok(bytes(0).equals(testWavOf(samples.subarray(0, 4000), 8000)), 'the same file as another writer makes of it');
});

test('windows follow each other, carry what came before, and never bridge a gap', (t) => {
  const pcm = noise(1000);
  const cut = (windows: PcmWindows, step: number) => {
    const out: { pcm: Buffer; from: number; to: number; behind: number }[] = [];
    for (let at = 0; at < pcm.length; at += step) {
      for (const window of windows.push(pcm.subarray(at, at + step))) out.push({ ...window, pcm: Buffer.from(window.pcm) });
    }
    return out;
  };
  for (const step of [7, 64, 2000]) {
    const got = cut(new PcmWindows({ frameBytes: 2, window: 100, hop: 60, before: 50 }), step);
    t.same(
      got.slice(0, 3).map(({ from, to }) => [from, to]),
      [
        [0, 100],
        [10, 160],
        [70, 220],
      ],
      `cut by ${step}`,
    );
    t.equal(got.length, 16);
    t.ok(got.every(({ pcm: piece, from, to }) => piece.equals(pcm.subarray(from * 2, to * 2))));
    t.ok(got.every(({ behind, to }) => (step === 2000 ? behind === 1000 - to : behind < step)));
  }
  const sparse = cut(new PcmWindows({ frameBytes: 2, window: 10, hop: 300, before: 0 }), 16);
  t.same(
    sparse.map(({ from }) => from),
    [0, 300, 600, 900],
    'a hop longer than a window leaves sound out',
  );
  t.ok(sparse.every(({ pcm: piece, from, to }) => piece.equals(pcm.subarray(from * 2, to * 2))));
  const broken = new PcmWindows({ frameBytes: 2, window: 100, hop: 100, before: 50 });
  t.equal(broken.push(pcm.subarray(0, 300)).length, 1);
  broken.gap(20);
  const [after] = broken.push(pcm.subarray(300, 500));
  t.same([after?.from, after?.to], [170, 270], 'what was lost counts, what came before it does not');
  t.end();
});

test('the words of an overrun, options, and the way by PulseAudio', (t) => {
  t.equal(lostMs('overrun!!! (at least 136.239 ms long)'), 136.239);
  t.equal(lostMs('[alsa @ 0x5581] ALSA buffer xrun.'), 0);
  t.equal(lostMs('Recording WAVE stdin'), null);
  const problems = (written: object) =>
    microphoneOptions.safeParse(written).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];
  t.same(problems({}), []);
  t.match(problems({ source: 'command' }), [/^command is needed/]);
  t.match(problems({ command: ['cat'] }), [/^command is of use only/]);
  t.match(problems({ window_ms: 30_000, before_ms: 10_000 }), [/^window_ms .* 40000 ms together, .* at most 32766$/]);
  const { command, args } = microphoneCommand(microphoneOptions.parse({ source: 'pulse', device: 'alsa_input.usb' }));
  t.equal(
    [command, ...args].join(' '),
    'ffmpeg -nostdin -hide_banner -loglevel warning -f pulse -i alsa_input.usb -ac 1 -ar 16000 -f s16le pipe:1',
  );
  t.end();
});
