/**
 * `POST /v1/reload`: reads configuration and models anew, on the unix socket only.
 *
 * 202 with the number of the boot that is about to end: the next one has a greater number in `/v1/status`. 409 where nothing is reloaded, and why.
 */
import type { FastifyInstance } from 'fastify';
import { reasonOf } from '../core/errors.js';
import { sendError, sendJson } from './answers.js';

export interface ReloadPort {
  /** Number of the daemon's start. */
  boot(): number;
  /** Resolves when it is about to begin; rejects with the reason why it does not. */
  reload(): Promise<void>;
}

export function addReloadRoute(app: FastifyInstance, port: ReloadPort): void {
  app.post('/v1/reload', async (_request, reply) => {
    const boot = port.boot();
    const refused = await port.reload().then(
      () => null,
      (error: unknown) => reasonOf(error),
    );
    return refused === null ? sendJson(reply, 202, { boot }) : sendError(reply, 409, refused);
  });
}
