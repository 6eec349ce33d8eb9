/**
 * The router: which pipelines want a capture. A pure function of the header and the configuration.
 *
 * An input with `route: auto` is among the inputs of every pipeline by now, so what remains to be asked is who can read what came.
 */
import type { CaptureHeader } from '../core/capture.js';
import { limits } from '../core/limits.js';
import { canRead, type PipelineSpec, readableBy } from '../core/pipeline.js';
import { whatIs } from '../core/sniff.js';

export type Route = { readonly pipelines: readonly PipelineSpec[]; readonly priority: number } | { readonly unrouted: string };

/** The capture's priority is its most urgent pipeline's. One that stands in for another of them when that is degraded is not among them. */
export function route(header: CaptureHeader, all: readonly PipelineSpec[]): Route {
  const listening = all.filter((pipeline) => pipeline.from.includes(header.input));
  const able = listening.filter((pipeline) => canRead(pipeline, header));
  const standIns = new Set(able.flatMap(({ cheaper = [] }) => cheaper.map(({ instead }) => instead)));
  const pipelines = able.filter(({ name }) => !standIns.has(name));
  if (pipelines.length > 0) return { pipelines, priority: Math.min(...pipelines.map((pipeline) => pipeline.priority)) };
  return { unrouted: whyUnrouted(header, listening, all) };
}

/** What it is, who was asked, and what could read it. */
function whyUnrouted({ input, mediaType }: CaptureHeader, listening: readonly PipelineSpec[], all: readonly PipelineSpec[]): string {
  const what = `this is ${whatIs(mediaType)} (${mediaType}, told by its content, not its name)`;
  const asked =
    listening.length === 0
      ? `no pipeline takes captures from the input "${input}"`
      : `the pipelines of "${input}" read ${readableBy(listening)}`;
  const readers = all.filter((pipeline) => canRead(pipeline, { mediaType })).map(({ name }) => name);
  const more = readers.length - limits.unroutedNamesMax;
  const named = readers.slice(0, limits.unroutedNamesMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const advice =
    readers.length === 0
      ? 'one that begins with identify-file would take it'
      : `${named} could read it: name "${input}" in from, or give it route: auto`;
  return `${what}; ${asked}; ${advice}`;
}
