/**
 * Windows of one source of an input, as the running daemon gets them, for `learn anomaly --input`.
 */
import type { CaptureHeader } from '../../core/capture.js';
import { ShoalError } from '../../core/errors.js';
import { formOf } from '../../core/form.js';
import { limits } from '../../core/limits.js';
import { whatIs } from '../../core/sniff.js';
import { openSeries } from '../../engine/series.js';
import { refused } from '../../learn/anomaly/examples.js';
import { JoinedWindows } from '../../learn/anomaly/joined-windows.js';
import type { CommandContext } from '../command-context.js';
import { listen } from './listen.js';

export interface HearOptions {
  readonly socketPath: string;
  readonly input: string;
  readonly seconds: number;
  /** Of several that one input hears: an MQTT topic. */
  readonly source?: string;
}

/** Throws LEARN_REFUSED for what no model can be learned from, USAGE for several sources of which none is named. */
export async function hearWindows(context: CommandContext, options: HearOptions): Promise<JoinedWindows> {
  const { input, source } = options;
  const windows = new JoinedWindows(source === undefined ? input : `${input} (${source})`);
  const sources = new Set<string>();
  let others = 0;
  let severalMs = Number.POSITIVE_INFINITY;
  await listen(context, {
    ...options,
    onCapture: ({ header }, content) => {
      const from = header.source ?? '';
      if (sources.size < limits.learnSourcesNamed) sources.add(from);
      if (header.retained === true) return null;
      if (source !== undefined && from !== source) {
        others += 1;
        return null;
      }
      if (source === undefined && sources.size > 1) {
        severalMs = Math.min(severalMs, performance.now() + limits.learnSourcesMs);
        return performance.now() >= severalMs || sources.size === limits.learnSourcesNamed ? `${sources.size} sources were heard` : null;
      }
      windows.take(seriesOf(header, content), header.stream);
      return windows.full ? `this is as much as is kept (${limits.learnLiveValuesMax} numbers)` : null;
    },
    progress: () => `${windows.count} windows heard`,
  });
  if (source === undefined && sources.size > 1) throw severalSources(input, sources);
  if (windows.count === 0) throw nothingHeard(options, others, sources);
  return windows;
}

function seriesOf(header: CaptureHeader, content: Uint8Array): ReturnType<typeof openSeries> {
  const { input, mediaType } = header;
  if (formOf(mediaType) === 'series') return openSeries(content, mediaType);
  throw refused(
    `${input} hands over ${whatIs(mediaType)}, and what is normal is learned from series of numbers: windows of an input with window: and rate_hz:, or tables. ` +
      'For sounds and images record examples ("shoal learn record") and learn classes of them',
  );
}

function severalSources(input: string, sources: ReadonlySet<string>): ShoalError {
  const named = [...sources].map((each) => `  --source ${JSON.stringify(each)}`).join('\n');
  return new ShoalError(
    'USAGE',
    `${input} hears several sources, and each is a machine of its own: say which one to learn from:\n${named}`,
  );
}

function nothingHeard({ input, source }: HearOptions, others: number, sources: ReadonlySet<string>): ShoalError {
  if (source !== undefined && others > 0)
    return refused(`nothing was heard from ${source}; ${input} heard ${[...sources].map((each) => JSON.stringify(each)).join(', ')}`);
  return refused(`nothing was heard of ${input}: is its device on? "shoal doctor" and /healthz of the daemon say how the input is`);
}
