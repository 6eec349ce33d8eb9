/**
 * The router: which pipelines want a capture. A pure function of the header and the configuration.
 */
import type { CaptureHeader } from '../core/capture.js';
import { canRead, type PipelineSpec, readableBy } from '../core/pipeline.js';

export type Route = { readonly pipelines: readonly PipelineSpec[]; readonly priority: number } | { readonly unrouted: string };

/** The capture's priority is its most urgent pipeline's. One that stands in for another of them when that is degraded is not among them. */
export function route(header: CaptureHeader, all: readonly PipelineSpec[]): Route {
  const listening = all.filter((pipeline) => pipeline.from.includes(header.input));
  const able = listening.filter((pipeline) => canRead(pipeline, header));
  const standIns = new Set(able.flatMap(({ cheaper = [] }) => cheaper.map(({ instead }) => instead)));
  const pipelines = able.filter(({ name }) => !standIns.has(name));
  if (pipelines.length > 0) return { pipelines, priority: Math.min(...pipelines.map((pipeline) => pipeline.priority)) };
  return {
    unrouted:
      listening.length === 0
        ? `no pipeline takes captures from the input "${header.input}"`
        : `this is ${header.mediaType} (told by its content, not its name); the pipelines of "${header.input}" read ${readableBy(listening)}`,
  };
}
