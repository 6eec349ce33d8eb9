/**
 * The router: which pipelines want a capture. A pure function of the header and the configuration.
 */
import type { CaptureHeader } from '../core/capture.js';
import type { PipelineSpec } from '../core/pipeline.js';
import { readableMediaTypes } from '../core/sniff.js';

export type Route =
  | { readonly pipelines: readonly PipelineSpec[]; readonly priority: number; readonly hangMs: number }
  | { readonly unrouted: string };

/** The capture's priority is its most urgent pipeline's, its hard end the most patient one's. */
export function route(header: CaptureHeader, all: readonly PipelineSpec[]): Route {
  const listening = all.filter((pipeline) => pipeline.from.includes(header.input));
  const decodable = readableMediaTypes.has(header.mediaType);
  const pipelines = decodable ? listening.filter((pipeline) => pipeline.reads.includes(header.kind)) : [];
  if (pipelines.length > 0) {
    return {
      pipelines,
      priority: Math.min(...pipelines.map((pipeline) => pipeline.priority)),
      hangMs: Math.max(...pipelines.map((pipeline) => pipeline.hangMs)),
    };
  }
  const kinds = new Set<string>(listening.flatMap((pipeline) => pipeline.reads));
  const readable = [...readableMediaTypes].filter((type) => kinds.has(type.split('/', 1)[0] ?? '')).join(', ');
  return {
    unrouted:
      listening.length === 0
        ? `no pipeline takes captures from the input "${header.input}"`
        : `this is ${header.mediaType} (told by its content, not its name); the pipelines of "${header.input}" read ${readable}`,
  };
}
