/**
 * What an operator may say about a camera.
 *
 * The parsed object is used as it is; the documentation of the configuration is generated from the descriptions.
 */
import { z } from 'zod';
import { limits } from '../../core/limits.js';
import { secret } from '../../core/secret.js';
import { areaOf } from '../../core/zone.js';
import { maskBoxes } from './mask.js';

/** `rtsp://[user@]host[:port]/path`; what is wrong with it, or null. The password never travels in a url. */
function explainUrl(url: string): string | null {
  if (!URL.canParse(url)) return 'must look like rtsp://user@host:554/path';
  const { protocol, hostname, password } = new URL(url);
  if (protocol !== 'rtsp:' && protocol !== 'rtsps:') return 'must begin with rtsp:// or rtsps://';
  if (hostname === '') return 'must name a host, as in rtsp://user@host:554/path';
  return password === '' ? null : 'must not hold the password: use password: { credential: NAME } or { file: /PATH }';
}

const share = () => z.number().min(0).max(1);
const pixels = () => z.int().min(16).max(8192);

const fields = z.strictObject({
  source: z
    .enum(['v4l2', 'csi', 'rtsp'])
    .default('v4l2')
    .describe(
      'v4l2: a USB or other camera of the kernel, by ffmpeg; csi: a Raspberry Pi camera, by rpicam-vid; rtsp: a network camera, by ffmpeg',
    ),
  device: z
    .string()
    .regex(/^(\/dev\/[\w./:+-]{1,200}|\d)$/, 'must be a path as /dev/video0, or with source: csi the number of the camera')
    .meta({ expected: 'a path as /dev/video0, or with source: csi the number of the camera' })
    .optional()
    .describe(
      'which camera: /dev/video0 or a stable name below /dev/v4l/by-id/ or by-path/ (v4l2; /dev/video0 if not given), or its number (csi; 0 if not given)',
    ),
  url: z
    .string()
    .max(512)
    .superRefine((url, context) => {
      const problem = explainUrl(url);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .optional()
    .describe('of a network camera: rtsp://user@host:554/path, or rtsps://; its password stands in password'),
  password: secret().optional().describe('password of the user in url, as { credential: NAME } or { file: /PATH }'),
  transport: z.enum(['tcp', 'udp']).default('tcp').describe('how a network camera sends: tcp loses nothing, some cameras know udp only'),
  keyframes_only: z
    .boolean()
    .default(false)
    .describe(
      'decode only the pictures of a network camera that stand for themselves, often one a second or fewer: a fraction of the CPU time',
    ),
  size: z
    .tuple([pixels(), pixels()])
    .optional()
    .describe('width and height that a v4l2 or csi camera is asked for, or that the pictures of a network camera are scaled to'),
  rate_hz: z
    .number()
    .min(0.1)
    .max(60)
    .default(2)
    .describe('pictures taken from it a second, 0.1 .. 60 (Hz); what it sends above is left out'),
  rotate: z
    .union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)])
    .default(0)
    .describe('degrees by which the picture is turned clockwise: 0, 90, 180 or 270'),
  crop: z
    .tuple([share(), share(), share(), share()])
    .refine(([x, y, width, height]) => x + width <= 1.000_001 && y + height <= 1.000_001, 'x + width and y + height must be at most 1')
    .refine(([, , width, height]) => width >= 0.01 && height >= 0.01, 'width and height must be at least 0.01')
    .optional()
    .describe('[x, y, width, height] of the part that is kept, in shares of the turned picture'),
  mask: z
    .array(
      z
        .array(z.tuple([share(), share()]))
        .min(3)
        .max(limits.zonePointsMax)
        .refine((polygon) => polygon.length < 3 || areaOf(polygon) > 1e-6, 'its points enclose nothing')
        .describe('corners [x, y], in order'),
    )
    .max(limits.zonesMax)
    .refine(
      (polygons) => maskBoxes(polygons).length <= limits.maskBoxesMax,
      `takes more than ${limits.maskBoxesMax} boxes to draw: use fewer or simpler polygons`,
    )
    .default([])
    .describe(
      'polygons that are painted black before the picture reaches the daemon, 0 .. 1 of the turned and cropped picture, x to the right, y down; also painted is what shares a cell of 1/128 x 1/72 with them',
    ),
  stale_ms: z
    .int()
    .min(1000)
    .max(3_600_000)
    .default(10_000)
    .describe(
      'milliseconds without a picture after which the camera is down and opened anew, 1000 .. 3600000; three pictures at rate_hz at least',
    ),
  frozen_ms: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(60_000)
    .describe(
      'milliseconds of the very same picture, to the bit, after which the camera is down and opened anew, 0 .. 86400000; 0 for never: for a source without noise, such as a drawn picture',
    ),
});

export const cameraOptions = fields.superRefine(({ source, device, url, password, keyframes_only }, context) => {
  const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (source === 'rtsp' && url === undefined) issue('url', 'is needed with source: rtsp, as in rtsp://user@host:554/path');
  if (source !== 'rtsp' && url !== undefined) issue('url', 'is of use only with source: rtsp');
  if (source !== 'rtsp' && keyframes_only) issue('keyframes_only', 'is of use only with source: rtsp');
  if (source === 'rtsp' && device !== undefined) issue('device', 'is of no use with source: rtsp, which has a url');
  if (source === 'csi' && device?.startsWith('/') === true) issue('device', 'is the number of the camera with source: csi, as in "0"');
  if (source === 'v4l2' && device?.startsWith('/') === false) issue('device', 'is a path with source: v4l2, as in /dev/video0');
  if (password !== undefined && (url === undefined || new URL(url).username === ''))
    issue('password', 'needs a user in url, as in rtsp://user@host/path');
});

export type CameraOptions = z.output<typeof cameraOptions>;
