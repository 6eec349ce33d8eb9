/**
 * From windows to captures: what every input with windows does with a full one.
 */
import type { Clock } from '../core/contracts.js';
import { seriesMediaType } from '../core/form.js';
import { encodeSeries, type Series } from '../core/series.js';
import type { LiveFeed } from './live/feed.js';
import type { SampleClock, WindowOut } from './windows.js';

/** Offers each window as a series; `name` is for a person, `source` who of several it came from. */
export function windowFeed(feed: LiveFeed, clock: Clock, times: SampleClock, name: string, source?: string): WindowOut {
  return {
    window: (series, endMs, arrivedMs) => {
      const wall = times === 'device' ? series : atWallTime(series, clock);
      feed.push({
        name,
        bytes: encodeSeries(wall),
        as: { kind: 'series', mediaType: seriesMediaType },
        monoMs: arrivedMs,
        ...(times === 'device' ? { deviceMs: endMs } : {}),
        ...(source === undefined ? {} : { source }),
      });
    },
    skipped: (reason, count) => feed.skipped(reason, count),
  };
}

/** By arrival the times are those of the monotonic clock. */
function atWallTime(series: Series, clock: Clock): Series {
  const startMs = series.startMs === null ? null : Math.round(clock.wallMs() - clock.monoMs() + series.startMs);
  return { ...series, startMs };
}
