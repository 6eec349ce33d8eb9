/**
 * What is kept of captures, and its purge: by the unix socket only, as all data.
 *
 * Guarantees: a purge names a configured or an earlier input by its id and a time; what it did, or would do, is in the answer.
 */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { KeptShelf } from '../core/contracts.js';
import { idPattern } from '../core/id.js';
import type { PurgeCount, PurgeRequest } from '../core/keep.js';
import { limits } from '../core/limits.js';
import { defined, problem, sendError, sendJson } from './answers.js';

export interface KeptPorts {
  readonly kept: Pick<KeptShelf, 'list' | 'read'>;
  /** Names of the inputs of the configuration. */
  readonly inputs: readonly string[];
  purge(request: PurgeRequest): Promise<PurgeCount>;
}

const input = z.string().regex(idPattern);
const keptQuery = z.strictObject({
  input: input.optional(),
  limit: z.coerce.number().int().min(1).max(limits.pageRowsMax).default(50),
});
const purgeBody = z.strictObject({
  input,
  before: z.iso.datetime({ offset: true }),
  owed: z.boolean().default(false),
  dry_run: z.boolean().default(false),
});

export function addKeptRoutes(app: FastifyInstance, ports: KeptPorts): void {
  app.get('/v1/kept', async (request, reply) => {
    const query = keptQuery.safeParse(request.query);
    if (!query.success) return sendError(reply, 400, problem(query.error));
    const { limit, ...filter } = query.data;
    return sendJson(reply, 200, { kept: await ports.kept.list({ ...defined(filter), limit }) });
  });
  app.get<{ Params: { id: string } }>('/v1/kept/:id', async (request, reply) => {
    const { id } = request.params;
    if (!idPattern.test(id)) return sendError(reply, 400, 'a capture id is 1 to 64 letters, digits, - and _');
    const copy = await ports.kept.read(id);
    if (copy === null)
      return sendError(reply, 404, `no copy is kept of a capture with the id ${id}; "shoal kept list" shows those there are`);
    const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
    return reply.headers(headers).type(copy.mediaType).send(Buffer.from(copy.bytes));
  });
  app.post('/v1/purge', async (request, reply) => {
    const body = purgeBody.safeParse(request.body);
    if (!body.success) return sendError(reply, 400, problem(body.error));
    const { input: name, before, owed, dry_run: dryRun } = body.data;
    // Its callers are on this machine and wait for what the disk takes.
    request.raw.socket.setTimeout(limits.purgeAnswerMs);
    const count = await ports.purge({ input: name, beforeMs: Date.parse(before), owed, dryRun });
    return sendJson(reply, 200, { ...body.data, ...count, configured: ports.inputs.includes(name) });
  });
}
