/**
 * What can be asked: health and metrics by every door, data by the unix socket only. What can be brought is in intake-route.ts.
 *
 * Guarantees: every answer is JSON (but for the metrics), an error is `{"error": "<one sentence>"}`; a browser page cannot reach the TCP door
 * under a foreign name (DNS rebinding); health costs no disk and no await. Query values are validated here, whatever the caller claims.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CaptureStory, Log, Store } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { idPattern } from '../core/id.js';
import { limits } from '../core/limits.js';
import { outcomes } from '../core/result.js';
import { defined, problem, sendError, sendJson } from './answers.js';
import { doorFor } from './doors.js';
import type { DriftPorts } from './drift-routes.js';
import { intakePath } from './intake-path.js';
import type { KeptPorts } from './kept-routes.js';

export interface HttpPorts extends KeptPorts, DriftPorts {
  readonly health: { report(): { readonly live: boolean; readonly ready: boolean; readonly reasons: readonly string[] } };
  /** Which configuration runs, so that whoever installed one can tell whether it is this. */
  readonly config: { readonly config_hash: string; readonly config_files: string };
  /** Variants that run, by `name@version`. */
  variants(): Readonly<Record<string, readonly string[]>>;
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
  readonly store: Pick<Store, 'results' | 'explain' | 'quarantined'>;
  /** Versions, config hash, pipelines, engines, backlog: what `/v1/status` answers. */
  status(): Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>;
}

const storyPath = '/v1/captures/:id';
const name = z.string().min(1).max(64);
const resultsQuery = z.strictObject({
  pipeline: name.optional(),
  input: name.optional(),
  outcome: z.enum(outcomes).optional(),
  capture: z.string().regex(idPattern).optional(),
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(limits.pageRowsMax).default(50),
});

export function addHealthRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get('/livez', (_request, reply) => {
    const { live, reasons } = ports.health.report();
    return sendJson(reply, live ? 200 : 503, { live, reasons: live ? [] : reasons });
  });
  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = ports.health.report();
    const reason = ready ? {} : { reason: reasons[0] ?? 'no reason given' };
    return sendJson(reply, ready ? 200 : 503, { ready, ...reason, reasons, ...ports.config, variants: ports.variants() });
  });
  app.get('/healthz', (_request, reply) => {
    const report = ports.health.report();
    return sendJson(reply, report.live && report.ready ? 200 : 503, report);
  });
  app.get('/metrics', async (_request, reply) => reply.type(ports.metrics.contentType).send(await ports.metrics.text()));
}

export function addDataRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get('/v1/status', async (_request, reply) => sendJson(reply, 200, await ports.status()));
  app.get('/v1/quarantine', async (_request, reply) => sendJson(reply, 200, { quarantine: await ports.store.quarantined() }));
  app.get('/v1/results', async (request, reply) => {
    const query = resultsQuery.safeParse(request.query);
    if (!query.success) return sendError(reply, 400, problem(query.error));
    const { before, limit, ...filters } = query.data;
    const results = await ports.store.results({ ...defined(filters), ...(before === undefined ? {} : { beforeSeq: before }), limit });
    const last = results.at(-1);
    return sendJson(reply, 200, { results, next_before: results.length === limit && last !== undefined ? last.seq : null });
  });
  app.get<{ Params: { id: string } }>('/v1/results/:id', async (request, reply) => {
    const { id } = request.params;
    if (!idPattern.test(id)) return sendError(reply, 400, 'a result id is 1 to 64 letters, digits, - and _');
    const explanation = await ports.store.explain(id);
    if (explanation === null) return sendError(reply, 404, `no result has the id ${id}; it may never have been or be kept no longer`);
    return sendJson(reply, 200, explanation);
  });
  app.get<{ Params: { id: string } }>(storyPath, async (request, reply) => {
    const { id } = request.params;
    if (!idPattern.test(id)) return sendError(reply, 400, 'a capture id is 1 to 64 letters, digits, - and _');
    const results = await ports.store.results({ capture: id, limit: limits.pipelinesMax });
    const quarantine = (await ports.store.quarantined()).find(({ captureId }) => captureId === id) ?? null;
    if (results.length === 0 && quarantine === null)
      return sendError(reply, 404, `nothing is kept of a capture with the id ${id}; it may never have been or be kept no longer`);
    return sendJson(reply, 200, { capture: id, results, quarantine } satisfies CaptureStory);
  });
}

/** Runs before any route: who may ask for what. */
export function guard(hosts: ReadonlySet<string>): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined> {
  return async (request, reply) => {
    if (doorFor(request.raw) === 'unix') return undefined;
    if (!hosts.has(hostName(request.headers.host))) {
      return sendError(reply, 403, 'the Host header names a host this server does not answer for; see http.allowed_hosts');
    }
    if (request.method === 'POST' && request.routeOptions.url === intakePath) return undefined;
    // The routed pattern and the raw path both count: whatever the router makes of a path, `/v1` stays inside.
    const path = request.routeOptions.url ?? request.url;
    if (path === storyPath)
      return sendError(reply, 403, 'what became of captures is told on the unix socket only; to bring one here, POST the bytes');
    if (path.startsWith('/v1')) return sendError(reply, 403, 'results and status are served on the unix socket only');
    return undefined;
  };
}

export function addErrorAnswers(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request, reply) => sendError(reply, 404, `nothing answers ${request.method} here; try GET /healthz`));
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status >= 500 && !(error instanceof ShoalError)) log.error({ error }, 'a request could not be answered; please report this defect');
    return sendError(reply, status, reasonOf(error));
  });
}

function statusOf(error: unknown): number {
  if (error instanceof ShoalError) return error.code === 'STORE_UNAVAILABLE' || error.code === 'STORE_CORRUPT' ? 503 : 500;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : 500;
}

/** Without the port; `[::1]` keeps its brackets. */
function hostName(header: string | undefined): string {
  return (header ?? '').toLowerCase().replace(/:\d+$/, '');
}
