/**
 * The router: which pipelines want a capture. A pure function of the header and the configuration.
 */
import type { CaptureHeader } from '../core/capture.js';
import { canRead, type PipelineSpec, readableBy } from '../core/pipeline.js';

export type Route =
  | { readonly pipelines: readonly PipelineSpec[]; readonly priority: number; readonly hangMs: number }
  | { readonly unrouted: string };

/** The capture's priority is its most urgent pipeline's, its hard end the most patient one's. */
export function route(header: CaptureHeader, all: readonly PipelineSpec[]): Route {
  const listening = all.filter((pipeline) => pipeline.from.includes(header.input));
  const pipelines = listening.filter((pipeline) => canRead(pipeline, header));
  if (pipelines.length > 0) {
    return {
      pipelines,
      priority: Math.min(...pipelines.map((pipeline) => pipeline.priority)),
      hangMs: Math.max(...pipelines.map((pipeline) => pipeline.hangMs)),
    };
  }
  return {
    unrouted:
      listening.length === 0
        ? `no pipeline takes captures from the input "${header.input}"`
        : `this is ${header.mediaType} (told by its content, not its name); the pipelines of "${header.input}" read ${readableBy(listening)}`,
  };
}
