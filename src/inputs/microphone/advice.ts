/**
 * What arecord and ffmpeg say when they end, as what an operator can do about it.
 *
 * Guarantees: null for words it does not know. Sources: the messages of alsa-utils and alsa-lib 1.2, and the C library in the language C.
 */
import { readFile } from 'node:fs/promises';
import { whoHas, whoMay } from '../live/device.js';
import type { MicrophoneOptions } from './options.js';

export async function adviseOnMicrophone(
  { source, device, rate_hz, channels }: MicrophoneOptions,
  words: string,
  well: boolean,
): Promise<string | null> {
  if (source === 'command') return well ? 'the command ended with code 0' : null;
  if (source === 'pulse' && /Connection refused|Input\/output error/.test(words)) {
    return `no PulseAudio or PipeWire answers, or it knows no source ${device}: it runs for a user who is logged in; the daemon as a service wants source: alsa`;
  }
  if (/No such (file|device)|Unknown PCM|cannot find card|Invalid card/i.test(words))
    return `there is no microphone ${device}; ${await cards()}`;
  if (/Device or resource busy/.test(words)) return await whoHas(device, (path) => /^\/dev\/snd\/pcm\w+c$/.test(path));
  if (/Permission denied|Operation not permitted/.test(words)) return await whoMay('/dev/snd', 'audio');
  if (/(Sample format|Channels count|Rate) non available|rate is not accurate/i.test(words)) {
    return `${device} does not give ${rate_hz} Hz with ${channels} channel${channels === 1 ? '' : 's'}: use plughw: instead of hw:, which converts`;
  }
  return well ? `${device} gives no more sound` : null;
}

async function cards(): Promise<string> {
  const text = await readFile('/proc/asound/cards', 'utf8').catch(() => '');
  const names = [...text.matchAll(/^ *(\d+) \[(\S+) *\]: (.*)$/gm)].map(([, number, , name]) => `plughw:${number} (${name})`);
  return names.length === 0
    ? 'the system knows no sound card: is it plugged in?'
    : `there is ${names.join(', ')}; "arecord -l" lists what records`;
}
