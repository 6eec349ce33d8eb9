/** FLAC and Ogg by the real ffmpeg, which also makes the files. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { sniff } from '../../src/core/sniff.js';
import { openAudio } from '../../src/engine/audio.js';
import { openFor } from '../../src/engine/open-form.js';
import { childrenOf, commandOf, isAlive } from '../support/processes.js';
import { until } from '../support/until.js';
import { wavOf } from '../support/wav.js';

const missing = (() => {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'ffmpeg is not installed (apt-get install ffmpeg)';
  }
})();

const rateHz = 48_000;
/** A tone that rises, so that a shift in time shows. */
const chirp = (seconds: number) =>
  Float32Array.from({ length: seconds * rateHz }, (_, i) => 0.6 * Math.sin((i * (200 + i / 200)) / rateHz));

function encode(wav: Buffer, ...how: string[]): Buffer {
  const flags = ['-loglevel', 'error', '-f', 'wav', '-i', 'pipe:0', ...how, 'pipe:1'];
  return execFileSync('ffmpeg', flags, { input: wav, maxBuffer: 1 << 28 });
}

const listen = async (file: Uint8Array) => {
  const { audio } = await openFor('audio', file);
  if (audio === null) throw new Error('nothing to hear');
  return audio;
};

test('FLAC says what the WAV file said, to the sample', { skip: missing }, async (t) => {
  const wav = wavOf(chirp(3), rateHz);
  const flac = encode(wav, '-f', 'flac');
  t.match(sniff(flac.subarray(0, 4096)), { mediaType: 'audio/flac', readable: true, kind: 'audio' });
  const [heard, told] = [await listen(flac), openAudio(wav)];
  t.equal(heard.rateHz, rateHz);
  t.equal(heard.durationS, 3);
  for (const rate of [rateHz, 16_000]) {
    const [a, b] = [await heard.samples(rate), await told.samples(rate)];
    t.equal(a.length, b.length);
    t.equal(
      a.findIndex((value, i) => value !== b[i]),
      -1,
      `the same at ${rate} Hz`,
    );
  }
  const stereo = encode(wav, '-af', 'pan=stereo|c0=c0|c1=0*c0', '-f', 'flac');
  const half = await (await listen(stereo)).samples(rateHz);
  const whole = await told.samples(rateHz);
  t.ok(
    half.every((value, i) => Math.abs(value - (whole[i] ?? 0) / 2) < 1e-4),
    'channels are averaged, as those of WAV files are',
  );
});

test('Ogg with Vorbis or Opus is heard, in time', { skip: missing }, async (t) => {
  const samples = chirp(2);
  for (const codec of ['libvorbis', 'libopus']) {
    const ogg = encode(wavOf(samples, rateHz), '-c:a', codec, '-b:a', '128k', '-f', 'ogg');
    t.match(sniff(ogg.subarray(0, 4096)), { mediaType: 'audio/ogg', readable: true });
    const audio = await listen(ogg);
    t.ok(Math.abs(audio.durationS - 2) < 0.05, `${codec}: ${audio.durationS} s`);
    const heard = await audio.samples(rateHz);
    let [product, energy] = [0, 0];
    for (let i = 0; i < heard.length; i++) {
      product += (heard[i] ?? 0) * (samples[i] ?? 0);
      energy += (samples[i] ?? 0) ** 2;
    }
    t.ok(product / energy > 0.95, `${codec}: correlation ${(product / energy).toFixed(3)}`);
  }
});

test('what is damaged, foreign or endless fails with a reason', { skip: missing }, async (t) => {
  const flac = encode(wavOf(chirp(2), rateHz), '-f', 'flac');
  const damaged = Buffer.from(flac).fill(0x5a, flac.length >> 1, (flac.length >> 1) + 64);
  const cases: Record<string, [Uint8Array, RegExp]> = {
    damaged: [damaged, /cannot be decoded: .*flac/],
    'cut off': [flac.subarray(0, Math.floor(flac.length / 3)), /cannot be decoded/],
    'a head alone': [Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(200)]), /cannot be decoded/],
    'an Ogg of nothing': [Buffer.concat([Buffer.from('OggS'), Buffer.alloc(200)]), /cannot be decoded/],
    'a decoder nobody asked for': [
      encode(wavOf(chirp(1), rateHz), '-ar', '16000', '-c:a', 'libspeex', '-f', 'ogg'),
      /speex.*not on whitelist/,
    ],
  };
  for (const [name, [file, message]] of Object.entries(cases)) await t.rejects(listen(file), { code: 'CAPTURE_DECODE', message }, name);
  t.ok((await listen(flac)).durationS === 2, 'the whole one is heard');
  const silence = execFileSync('ffmpeg', [
    '-loglevel',
    'error',
    '-f',
    'lavfi',
    '-i',
    'anullsrc=r=8000:cl=mono',
    '-t',
    '3700',
    '-f',
    'flac',
    'pipe:1',
  ]);
  t.ok(silence.length < 2_000_000, 'a small file');
  await t.rejects(listen(silence), { code: 'CAPTURE_TOO_LARGE', message: /longer than 3600 s/ });
});

function ffmpegOf(t: Test, script: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-ffmpeg-'));
  writeFileSync(join(dir, 'ffmpeg'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(dir, 'ffmpeg'), 0o755);
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('without ffmpeg the reason says which package to install', async (t) => {
  const path = process.env.PATH;
  t.teardown(() => {
    process.env.PATH = path;
  });
  process.env.PATH = '/nowhere';
  const file = Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(200)]);
  await t.rejects(listen(file), { code: 'CAPTURE_UNSUPPORTED', message: /ffmpeg, which is not installed: apt-get install ffmpeg/ });
  process.env.PATH = `${ffmpegOf(t, 'cat >/dev/null; exit 3')}:${path}`;
  await t.rejects(listen(file), { code: 'CAPTURE_DECODE', message: /ffmpeg died of it/ }, 'and one that dies is no silence');
});

test('ffmpeg dies with the process that asked it, even by SIGKILL', async (t) => {
  const dir = ffmpegOf(t, 'exec sleep 600');
  const module = new URL('../../src/engine/ffmpeg.js', import.meta.url).href;
  const script = `const { decodeByFfmpeg } = await import(${JSON.stringify(module)}); await decodeByFfmpeg(Buffer.alloc(9), 'flac', () => {});`;
  const engine = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, PATH: `${dir}:${process.env.PATH}` },
    stdio: 'ignore',
  });
  const { pid = 0 } = engine;
  await until('it runs', () => childrenOf(pid).some((child) => commandOf(child).includes('sleep')));
  const [child = 0] = childrenOf(pid);
  t.ok(isAlive(child));
  engine.kill('SIGKILL');
  await until('it is gone', () => !isAlive(child));
});
