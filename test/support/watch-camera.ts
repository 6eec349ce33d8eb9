/** Cameras in tests: their options as an operator writes them, an input on them, and what it did. */
import type { Test } from 'tap';
import type { Secret } from '../../src/core/secret.js';
import { type CameraOptions, cameraOptions } from '../../src/inputs/camera/options.js';
import { cameraInput } from '../../src/inputs/camera.js';
import { liveContext, TakingCorridor } from '../contracts/live-input-contract.js';
import { RtspCamera, type RtspCameraOptions } from './rtsp-camera.js';
import { testSurroundings } from './surroundings.js';

export function networkCamera(url: string, secret?: string, more: object = {}): CameraOptions {
  const written = secret === undefined ? {} : { password: { credential: 'camera' } };
  const parsed = cameraOptions.parse({ source: 'rtsp', url, rate_hz: 10, ...written, ...more });
  (parsed.password as Secret | undefined)?.fill(secret ?? '');
  return parsed;
}

/** Switched on, and off for good when the test ends. */
export async function rtspCamera(t: Test, wanted: RtspCameraOptions = {}): Promise<RtspCamera> {
  const rtsp = new RtspCamera(wanted);
  await rtsp.start();
  t.teardown(() => rtsp.stop());
  return rtsp;
}

export function watchCamera(t: Test, parsed: CameraOptions) {
  const around = testSurroundings();
  const corridor = new TakingCorridor();
  const input = cameraInput.create('live', parsed, liveContext(`${t.testdir({})}/ledger`, around));
  t.teardown(() => input.stop());
  return { around, corridor, input, health: () => around.states.get('input:live') };
}
