/**
 * A person before a camera, as an operator is told of it by the built daemon: as one event, as an event a thing, and result by result where
 * they say something new. The same for a minute, with controls, is in events.test.ts.
 */
import { test } from 'tap';
import { isOneEvent } from '../support/one-event.js';
import { perform } from '../support/person-play.js';

const when = 'faces.exists(f, f.score >= 0.6)';
const rules = { mode: 'events', on_after_ms: 300, off_after_ms: 3000, update_every_ms: 2000 };

function positionAt(second: number): number | null {
  if (second < 1.4 || second >= 10.6 || (second >= 5 && second < 5.6)) return null;
  if (second < 2.4) return Math.round(-220 + (second - 1.4) * 320);
  if (second >= 9.8) return Math.round(100 + (second - 9.8) * 300);
  return 100;
}

test('one person is one event: told once, with its state right after every restart', async (t) => {
  const played = await perform(t, {
    seconds: 14,
    positionAt,
    engineDies: 4,
    daemonDies: 7.2,
    reports: {
      doors: { ...rules, when },
      things: { ...rules, track: { boxes: 'faces', where: 'score >= 0.6' } },
      changes: { mode: 'on_change', when },
    },
    lasting: ['doors', 'things'],
  });
  t.ok(played.killedEngine && played.killedDaemon, 'an engine and the daemon were killed');
  for (const name of ['doors', 'things']) isOneEvent(t, played.told(name), name);
  t.ok((played.told('doors').at(-1)?.captures.held ?? 0) >= 30, 'nearly every picture of the person was counted');
  t.match(played.told('things')[0]?.box, { x_min: Number, y_max: Number }, 'and the thing has its place');
  const { subscriber } = played;
  t.same(subscriber.on(/\/(result|backlog)\/(doors|things)\//), [], 'and not one picture was told by itself');
  for (const { qos, retain } of subscriber.on(/\/event\//)) t.same({ qos, retain }, { qos: 1, retain: false });
  const changes = subscriber
    .on(/\/result\/changes\//)
    .map(({ payload }) => JSON.parse(payload.toString()) as { holds: boolean; id: string });
  const said = [...new Map(changes.map((change) => [change.id, change])).values()].map(({ holds }) => holds);
  t.same(said, [true, false, true, false], 'there, hidden, there again, gone: each told once, whatever was killed');
});
