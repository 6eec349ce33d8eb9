/**
 * Network cameras that ask for a password: it opens them, and is shown to nobody.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'tap';
import { skipWithout } from '../support/on-path.js';
import { until } from '../support/until.js';
import { networkCamera, rtspCamera, watchCamera } from '../support/watch-camera.js';

/** With characters that a url, a script of ffmpeg and a shell each take for their own. */
const password = `p@ss:w/o'rd %41"`;

/** Whether a text stands in the arguments or the environment of any process but this one. */
function isShown(text: string): boolean {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.some((pid) =>
    ['cmdline', 'environ'].some((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text);
      } catch {
        return false;
      }
    }),
  );
}

for (const scheme of ['Basic', 'Digest'] as const) {
  test(`the password works (${scheme}), and is shown to nobody`, { skip: skipWithout('ffmpeg') }, async (t) => {
    const rtsp = await rtspCamera(t, { user: 'guard', password, scheme });
    const { around, corridor, input, health } = watchCamera(t, networkCamera(`rtsp://guard@127.0.0.1:${rtsp.port}/cam`, password));
    await input.start(corridor.offer);
    await until('pictures come', () => corridor.taken.length >= 2);
    t.ok(rtsp.refused > 0, 'it was asked for');
    t.ok(isShown('ffconcat') === false, 'nothing of the script is an argument');
    const shown = ['p%40ss', 'p@ss', encodeURIComponent(password)].filter(isShown);
    t.same(shown, []);
    t.ok(isShown('protocol_whitelist'), 'control: arguments of ffmpeg are seen here');
    await rtsp.switchOff();
    await until('it is told', () => /refused the connection/.test(health()?.reason ?? ''));
    t.notMatch(JSON.stringify([around.lines, health()]), /p@ss|p%40ss/);
    t.match(JSON.stringify(around.lines), /rtsp:\/\/\.\.\./, 'control: ffmpeg does repeat the url it cannot open');
  });
}

test('a wrong password, none at all, a user that was forgotten', { skip: skipWithout('ffmpeg') }, async (t) => {
  const rtsp = await rtspCamera(t, { user: 'guard', password, scheme: 'Digest' });
  const at = `127.0.0.1:${rtsp.port}`;
  for (const [parsed, reason] of [
    [networkCamera(`rtsp://guard@${at}/cam`, 'wrong'), `${at} refused user guard with this password (401): check user and password`],
    [networkCamera(`rtsp://guard@${at}/cam`), `${at} refused user guard without a password (401): check user and password`],
    [
      networkCamera(`rtsp://${at}/cam`),
      `${at} wants a user and a password (401): write the user into url, as in rtsp://user@host/path, and set password`,
    ],
  ] as const) {
    const { corridor, input, health } = watchCamera(t, parsed);
    await input.start(corridor.offer);
    await until('it is told', () => health()?.state === 'down');
    t.equal(health()?.reason, reason);
    await input.stop();
    t.same(corridor.taken, []);
  }
});
