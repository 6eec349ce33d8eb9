/**
 * The local server: one Fastify application behind two doors, the only door to Fastify.
 *
 * Guarantees: the unix socket serves everything, TCP health and metrics, and takes what is brought to inputs; a TCP port that cannot be had degrades health and is
 * tried again with backoff, it never stops the daemon; a run_dir where no socket can be made degrades likewise, but one that belongs to
 * another living daemon ends the start. Deliberately has no TLS; what it takes from
 * other machines needs a token.
 */
import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { type FastifyInstance, fastify } from 'fastify';
import { Backoff } from '../core/backoff.js';
import type { Health, Log } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { TapPort } from '../core/tap.js';
import { close, createDoor, listen } from './doors.js';
import { addDriftRoutes } from './drift-routes.js';
import type { HttpOptions } from './http-options.js';
import { addIntakeRoute, type IntakePort } from './intake-route.js';
import { addKeptRoutes } from './kept-routes.js';
import { addReloadRoute, type ReloadPort } from './reload-route.js';
import { addDataRoutes, addErrorAnswers, addHealthRoutes, guard, type HttpPorts } from './routes.js';
import { addTapRoute } from './tap-route.js';
import { inodeOf, listenOnPath, releasePath } from './unix-socket.js';

export interface HttpDeps extends HttpPorts {
  /** `<run_dir>/shoal.sock`. */
  readonly socketPath: string;
  readonly log: Log;
  /** Where callers bring captures. */
  readonly intakes: IntakePort;
  /** Where captures are watched. */
  readonly taps: TapPort;
  readonly reload: ReloadPort;
  /** Where the server says how it is itself, as part `http`. */
  readonly state: Health;
}

export interface HttpServer {
  /** Resolves when the unix socket answers and TCP was tried. Throws CONFIG_INVALID when another daemon has the socket. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Where TCP is listened on, such as `http://127.0.0.1:8788`; null when it is not. */
  readonly url: string | null;
}

export function createHttpServer(options: HttpOptions, deps: HttpDeps): HttpServer {
  return new LocalServer(options, deps);
}

class LocalServer implements HttpServer {
  readonly #options: HttpOptions;
  readonly #deps: HttpDeps;
  readonly #log: Log;
  readonly #backoff = new Backoff({ firstMs: limits.httpRetryFirstMs, maxMs: limits.httpRetryMaxMs });
  #app: FastifyInstance | undefined;
  #unix: Server | undefined;
  #tcp: Server | undefined;
  #inode: number | null = null;
  #retry: NodeJS.Timeout | undefined;
  #troubles: { unix?: string; tcp?: string } = {};

  constructor(options: HttpOptions, deps: HttpDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#log = deps.log.child({ part: 'http' });
  }

  get url(): string | null {
    const address = this.#tcp?.address();
    if (typeof address !== 'object' || address === null) return null;
    return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  async start(): Promise<void> {
    if (this.#app !== undefined) return;
    const app = fastify({ logger: false, bodyLimit: limits.httpBodyBytesMax, exposeHeadRoutes: true, forceCloseConnections: true });
    this.#app = app;
    app.addHook('onRequest', guard(allowedHosts(this.#options)));
    addErrorAnswers(app, this.#log);
    addHealthRoutes(app, this.#deps);
    addDataRoutes(app, this.#deps);
    addIntakeRoute(app, this.#deps.intakes);
    addKeptRoutes(app, this.#deps);
    addDriftRoutes(app, this.#deps);
    addTapRoute(app, this.#deps.taps, this.#log);
    addReloadRoute(app, this.#deps.reload);
    await app.ready();
    await this.#openUnix(app);
    if (this.#options.enabled) await this.#openTcp(app);
    this.#show();
  }

  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    clearTimeout(this.#retry);
    const doors = [this.#unix, this.#tcp].filter((door) => door !== undefined);
    this.#unix = undefined;
    this.#tcp = undefined;
    if (app === undefined) return;
    if (this.#inode !== null) releasePath(this.#deps.socketPath, this.#inode);
    this.#inode = null;
    await Promise.all(doors.map((door) => close(door, limits.httpHeadersMs)));
    await app.close();
  }

  async #openUnix(app: FastifyInstance): Promise<void> {
    const path = this.#deps.socketPath;
    const server = createDoor('unix', app.routing);
    try {
      mkdirSync(dirname(path), { recursive: true });
      await listenOnPath(server, path);
      if (this.#app !== app) return void (await close(server, 0));
      this.#unix = server;
      this.#inode = inodeOf(path);
      server.on('error', (error) => this.#log.warn({ error }, 'the unix socket had an error'));
    } catch (error) {
      if (error instanceof ShoalError) throw error;
      this.#troubles.unix = `no unix socket at ${path} (${reasonOf(error)}): check that run_dir exists and may be written`;
      this.#log.error(
        { reason: reasonOf(error), path },
        'the unix socket cannot be made, so commands cannot ask this daemon: check run_dir',
      );
    }
  }

  async #openTcp(app: FastifyInstance): Promise<void> {
    const { host, port } = this.#options;
    const server = createDoor('tcp', app.routing);
    try {
      await listen(server, { host, port });
      if (this.#app !== app) return void (await close(server, 0));
      this.#tcp = server;
      server.on('error', (error) => this.#log.warn({ error }, 'the TCP server had an error'));
      this.#backoff.reset();
      delete this.#troubles.tcp;
    } catch (error) {
      this.#troubles.tcp = `no health or metrics on ${host}:${port} (${reasonOf(error)}): free the port or change http.port`;
      this.#log.warn(
        { reason: reasonOf(error), host, port },
        'the TCP port cannot be had; health and metrics are on the unix socket, trying again',
      );
      this.#retry = setTimeout(() => void this.#again(app), this.#backoff.next()).unref();
    }
  }

  async #again(app: FastifyInstance): Promise<void> {
    if (this.#app !== app) return;
    await this.#openTcp(app);
    this.#show();
  }

  #show(): void {
    const reasons = Object.values(this.#troubles);
    if (reasons.length === 0) this.#deps.state.set('http', 'ok');
    else this.#deps.state.set('http', 'degraded', reasons.join('; '));
  }
}

function allowedHosts(options: HttpOptions): ReadonlySet<string> {
  const { host } = options;
  const names = ['localhost', '127.0.0.1', '[::1]', host.includes(':') ? `[${host}]` : host, ...options.allowed_hosts];
  return new Set(names.map((name) => name.toLowerCase()));
}
