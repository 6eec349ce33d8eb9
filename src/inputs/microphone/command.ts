/**
 * The command that brings a microphone's samples: 16 bit, little endian, on stdout.
 *
 * Pure. Options of arecord as in alsa-utils 1.2 and of ffmpeg 5.1 (Debian 12).
 */
import type { ChildPlan } from '../live/child.js';
import type { MicrophoneOptions } from './options.js';

export function microphoneCommand({ source, device, command = [], rate_hz, channels }: MicrophoneOptions): ChildPlan {
  const env = { LC_ALL: 'C' };
  switch (source) {
    case 'alsa': {
      const format = ['-t', 'raw', '-f', 'S16_LE', '-r', String(rate_hz), '-c', String(channels)];
      return { command: 'arecord', package: 'alsa-utils', args: ['-q', '-D', device, ...format], env };
    }
    case 'pulse': {
      const out = ['-ac', String(channels), '-ar', String(rate_hz), '-f', 's16le', 'pipe:1'];
      const args = ['-nostdin', '-hide_banner', '-loglevel', 'warning', '-f', 'pulse', '-i', device, ...out];
      return { command: 'ffmpeg', package: 'ffmpeg', args, env: { ...env, XDG_RUNTIME_DIR: `/run/user/${process.getuid?.() ?? 0}` } };
    }
    case 'command':
      return { command: command[0] ?? '', args: command.slice(1), env };
  }
}

/** What a line of its says was lost, in ms; 0 where it does not say how much, null where nothing was. Source: arecord's xrun(), ffmpeg's alsa.c. */
export function lostMs(line: string): number | null {
  const overrun = /^overrun!!!(?: \(at least ([\d.]+) ms long\))?/.exec(line);
  if (overrun !== null) return Number(overrun[1] ?? 0);
  return /ALSA buffer xrun/.test(line) ? 0 : null;
}
