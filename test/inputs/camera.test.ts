/**
 * Cameras by their real commands: rpicam-vid is a script that checks its options and lets ffmpeg draw, ffmpeg is ffmpeg.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { cameraOptions } from '../../src/inputs/camera/options.js';
import { cameraInput } from '../../src/inputs/camera.js';
import { whatIsThere, whoHas, whoMay } from '../../src/inputs/live/device.js';
import { type LiveRig, liveInputContract } from '../contracts/live-input-contract.js';
import { onPath, scratch, skipWithout } from '../support/on-path.js';
import { childrenOf, commandOf, kill } from '../support/processes.js';
import { until } from '../support/until.js';
import { watchCamera } from '../support/watch-camera.js';

const noisy = 'testsrc2=size=320x180:rate=10,noise=alls=10:allf=t';

/** As Raspberry Pi's documentation has it: JPEG after JPEG on stdout. Draws what the file `scene` says; without it there is no camera. */
function rpicam(scene: string) {
  const folder = scratch();
  writeFileSync(`${folder}/scene`, scene);
  onPath(
    folder,
    'rpicam-vid',
    `echo "$@" > ${folder}/args
     [ -e ${folder}/scene ] || { echo 'ERROR: *** no cameras available ***' >&2; exit 255; }
     exec ffmpeg -nostdin -loglevel error -re -f lavfi -i "$(cat ${folder}/scene)" -f mjpeg -q:v 3 pipe:1`,
  );
  return {
    args: () => readFileSync(`${folder}/args`, 'utf8').trim(),
    show: (next: string | null) => {
      if (next === null) rmSync(`${folder}/scene`);
      else writeFileSync(`${folder}/scene`, next);
      for (const pid of descendants(process.pid)) if (commandOf(pid).includes('lavfi')) kill(pid);
    },
  };
}

