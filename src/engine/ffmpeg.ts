/**
 * Runs ffmpeg as a decoder: bytes in by a pipe, samples out by a pipe, nothing else.
 *
 * Guarantees: the format is the one asked for, never guessed, and only the decoders named below are used; it opens no file, no address and no
 * device (protocol whitelist), writes no file and has bounded memory (prlimit, where the system lets it); it ends within
 * `limits.audioDecodeMs`, when the reader has enough, and with this process however that ends. What it complains of fails the capture: a
 * recording is decoded whole or not at all.
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { boundCommand } from '../core/bound-child.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

/** Demuxers of ffmpeg. */
export type SoundFormat = 'flac' | 'ogg';

const decoders = 'flac,vorbis,opus';

/** Where ffmpeg is, by PATH; null where it is not installed. Asked each time: it may be installed while we run. */
export async function findFfmpeg(path = process.env.PATH ?? ''): Promise<string | null> {
  for (const folder of path.split(':').filter((each) => each.startsWith('/'))) {
    const file = join(folder, 'ffmpeg');
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return file;
  }
  return null;
}

/**
 * Decodes the first sound of `encoded` and hands over a WAV file of 32-bit floats piece by piece; its sizes are not filled in. `onPiece` may
 * throw, which ends it. Rejects with what `onPiece` threw, CAPTURE_UNSUPPORTED without ffmpeg, CAPTURE_DECODE otherwise.
 */
export async function decodeByFfmpeg(encoded: Uint8Array, format: SoundFormat, onPiece: (piece: Buffer) => void): Promise<void> {
  const ffmpeg = await findFfmpeg();
  if (ffmpeg === null) {
    throw new ShoalError(
      'CAPTURE_UNSUPPORTED',
      `a ${format === 'flac' ? 'FLAC' : 'Ogg'} sound is decoded by ffmpeg, which is not installed: apt-get install ffmpeg`,
    );
  }
  const fenced = (await mayLimit()) ? [...prlimit, '--', ffmpeg] : [ffmpeg];
  const [command, args] = await boundCommand(fenced[0] ?? ffmpeg, [...fenced.slice(1), ...commandLine(format)]);
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let broken: unknown = null;
  const end = (error: unknown) => {
    broken ??= error;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(
    () => end(unreadable(`ffmpeg did not end within ${limits.audioDecodeMs / 1000} s: cut the recording`)),
    limits.audioDecodeMs,
  );
  child.stdout.on('data', (piece: Buffer) => {
    try {
      if (broken === null) onPiece(piece);
    } catch (error) {
      end(error);
    }
  });
  const complaint = complaintOf(child);
  // It may have enough before it has read everything; what it says then counts.
  child.stdin.on('error', () => {});
  child.stdin.end(encoded);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      end(unreadable(`ffmpeg cannot be run: ${reasonOf(error)}`));
      resolve(null);
    });
    child.on('close', resolve);
  }).finally(() => clearTimeout(timer));
  if (broken !== null) throw broken;
  if (code !== 0 || complaint() !== '') throw unreadable(complaint() || 'ffmpeg died of it');
}

function commandLine(format: SoundFormat): string[] {
  const quiet = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-threads', '1'];
  const fenced = ['-max_alloc', String(limits.ffmpegAllocationBytesMax), '-protocol_whitelist', 'pipe', '-codec_whitelist', decoders];
  const input = ['-xerror', '-f', format, '-i', 'pipe:0'];
  const output = ['-map', '0:a:0', '-vn', '-sn', '-dn', '-map_metadata', '-1', '-c:a', 'pcm_f32le', '-fflags', '+bitexact', '-f', 'wav'];
  return [...quiet, ...fenced, ...input, ...output, 'pipe:1'];
}

/** What bounds its memory and keeps it from writing files. */
const prlimit = ['prlimit', `--data=${limits.ffmpegMemoryBytesMax}`, '--fsize=0', '--core=0', '--nofile=32'];

let asked: Promise<boolean> | undefined;

/** Whether that may be: a service's filter of system calls may forbid it. Asked once. */
function mayLimit(): Promise<boolean> {
  asked ??= new Promise((resolve) => {
    const [command = '', ...flags] = prlimit;
    execFile(command, [...flags, '--', 'true'], { timeout: 10_000 }, (error) => resolve(error === null));
  });
  return asked;
}

/** The first line of what it said, without the address of its decoder. */
function complaintOf(child: ChildProcessByStdio<Writable, Readable, Readable>): () => string {
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said = (said + piece).slice(0, limits.childStderrLineChars);
  });
  return () => {
    const [line = ''] = said.trim().split('\n');
    return line.replace(/^\[(\w+) @ 0x[0-9a-f]+\] /, '$1: ').replace(/[^ -~]/g, '?');
  };
}

function unreadable(what: string): ShoalError {
  return new ShoalError('CAPTURE_DECODE', `the sound cannot be decoded: ${what}`);
}
