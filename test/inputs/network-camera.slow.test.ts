/**
 * Network cameras that go away, send awry and come back: one of our own over TCP, and Debian's rtsp-server-perl, which speaks UDP only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { test } from 'tap';
import { boundCommand } from '../../src/core/bound-child.js';
import { cameraInput } from '../../src/inputs/camera.js';
import { type LiveRig, liveInputContract } from '../contracts/live-input-contract.js';
import { freePort } from '../support/brokers.js';
import { skipWithout } from '../support/on-path.js';
import { until } from '../support/until.js';
import { networkCamera, rtspCamera, watchCamera } from '../support/watch-camera.js';

test('what a live input owes, over TCP', { skip: skipWithout('ffmpeg') }, async (t) =>
  liveInputContract(t, async (t): Promise<LiveRig> => {
    const rtsp = await rtspCamera(t);
    return {
      create: (context) => cameraInput.create('live', networkCamera(`rtsp://127.0.0.1:${rtsp.port}/cam`), context),
      unplug: () => rtsp.switchOff(),
      plug: () => rtsp.switchOn(),
      away: /^127\.0\.0\.1:\d+ (ended the stream|refused the connection)/,
    };
  }),
);

test('time that jumps and ends that are lost cost pictures, and never the stream', { skip: skipWithout('ffmpeg') }, async (t) => {
  const rtsp = await rtspCamera(t);
  let packets = 0;
  let jumps = 0;
  rtsp.spoil = (packet) => {
    packets++;
    // Each second picture an hour ahead or behind, in the 90 kHz of RTP; each 40th packet is lost.
    const picture = packet.readUInt32BE(4);
    if (Math.floor(picture / 9000) % 10 >= 5) {
      jumps++;
      packet.writeUInt32BE((picture + 0x13_4f_d9_00) >>> 0, 4);
    }
    return packets % 40 === 0 ? null : packet;
  };
  const { corridor, input, health } = watchCamera(t, networkCamera(`rtsp://127.0.0.1:${rtsp.port}/cam`));
  await input.start(corridor.offer);
  await until('pictures come', () => corridor.taken.length >= 15);
  t.equal(health()?.state, 'ok');
  t.ok(jumps > 10 && packets > 40);
  const began = corridor.taken[0]?.capture.header.monoMs ?? 0;
  const ended = corridor.taken[14]?.capture.header.monoMs ?? 0;
  t.ok(ended - began > 700, `an hour that passed in no time is not filled with copies: 15 pictures in ${ended - began} ms`);
});

test('Debian rtsp-server-perl over UDP: pictures, a reboot of the camera, pictures', {
  skip: skipWithout('rtsp-server-perl', 'ffmpeg'),
}, async (t) => {
  const [watching, pushing] = [await freePort(), await freePort()];
  const running: ChildProcess[] = [];
  const run = async (name: string, options: string[]) => {
    const [command, args] = await boundCommand(name, options);
    const child = spawn(command, args, { stdio: 'ignore' });
    child.on('error', (error) => t.fail(`${name}: ${error.message}`));
    running.push(child);
  };
  const off = () => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  };
  const on = async () => {
    // It has RTP ports of its own choice, from 20000.
    await run('rtsp-server-perl', ['-c', String(watching), '-s', String(pushing)]);
    await until('it listens', () => canConnect(pushing));
    const drawn = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=10,noise=alls=10:allf=t', '-pix_fmt', 'yuv420p'];
    const coded = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '10'];
    const to = ['-rtsp_transport', 'udp', '-f', 'rtsp', `rtsp://127.0.0.1:${pushing}/cam`];
    await run('ffmpeg', ['-nostdin', '-loglevel', 'quiet', ...drawn, ...coded, ...to]);
  };
  t.teardown(off);
  await on();
  const { corridor, input, health } = watchCamera(
    t,
    networkCamera(`rtsp://127.0.0.1:${watching}/cam`, undefined, { transport: 'udp', stale_ms: 2000, rotate: 180 }),
  );
  await input.start(corridor.offer);
  await until('pictures come', () => corridor.taken.length >= 5);
  off();
  await until('its absence is told', () => health()?.state === 'down');
  t.match(health()?.reason, /ended the stream|no picture for 2 s|refused the connection|does not answer/);
  const before = corridor.taken.length;
  await on();
  await until('pictures come again', () => corridor.taken.length > before + 3);
  t.equal(health()?.state, 'ok');
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
