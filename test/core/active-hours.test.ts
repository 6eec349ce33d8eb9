import { test } from 'tap';
import { type ActiveHours, compileHours, hoursText, isTimeZone, weekdays } from '../../src/core/active-hours.js';

const all = [...weekdays];

/** The spans within which it is active, in UTC, looked at minute by minute. */
function spans(hours: Partial<ActiveHours>, from: string, to: string): string[] {
  const isActive = compileHours({ days: all, from: '00:00', to: '24:00', time_zone: 'Europe/Berlin', ...hours });
  const edges: string[] = [];
  let before = false;
  for (let ms = Date.parse(from); ms <= Date.parse(to); ms += 60_000) {
    const active = isActive(ms);
    if (active !== before) edges.push(`${active ? 'on' : 'off'} ${new Date(ms).toISOString().slice(5, 16)}`);
    before = active;
  }
  return edges;
}

test('a span over midnight belongs to the day on which it begins', (t) => {
  // 2026-01-09 is a Friday.
  const night = { days: ['fri'], from: '22:00', to: '06:00' } as const;
  t.same(spans(night, '2026-01-05T00:00Z', '2026-01-12T00:00Z'), ['on 01-09T21:00', 'off 01-10T05:00']);
  const office = { days: ['mon', 'tue'], from: '08:30', to: '17:00' } as const;
  t.same(spans(office, '2026-01-04T00:00Z', '2026-01-11T00:00Z'), [
    'on 01-05T07:30',
    'off 01-05T16:00',
    'on 01-06T07:30',
    'off 01-06T16:00',
  ]);
  t.end();
});

test('the night the clock is put forward has no hole, and what it skips counts when it is jumped over', (t) => {
  // 2026-03-29: after 01:59 comes 03:00, at 01:00 UTC.
  const night = ['2026-03-28T12:00Z', '2026-03-29T12:00Z'] as const;
  t.same(spans({ from: '22:00', to: '06:00' }, ...night), ['on 03-28T21:00', 'off 03-29T04:00'], 'seven hours');
  t.same(spans({ from: '02:30', to: '04:00' }, ...night), ['on 03-29T01:00', 'off 03-29T02:00'], 'a beginning that is skipped');
  t.same(spans({ from: '23:00', to: '02:30' }, ...night), ['on 03-28T22:00', 'off 03-29T01:00'], 'an end that is skipped');
  t.same(spans({ from: '02:10', to: '02:50' }, ...night), [], 'a span that is skipped altogether');
  t.end();
});

test('the night the clock is put back has one span, from the first time it shows the beginning to the last time it shows the end', (t) => {
  // 2026-10-25: after 02:59 comes 02:00 again, at 01:00 UTC.
  const night = ['2026-10-24T12:00Z', '2026-10-25T12:00Z'] as const;
  t.same(spans({ from: '22:00', to: '06:00' }, ...night), ['on 10-24T20:00', 'off 10-25T05:00'], 'nine hours');
  t.same(spans({ from: '22:00', to: '02:30' }, ...night), ['on 10-24T20:00', 'off 10-25T01:30']);
  t.same(spans({ from: '02:30', to: '04:00' }, ...night), ['on 10-25T00:30', 'off 10-25T03:00']);
  t.same(
    spans({ days: ['sun'], from: '00:00', to: '24:00' }, '2026-10-24T00:00Z', '2026-10-27T00:00Z'),
    ['on 10-24T22:00', 'off 10-25T23:00'],
    '25 hours',
  );
  t.end();
});

test('the whole week is the whole week, whenever and however far the clock is put', (t) => {
  const changes: [string, string[]][] = [
    ['Europe/Berlin', ['2026-03-29', '2026-10-25']],
    ['Australia/Lord_Howe', ['2026-04-05', '2026-10-04']],
    ['America/Santiago', ['2026-04-05', '2026-09-06']],
    ['Asia/Kolkata', ['2026-01-01']],
  ];
  for (const [time_zone, days] of changes) {
    for (const from of ['12:00', '00:00', '02:30']) {
      const isActive = compileHours({ days: all, from, to: from === '00:00' ? '24:00' : from, time_zone });
      for (const day of days) {
        let holes = 0;
        for (let minute = -1440; minute < 2 * 1440; minute += 10) if (!isActive(Date.parse(day) + minute * 60_000)) holes++;
        t.equal(holes, 0, `${time_zone} ${day} from ${from}`);
      }
    }
  }
  t.end();
});

test('an unknown time zone is known as such', (t) => {
  t.ok(isTimeZone('Europe/Berlin'));
  t.notOk(isTimeZone('Europe/Berln'));
  t.equal(hoursText({ days: all, from: '22:00', to: '06:00', time_zone: 'UTC' }), 'every day 22:00 - 06:00 UTC');
  t.end();
});
