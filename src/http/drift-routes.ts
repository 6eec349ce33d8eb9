/** Drift of the pipelines, and learning it anew: by the unix socket only, as all data. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { idPattern } from '../core/id.js';
import { problem, sendError, sendJson } from './answers.js';

export interface DriftPorts {
  readonly drift: {
    list(): readonly object[];
    /** False where there is no such pipeline. */
    reset(pipeline: string): Promise<boolean>;
  };
}

const resetBody = z.strictObject({ pipeline: z.string().regex(idPattern) });

export function addDriftRoutes(app: FastifyInstance, { drift }: DriftPorts): void {
  app.get('/v1/drift', (_request, reply) => sendJson(reply, 200, { drift: drift.list() }));
  app.post('/v1/drift/reset', async (request, reply) => {
    const body = resetBody.safeParse(request.body);
    if (!body.success) return sendError(reply, 400, problem(body.error));
    const { pipeline } = body.data;
    if (!(await drift.reset(pipeline)))
      return sendError(reply, 404, `no pipeline ${pipeline} runs here; "shoal drift list" shows those that do`);
    return sendJson(reply, 200, { pipeline });
  });
}
