/** How every route answers: JSON that nobody caches, and an error as one sentence. */
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';

export function sendJson(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').type('application/json; charset=utf-8').send(JSON.stringify(body));
}

export function sendError(reply: FastifyReply, status: number, sentence: string): FastifyReply {
  return sendJson(reply, status, { error: sentence });
}

/** What is wrong with what was asked, for a person. */
export function problem(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'query'}: ${issue.message}`).join('; ');
}

/** Without the keys that nobody gave. */
export function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
