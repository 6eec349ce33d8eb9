/**
 * Goal: a person who walks in, stands 40 s, is hidden for 1 s and leaves is one event, although an engine and the daemon are killed.
 * Method: 60 s at 5 pictures a second to the built daemon with a real model and a broker; the same pictures to pipelines told as one event,
 * as an event a thing, and, as the control, to both without the patience that makes one of it: those must be told as more than one.
 */
import { test } from 'tap';
import { isOneEvent } from '../support/one-event.js';
import { perform } from '../support/person-play.js';

const when = 'faces.exists(f, f.score >= 0.6)';
const rules = { mode: 'events', on_after_ms: 400, update_every_ms: 10_000 };
const track = { boxes: 'faces', where: 'score >= 0.6' };

function positionAt(second: number): number | null {
  if (second < 6 || second >= 52 || (second >= 30 && second < 31)) return null;
  if (second < 9) return Math.round(-220 + ((second - 6) * 320) / 3);
  if (second >= 49) return Math.round(100 + ((second - 49) * 300) / 3);
  return 100;
}

test('a minute before the camera', async (t) => {
  const played = await perform(t, {
    seconds: 60,
    positionAt,
    engineDies: 20,
    daemonDies: 40,
    reports: {
      doors: { ...rules, when },
      things: { ...rules, track },
      nervous: { ...rules, when, off_after_ms: 0 },
      jumpy: { ...rules, track: { ...track, max_gap_ms: 0 } },
    },
    lasting: ['doors', 'things'],
  });
  t.ok(played.killedEngine && played.killedDaemon, 'an engine and the daemon were killed');
  for (const name of ['doors', 'things']) {
    const told = played.told(name);
    isOneEvent(t, told, name);
    t.ok((told.at(-1)?.duration_ms ?? 0) >= 40_000, `${name}: over the whole time`);
    t.ok((told.at(-1)?.captures.held ?? 0) >= 190, `${name}: nearly every picture was counted`);
  }
  for (const name of ['nervous', 'jumpy']) {
    const starts = played.told(name).filter(({ phase }) => phase === 'start').length;
    t.ok(starts > 1, `${name} is told as ${starts}`);
  }
  t.same(played.subscriber.on(/\/(result|backlog)\//), [], 'and not one picture was told by itself');
});
