/**
 * Makes the spoken words that spot-keyword is measured on, and the golden recordings of the catalogue's models of sound.
 *
 * Needs espeak-ng (Debian). The results are committed, since voices differ between machines: `node dist/tools/make-words.js`.
 * Every word stands in the middle of a second and a half of soft hiss; 8 kHz, which is all that the model hears.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAudio } from '../src/engine/audio.js';
import { Chance } from '../test/support/chance.js';
import { mixNoise } from '../test/support/noise.js';
import { plainWav } from '../test/support/silero-reference.js';
import { wavOf } from '../test/support/wav.js';

const words = ['down', 'go', 'left', 'no', 'off', 'on', 'right', 'stop', 'up', 'yes'];
const rateHz = 8000;
const spacing = 1.5 * rateHz;
const hiss = 0.002;

async function speak(word: string): Promise<Float32Array> {
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-words-'));
  try {
    const spoken = path.join(folder, 'spoken.wav');
    execFileSync('espeak-ng', ['-v', 'en-gb', '-s', '140', '-w', spoken, word]);
    const samples = await openAudio(readFileSync(spoken)).samples(rateHz);
    const loud = (sample: number) => Math.abs(sample) >= 0.02;
    return samples.slice(samples.findIndex(loud), samples.findLastIndex(loud) + 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function recording(list: readonly string[]): Promise<Buffer> {
  const chance = new Chance(1);
  const samples = Float32Array.from({ length: spacing * list.length }, () => chance.between(-hiss, hiss));
  for (const [index, word] of list.entries()) {
    const spoken = await speak(word);
    const at = Math.round(index * spacing + (spacing - spoken.length) / 2);
    for (const [i, sample] of spoken.entries()) samples[at + i] = (samples[at + i] ?? 0) + 0.6 * sample;
  }
  return wavOf(samples, rateHz);
}

const golden = (model: string) => `catalogue/${model}/1.0.0/golden/input.wav`;
writeFileSync('bench/data/words.wav', await recording(words));
writeFileSync(golden('keywords-dscnn'), await recording(['left', 'yes']));
writeFileSync(golden('sound-embedding-dscnn'), await recording(['left']));
const announcement = plainWav(readFileSync('samples/announcement.wav'));
writeFileSync(golden('gtcrn'), wavOf(mixNoise(announcement.slice(8000, 48_000), 'fan', 5, 1), 16_000));
writeFileSync(golden('machine-sound-ad01'), wavOf(mixNoise(new Float32Array(24_000).fill(0.01), 'fan', -20, 2), 16_000));
