/**
 * Makes the samples of the demonstration that are ours: a printed label, a sign and a recording with speech and silence.
 *
 * Needs espeak-ng and the DejaVu fonts (Debian: espeak-ng, fonts-dejavu-core). The results are
 * committed, since fonts and voices differ between machines. `node dist/tools/make-samples.js [FOLDER]`, default samples/.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';

const folder = process.argv[2] ?? 'samples';
const rateHz = 16_000;

interface Line {
  readonly text: string;
  readonly size: number;
  readonly y: number;
  readonly bold?: boolean;
}

async function picture(
  file: string,
  width: number,
  height: number,
  background: string,
  ink: string,
  x: number,
  lines: readonly Line[],
): Promise<void> {
  const texts = lines.map(
    ({ text, size, y, bold }) => `<text x="${x}" y="${y}" font-size="${size}"${bold === true ? ' font-weight="bold"' : ''}>${text}</text>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${background}"/><g fill="${ink}" font-family="DejaVu Sans">${texts.join('')}</g></svg>`;
  const image = sharp(Buffer.from(svg));
  const encoded = file.endsWith('.jpg') ? image.jpeg({ quality: 88 }) : image.png({ palette: true, colours: 64, compressionLevel: 9 });
  await encoded.toFile(join(folder, file));
}

async function label(): Promise<void> {
  await picture('label.png', 960, 600, '#fbfaf5', '#1b1b1b', 60, [
    { text: 'SHOAL WORKS', size: 64, y: 110, bold: true },
    { text: 'Pump housing, cast iron', size: 40, y: 200 },
    { text: 'Part 4711-0815', size: 40, y: 270 },
    { text: 'Lot 2025-W37', size: 40, y: 340 },
    { text: 'Net weight 12.5 kg', size: 40, y: 410 },
    { text: 'Handle with care', size: 48, y: 510, bold: true },
  ]);
}

async function sign(): Promise<void> {
  await picture('sign.jpg', 800, 480, '#0b4f6c', '#ffffff', 70, [
    { text: 'DOCK 7', size: 96, y: 150, bold: true },
    { text: 'Deliveries 6:00 - 18:00', size: 48, y: 260 },
    { text: 'Ring the bell', size: 48, y: 350 },
  ]);
}

/** 16-bit mono samples of a sentence, at 16 kHz. */
function speak(text: string): Int16Array {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-samples-'));
  try {
    const spoken = join(dir, 'spoken.wav');
    execFileSync('espeak-ng', ['-v', 'en-us', '-s', '150', '-w', spoken, text]);
    return resample(readFileSync(spoken));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Linear interpolation from the rate of a plain PCM WAV file; good enough for a voice of espeak-ng. */
function resample(wav: Buffer): Int16Array {
  const from = wav.readUInt32LE(24);
  const data = wav.subarray(wav.indexOf('data') + 8);
  const length = Math.floor(data.length / 2);
  const at = (index: number) => data.readInt16LE(2 * Math.min(length - 1, index));
  return Int16Array.from({ length: Math.floor((length * rateHz) / from) }, (_, i) => {
    const position = (i * from) / rateHz;
    const before = Math.floor(position);
    return Math.round(at(before) + (at(before + 1) - at(before)) * (position - before));
  });
}

function wavFile(samples: Int16Array): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rateHz, 24);
  head.writeUInt32LE(rateHz * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([head, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]);
}

function announcement(): void {
  const pause = new Int16Array(rateHz);
  const parts = [pause, speak('The delivery has arrived.'), pause, speak('Please come to dock seven.'), pause];
  const samples = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    process.stdout.write(
      `announcement: ${part === pause ? 'silence' : 'speech '} ${(at / rateHz).toFixed(2)} .. ${((at + part.length) / rateHz).toFixed(2)} s\n`,
    );
    at += part.length;
  }
  writeFileSync(join(folder, 'announcement.wav'), wavFile(samples));
}

await label();
await sign();
announcement();
