/**
 * The two ways in: plain HTTP servers with the same limits, one on TCP, one on the unix socket.
 *
 * Guarantees: no caller holds a connection longer than the limits say, however slowly it speaks; a request always knows its door. Node looks
 * for slow callers only every 30 s unless told otherwise, and Fastify would pass no such wish on: so the servers are made here. A request is whole within `limits.httpRequestMs`, but for an upload that
 * was given its time.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { limits } from '../core/limits.js';

/** `unix` callers are on this machine and in the daemon's group; `tcp` callers are anyone who reaches the port. */
export type Door = 'unix' | 'tcp';

const doorOf = new WeakMap<IncomingMessage, Door>();

/** A request that came by no known door is treated as the less trusted one. */
export function doorFor(request: IncomingMessage): Door {
  return doorOf.get(request) ?? 'tcp';
}

const hurried = new WeakMap<IncomingMessage, NodeJS.Timeout>();

function hurry(request: IncomingMessage): void {
  const timer = setTimeout(() => request.complete || request.socket.destroy(), limits.httpRequestMs).unref();
  hurried.set(request, timer);
  request.once('close', () => clearTimeout(timer));
}

/** An upload that somebody waits for may take `limits.uploadMs`, and then a slow disk its time; the answer says how to end that. */
export function giveTime(request: IncomingMessage): () => void {
  clearTimeout(hurried.get(request));
  request.socket.setTimeout(limits.uploadIdleMs);
  request.once('end', () => request.socket.setTimeout(limits.uploadSyncMs));
  return () => {
    if (request.complete) return;
    // A caller reads its answer once it has sent everything, or enough of it: for a while nobody reads what still comes.
    hurry(request);
    request.resume();
  };
}

export function createDoor(door: Door, handle: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      requestTimeout: limits.uploadMs,
      headersTimeout: limits.httpHeadersMs,
      keepAliveTimeout: limits.httpIdleMs,
      connectionsCheckingInterval: limits.httpCheckMs,
      maxHeaderSize: limits.httpHeaderBytesMax,
      noDelay: true,
    },
    (request, response) => {
      doorOf.set(request, door);
      hurry(request);
      handle(request, response);
    },
  );
  server.maxConnections = limits.httpConnectionsMax;
  // A connection on which nothing at all arrives is not a request yet.
  server.setTimeout(limits.httpIdleMs, (socket) => socket.destroy());
  return server;
}

/** Resolves when it listens, rejects with the system's error. */
export function listen(server: Server, address: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Requests under way are answered for up to `graceMs`, idle connections end at once. */
export function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    const force = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
