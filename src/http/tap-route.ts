/**
 * `GET /v1/inputs/<name>/captures?for_s=600`: what an input offers, as it is offered (core/tap.ts), on the unix socket only.
 *
 * Guarantees: ends with the caller, after `for_s`, or with the daemon; a caller that reads nothing for `limits.httpIdleMs` is cut off.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Log } from '../core/contracts.js';
import { limits } from '../core/limits.js';
import { encodeTapHead, type TapFrame, type TapPort, type TapReader } from '../core/tap.js';
import { sendError } from './answers.js';

const query = z.strictObject({ for_s: z.coerce.number().min(1).max(limits.tapSecondsMax).default(60) });

export function addTapRoute(app: FastifyInstance, taps: TapPort, log: Log): void {
  app.get<{ Params: { input: string } }>('/v1/inputs/:input/captures', { exposeHeadRoute: false }, (request, reply) => {
    const { input } = request.params;
    const asked = query.safeParse(request.query);
    if (!asked.success) return sendError(reply, 400, `for_s is a number of seconds, 1 .. ${limits.tapSecondsMax}`);
    if (!taps.names.includes(input)) {
      const there = taps.names.length === 0 ? 'the configuration has none' : `there are: ${taps.names.join(', ')}`;
      return sendError(reply, 404, `no input is called ${JSON.stringify(input.slice(0, 64))}; ${there}`);
    }
    if (taps.hidden.has(input))
      return sendError(reply, 403, `parts of what ${input} sees are hidden (redact:), so its captures are not shown as they came`);
    const close = taps.open(input, asked.data.for_s, readerOf(reply.raw));
    if (close === null)
      return sendError(reply.header('retry-after', 5), 429, `at most ${limits.tapsMax} may watch at once; try again later`);
    log.info({ input, for_s: asked.data.for_s }, 'somebody on this machine watches what an input sees');
    reply.hijack();
    reply.raw.on('close', close);
    return reply;
  });
}

function readerOf(response: ServerResponse): TapReader {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.on('error', () => gone.abort());
  return {
    write: async ({ head, content }: TapFrame) => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/vnd.shoal.captures', 'cache-control': 'no-store' });
      const frame = encodeTapHead(head);
      const room = content.length === 0 ? response.write(frame) : response.write(frame) && response.write(content);
      if (!room) await once(response, 'drain', { signal: gone.signal });
    },
    end: () => void response.end(),
  };
}
