/**
 * The command that brings a camera's pictures: JPEG after JPEG on stdout, sampled, turned, cropped and masked.
 *
 * Guarantees: what is masked is painted over before the picture is encoded, so that it reaches neither the core nor a disk; the password of a
 * network camera goes by ffmpeg's stdin, as a script of its concat demuxer, never as an argument. Frames touch no file. Pure but for asking once
 * whether setpriv is there. Options of ffmpeg 5.1 and later (Debian 12), and of rpicam-vid as in the Raspberry Pi documentation, camera software.
 */
import { boundCommand } from '../../core/bound-child.js';
import type { ChildPlan } from '../live/child.js';
import { maskBoxes } from './mask.js';
import type { CameraOptions } from './options.js';

/** Little is looked at before the first picture: what kind it is, is known, and live pictures do not wait. */
const live = ['-fflags', 'nobuffer', '-flags', 'low_delay'];
const noProbe = ['-analyzeduration', '0', '-probesize', '32768'];

export async function cameraCommand(options: CameraOptions): Promise<ChildPlan> {
  switch (options.source) {
    case 'v4l2':
      return ffmpeg(v4l2Args(options), options);
    case 'csi':
      return csi(options);
    case 'rtsp':
      return { ...ffmpeg(rtspArgs(options), options), stdin: rtspScript(options) };
  }
}

export function v4l2Device({ device }: CameraOptions): string {
  return device ?? '/dev/video0';
}

function ffmpeg(source: readonly string[], options: CameraOptions): ChildPlan {
  return { command: 'ffmpeg', package: 'ffmpeg', args: ffmpegArgs(source, options), env: { LC_ALL: 'C' } };
}

function ffmpegArgs(source: readonly string[], options: CameraOptions): string[] {
  const out = ['-an', '-sn', '-dn', '-vf', filters(options), '-fps_mode', 'passthrough', '-c:v', 'mjpeg', '-q:v', '4'];
  return ['-nostdin', '-hide_banner', '-loglevel', 'error', ...live, ...source, ...out, '-f', 'image2pipe', 'pipe:1'];
}

/** A camera that knows no such rate takes its nearest; below 5 Hz many know none, and exposure may follow the rate. */
function askedHz({ rate_hz }: CameraOptions): number {
  return Math.max(5, Math.ceil(rate_hz));
}

function v4l2Args(options: CameraOptions): string[] {
  const { size } = options;
  const asked = ['-framerate', String(askedHz(options)), ...(size === undefined ? [] : ['-video_size', size.join('x')])];
  return ['-f', 'v4l2', ...asked, '-i', v4l2Device(options)];
}

/** rpicam-vid cannot paint, nor turn by a quarter: its pictures go through ffmpeg. What they are given is numbers, and no word of it is a person's. */
async function csi(options: CameraOptions): Promise<ChildPlan> {
  const { size, device } = options;
  const asked = size === undefined ? [] : ['--width', String(size[0]), '--height', String(size[1])];
  const hz = String(askedHz(options));
  const out = ['--codec', 'mjpeg', '--flush', '--output', '-'];
  const rpicam = ['--nopreview', '--timeout', '0', '--camera', device ?? '0', ...asked, '--framerate', hz, ...out];
  const piped = ffmpegArgs(['-f', 'mjpeg', '-framerate', hz, ...noProbe, '-i', 'pipe:0'], options);
  const ends = [await boundCommand('rpicam-vid', rpicam), await boundCommand('ffmpeg', piped)];
  const script = ends.map(([command, args]) => [command, ...args].map(quoted).join(' ')).join(' | ');
  return { command: 'sh', args: ['-c', script], env: { LC_ALL: 'C' } };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function rtspArgs({ keyframes_only }: CameraOptions): string[] {
  const some = keyframes_only ? ['-skip_frame', 'nokey'] : [];
  return [...some, '-protocol_whitelist', 'pipe,rtsp,rtsps,rtp,srtp,tcp,udp,tls', '-f', 'concat', '-safe', '0', '-i', 'pipe:0'];
}

/** Source: ffmpeg's documentation of formats, concat, "option key value". */
function rtspScript({ url = '', password, transport, stale_ms }: CameraOptions): string {
  const full = new URL(url);
  if (password !== undefined) full.password = encodeURIComponent(password.reveal());
  const file = full.href.replaceAll("'", '%27');
  const options = { rtsp_transport: transport, timeout: stale_ms * 1000, analyzeduration: 1_000_000 };
  const lines = Object.entries(options).map(([key, value]) => `option ${key} ${value}\n`);
  return `ffconcat version 1.0\nfile '${file}'\n${lines.join('')}`;
}

/** In the order of the options' descriptions; sampled first, since the rest costs. */
function filters({ source, rate_hz, rotate, crop, mask, size }: CameraOptions): string {
  const turns = { 0: [], 90: ['transpose=clock'], 180: ['hflip', 'vflip'], 270: ['transpose=cclock'] };
  return [
    sampled(rate_hz),
    ...(source === 'rtsp' && size !== undefined ? [`scale=${size.join(':')}`] : []),
    ...turns[rotate],
    ...(crop === undefined ? [] : [`crop=x=iw*${crop[0]}:y=ih*${crop[1]}:w=iw*${crop[2]}:h=ih*${crop[3]}`]),
    ...maskBoxes(mask).map(
      ([x, y, w, h]) => `drawbox=x=floor(iw*${x}):y=floor(ih*${y}):w=ceil(iw*${w})+1:h=ceil(ih*${h})+1:color=black:t=fill`,
    ),
  ].join(',');
}

/**
 * The first picture of each turn of the rate. Unlike ffmpeg's `fps` it repeats none, neither for a slow camera nor where its time jumps ahead, and
 * time that jumps back does not silence it. Turns are counted from their middle: pictures that come at just the rate stay clear of the border.
 */
function sampled(rateHz: number): string {
  const turn = (t: string) => `floor(${t}*${rateHz}+0.5)`;
  // What comes out is counted, since an encoder ends at time that goes back.
  return `select='not(eq(${turn('t')},${turn('prev_selected_t')}))',setpts=N/TB`;
}
