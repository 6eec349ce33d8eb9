/**
 * When a pipeline is to speak: a span of the wall clock on some days, in a named time zone.
 *
 * Guarantees: one span a day and never a hole in it, also on the nights the clock changes: it begins when the clock first shows `from` and ends
 * when it last shows `to`; a time that is skipped counts as shown when it is jumped over. A span over midnight belongs to the day on which it
 * begins; where both ends are the same it lasts until that time of the next day. Uses the time zones of the runtime (Intl), nothing else.
 */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** `from` 00:00 .. 23:59, `to` 00:00 .. 24:00. */
export interface ActiveHours {
  readonly days: readonly (typeof weekdays)[number][];
  readonly from: string;
  readonly to: string;
  /** A name that Intl knows: `Europe/Berlin`. */
  readonly time_zone: string;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** For a person. */
export function hoursText({ days, from, to, time_zone }: ActiveHours): string {
  return `${days.length === weekdays.length ? 'every day' : days.join(', ')} ${from} - ${to} ${time_zone}`;
}

/** Answers for a wall time (ms since 1970). Throws a RangeError for an unknown time zone. */
export function compileHours(hours: ActiveHours): (wallMs: number) => boolean {
  const clock = new ZoneClock(hours.time_zone);
  const from = minutesOf(hours.from);
  const to = minutesOf(hours.to);
  const isActive = (wallMs: number): boolean => {
    const today = Math.floor(clock.read(wallMs) / dayMs) * dayMs;
    // Yesterday's span may reach into today, and with a change of the clock a little beyond its end.
    return [today - dayMs, today].some((day) => {
      // 1970 began on a Thursday.
      const name = weekdays[(day / dayMs + 3) % 7];
      if (name === undefined || !hours.days.includes(name)) return false;
      const end = day + to * minuteMs + (to <= from ? dayMs : 0);
      return wallMs >= clock.shows(day + from * minuteMs, 'first') && wallMs < clock.shows(end, 'last');
    });
  };
  let known = { minute: Number.NaN, active: false };
  // Spans begin and end with a minute, and captures come in order: one look a minute.
  return (wallMs) => {
    const minute = Math.floor(wallMs / minuteMs);
    if (minute !== known.minute) known = { minute, active: isActive(wallMs) };
    return known.active;
  };
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** A wall clock somewhere; what it shows is written as ms since 1970 as if it stood in UTC. */
class ZoneClock {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    const numbers = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
    this.#format = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', { timeZone, hourCycle: 'h23', ...numbers });
  }

  read(wallMs: number): number {
    const parts = Object.fromEntries(this.#format.formatToParts(wallMs).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((wallMs % 1000) + 1000) % 1000);
  }

  /** The first or last moment at which it shows `shown`; the moment of the jump where it skips it. */
  shows(shown: number, which: 'first' | 'last'): number {
    const offsets = [shown - dayMs, shown + dayMs].map((near) => this.read(near) - near);
    const moments = offsets.map((offset) => shown - offset).sort((a, b) => a - b);
    const [early = 0, late = 0] = moments;
    const valid = moments.filter((moment) => this.read(moment) === shown);
    if (valid.length > 0) return which === 'first' ? Math.min(...valid) : Math.max(...valid);
    return this.#jump(early, late);
  }

  /** Between two moments, the first of those that show what `late` shows: where the clock was put. */
  #jump(early: number, late: number): number {
    const offset = this.read(late) - late;
    let [before, after] = [early, late];
    while (after - before > 1000) {
      const middle = before + Math.floor((after - before) / 2000) * 1000;
      if (middle === before) break;
      if (this.read(middle) - middle === offset) after = middle;
      else before = middle;
    }
    return after;
  }
}
