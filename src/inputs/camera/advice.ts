/**
 * What ffmpeg and rpicam-vid say when they end, as what an operator can do about it.
 *
 * Guarantees: null for words it does not know; a url of a network camera is never repeated, since it may hold the password.
 * Sources: the messages of ffmpeg 5.1 (libavformat, libavdevice), rpicam-apps 1.5, and the C library in the language C.
 */
import { whatIsThere, whoHas, whoMay } from '../live/device.js';
import { v4l2Device } from './command.js';
import type { CameraOptions } from './options.js';

/** ffmpeg names the url it could not open. */
export function withoutUrls(line: string): string {
  return line.replace(/\b(rtsps?):\/\/[^\s'"]*/gi, '$1://...');
}

export async function adviseOnCamera(options: CameraOptions, words: string, well: boolean): Promise<string | null> {
  // Of two commands in a pipe, which is missing.
  const missing = /(?:failed to execute|\d+:) (rpicam-vid|ffmpeg): (?:No such file|not found)/.exec(words)?.[1];
  if (missing !== undefined)
    return `there is no command ${missing} here: install the package ${missing === 'ffmpeg' ? missing : 'rpicam-apps (Raspberry Pi OS)'}`;
  switch (options.source) {
    case 'v4l2':
      return await onDevice(v4l2Device(options), words, well);
    case 'csi':
      return onCsi(options, words);
    case 'rtsp':
      return onNetwork(options, words, well);
  }
}

async function onDevice(device: string, words: string, well: boolean): Promise<string | null> {
  if (/No such (file|device)/.test(words)) return await whatIsThere(device, '/dev', /^video\d+$/);
  if (/Device or resource busy/.test(words)) return await whoHas(device);
  if (/Permission denied|Operation not permitted/.test(words)) return await whoMay(device, 'video');
  if (/Not a video capture device|Inappropriate ioctl/.test(words))
    return `${device} gives no pictures; ${await whatIsThere('other one', '/dev', /^video\d+$/)}`;
  return well ? `${device} gives no more pictures` : null;
}

function onCsi({ device = '0' }: CameraOptions, words: string): string | null {
  if (/no cameras available/i.test(words))
    return 'rpicam-vid finds no camera: is the ribbon cable in on both ends? "rpicam-hello --list-cameras" shows what there is';
  if (/camera index|selected camera/i.test(words)) return `there is no camera ${device}: "rpicam-hello --list-cameras" shows what there is`;
  if (/in use|busy|failed to acquire/i.test(words)) return `camera ${device} is in use by another program`;
  // The shell's words for the one that was ended first.
  return /^(Killed|Terminated|Aborted|Segmentation fault|)$/.test(words) ? 'rpicam-vid gives no more pictures' : null;
}

function onNetwork({ url = '', password, transport }: CameraOptions, words: string, well: boolean): string | null {
  const { host, username } = new URL(url);
  if (/401 Unauthorized/.test(words)) {
    if (username === '')
      return `${host} wants a user and a password (401): write the user into url, as in rtsp://user@host/path, and set password`;
    return `${host} refused user ${username} ${password === undefined ? 'without a password' : 'with this password'} (401): check user and password`;
  }
  if (/403 Forbidden/.test(words)) return `${host} forbids this user the stream (403)`;
  if (/404 Not Found/.test(words)) return `${host} knows no such stream (404): check the path in url`;
  if (/4(00 Bad Request|61 Unsupported transport)|Nonmatching transport/i.test(words)) {
    return `${host} refused the request: it may not know transport: ${transport}; try transport: ${transport === 'tcp' ? 'udp' : 'tcp'}`;
  }
  if (/Connection refused/.test(words)) return `${host} refused the connection: is the camera on, and the port right?`;
  if (/(Connection|Operation) timed out/.test(words)) return `${host} does not answer`;
  if (/No route to host|Network is unreachable/.test(words)) return `there is no way to ${host}: check the network`;
  if (/Failed to resolve hostname|Name or service not known/.test(words))
    return `${host} is no known name: check url, or write the address`;
  return well ? `${host} ended the stream` : null;
}