/** Whether a process has its device open by now; it may not even run yet. */
function holds(pid: number | undefined): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/3`).endsWith('/device');
  } catch {
    return false;
  }
}

function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

test('what a live input owes', { skip: skipWithout('ffmpeg') }, async (t) =>
  liveInputContract(t, async (): Promise<LiveRig> => {
    const camera = rpicam(noisy);
    return {
      create: (context) => cameraInput.create('live', cameraOptions.parse({ source: 'csi', rate_hz: 10 }), context),
      unplug: async () => camera.show(null),
      plug: async () => camera.show(noisy),
      away: /^rpicam-vid gives no more pictures/,
    };
  }),
);

test('rpicam-vid is asked for what the configuration says; pictures are turned, cropped and masked before they are here', {
  skip: skipWithout('ffmpeg'),
}, async (t) => {
  const camera = rpicam('color=white:size=320x180:rate=10,noise=alls=10:allf=t,drawbox=x=0:y=0:w=160:h=90:color=red:t=fill');
  const mask = [
    [
      [0, 0.5],
      [0.5, 0.5],
      [0.5, 1],
      [0, 1],
    ],
  ];
  const { corridor, input } = watchCamera(
    t,
    cameraOptions.parse({
      source: 'csi',
      device: '1',
      size: [320, 180],
      rate_hz: 2,
      rotate: 90,
      crop: [0, 0, 1, 0.5],
      mask,
    }),
  );
  await input.start(corridor.offer);
  await until('pictures come', () => corridor.taken.length >= 3);
  const wanted = '--nopreview --timeout 0 --camera 1 --width 320 --height 180 --framerate 5 --codec mjpeg --flush --output -';
  t.equal(camera.args(), wanted);
  const times = corridor.taken.map(({ capture }) => capture.header.monoMs ?? 0);
  t.ok((times[2] ?? 0) - (times[1] ?? 0) > 200, 'sampled at rate_hz, not at the rate of the camera');
  const [{ capture } = t.fail('no capture') as never] = corridor.taken;
  t.match(capture.header, { kind: 'image', mediaType: 'image/jpeg', name: 'picture 1' });
  const bytes = 'bytes' in capture.content ? Buffer.from(capture.content.bytes) : Buffer.alloc(0);
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  t.same([info.width, info.height], [180, 160]);
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  // The red corner, top left before, is top right after a quarter clockwise; the white below it stays, but for the mask.
  const [red = 0, green = 0] = at(140, 40);
  t.ok(red > 180 && green < 80, `red: ${at(140, 40)}`);
  t.ok(
    at(40, 40).every((value) => value > 200),
    `white: ${at(40, 40)}`,
  );
  let brightest = 0;
  for (let y = 80; y < 160; y++) for (let x = 0; x < 90; x++) brightest = Math.max(brightest, ...at(x, y));
  t.ok(brightest < 40, `nothing of what is masked is left: ${brightest}`);
});

test('the same picture for too long is no picture of nothing: down, opened anew, not offered, until another comes', {
  skip: skipWithout('ffmpeg'),
}, async (t) => {
  const camera = rpicam('color=gray:size=320x180:rate=10');
  const { around, corridor, input, health } = watchCamera(t, cameraOptions.parse({ source: 'csi', rate_hz: 10, frozen_ms: 1500 }));
  await input.start(corridor.offer);
  await until('it is told', () => health()?.state === 'down');
  t.match(health()?.reason, /^the very same picture for 1\.5 s/);
  const offered = corridor.taken.length;
  t.ok(offered > 0);
  const skipped = () => around.value('shoal_input_skipped_total', { input: 'live', reason: 'frozen' });
  const before = skipped();
  await until('it was opened anew and is still frozen', () => skipped() >= before + 3);
  t.equal(corridor.taken.length, offered);
  camera.show(noisy);
  await until('it sees again', () => health()?.state === 'ok');
  t.ok(corridor.taken.length > offered);
  t.equal(around.lines.filter(({ level, message }) => level === 'warn' && /the very same/.test(message)).length, 1, 'told once');
});

test('no picture for too long: down, and opened anew', { skip: skipWithout('ffmpeg') }, async (t) => {
  const { corridor, input, health } = watchCamera(t, cameraOptions.parse({ source: 'csi', rate_hz: 10, stale_ms: 1000 }));
  const folder = scratch();
  // Draws for a moment, then hangs; the second time it goes on.
  onPath(
    folder,
    'rpicam-vid',
    `[ -e ${folder}/second ] || frames='-frames:v 8'; touch ${folder}/second
     ffmpeg -nostdin -loglevel error -re -f lavfi -i ${noisy} $frames -f mjpeg pipe:1; exec sleep 1000`,
  );
  await input.start(corridor.offer);
  await until('it is told', () => health()?.state === 'down');
  t.equal(health()?.reason, 'no picture for 1 s');
  t.ok(corridor.taken.length > 0 && corridor.taken.length <= 8);
  await until('it sees again', () => health()?.state === 'ok');
});

test('a picture larger than may travel is told as such', { skip: skipWithout('ffmpeg') }, async (t) => {
  rpicam('testsrc=size=1920x1440:rate=5,noise=alls=100:allf=t');
  const { around, corridor, input, health } = watchCamera(t, cameraOptions.parse({ source: 'csi', rate_hz: 5 }));
  await input.start(corridor.offer);
  await until('it is told', () => health()?.state === 'down', 60_000);
  t.equal(health()?.reason, `a picture has more than ${limits.cameraPictureBytesMax / 1024} KiB: set a smaller size`);
  t.ok(around.value('shoal_input_skipped_total', { reason: 'too_large' }) > 0);
  t.same(corridor.taken, []);
});

test('what is missing is named: the device, the command, the right', { skip: skipWithout('ffmpeg') }, async (t) => {
  const nowhere = watchCamera(t, cameraOptions.parse({ device: '/dev/video77' }));
  await nowhere.input.start(nowhere.corridor.offer);
  await until('it is told', () => nowhere.health()?.state === 'down');
  t.match(nowhere.health()?.reason, /^there is no \/dev\/video77; /);
  rpicam(noisy).show(null);
  const unplugged = watchCamera(t, cameraOptions.parse({ source: 'csi' }));
  await unplugged.input.start(unplugged.corridor.offer);
  await until('it is told', () => unplugged.health()?.state === 'down');
  t.match(unplugged.health()?.reason, /^rpicam-vid finds no camera: is the ribbon cable in/);
  const path = process.env.PATH;
  t.teardown(() => {
    process.env.PATH = path;
  });
  // The system without ffmpeg: setpriv and sh, and nothing else.
  const folder = scratch();
  onPath(folder, 'setpriv', 'exec /usr/bin/setpriv "$@"');
  process.env.PATH = `${folder}/bin`;
  const bare = watchCamera(t, cameraOptions.parse({}));
  await bare.input.start(bare.corridor.offer);
  await until('it is told', () => bare.health()?.state === 'down');
  t.equal(bare.health()?.reason, 'there is no command ffmpeg here: install the package ffmpeg');
});

test('who has a device, who may, and what is there instead', async (t) => {
  const folder = t.testdir({ device: '', video0: '', video3: '' });
  const holder = spawn('tail', ['-f', `${folder}/device`], { stdio: 'ignore' });
  t.teardown(() => holder.kill('SIGKILL'));
  await until('it is held', () => holds(holder.pid));
  t.equal(
    await whoHas(`${folder}/device`),
    `${folder}/device is in use by tail (process ${holder.pid}): stop it, or give the daemon another device`,
  );
  t.match(await whoHas('/dev/no-such-device'), /is in use by another program; "fuser/);
  t.match(await whoMay('/etc/shadow', 'video'), /member of the group shadow/);
  t.match(await whoMay('/no/such', 'video'), /member of the group video/);
  t.equal(await whatIsThere('/dev/video7', folder, /^video\d$/), `there is no /dev/video7; there is ${folder}/video0, ${folder}/video3`);
  t.match(await whatIsThere('/dev/video7', folder, /^nothing/), /is it plugged in\?/);
});
