/**
 * Whether more than the last capture decides what is told of a pipeline on an input, and in which way.
 */
import type { CaptureHeader } from '../core/capture.js';
import type { PipelineSpec } from '../core/pipeline.js';
import type { Watch } from '../core/watch.js';

/** Null where every result is told by itself. */
export function watchOf(
  { name, sinks, report }: PipelineSpec,
  { input, source }: Pick<CaptureHeader, 'input' | 'source'>,
  device: string,
  configHash: string,
): Watch | null {
  const base = { pipeline: name, input, ...(source === undefined ? {} : { source }), sinks, device, configHash };
  const { events, track, onChange } = report;
  if (onChange !== undefined) return { ...base, kind: 'change', rules: onChange };
  if (events === undefined) return null;
  if (track === undefined) return { ...base, kind: 'event', rules: events };
  const { minIou, maxGapMs } = track;
  return { ...base, kind: 'tracks', rules: { ...events, track: { minIou, maxGapMs } } };
}
