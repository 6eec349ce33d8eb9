/**
 * A small MQTT 3.1.1 broker inside the daemon, for demonstrations: one command, no installation.
 *
 * Loopback only and without accounts; bounded in clients and in the payload it passes on. Deliberately not durable:
 * what it holds ends with the process, so it is no substitute for a broker.
 */
import net from 'node:net';
import type { Aedes } from 'aedes';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';

export class EmbeddedBroker {
  readonly #wantedPort: number;
  readonly #sockets = new Set<net.Socket>();
  #broker: Aedes | null = null;
  #server: net.Server | null = null;
  #port = 0;

  /** `port` 0 takes any free one. */
  constructor(port = 0) {
    this.#wantedPort = port;
  }

  /** Known after `start`. */
  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** Throws CONFIG_INVALID when the port is taken. */
  async start(): Promise<void> {
    if (this.#server !== null) return;
    const { Aedes } = await import('aedes');
    const broker = await Aedes.createBroker({
      authorizePublish: (_client, packet, done) => {
        const tooLarge = packet.payload.length > limits.embeddedPayloadBytesMax;
        done(tooLarge ? new Error(`larger than ${limits.embeddedPayloadBytesMax} bytes`) : null);
      },
    });
    const server = net.createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      broker.handle(socket);
    });
    server.maxConnections = limits.embeddedConnectionsMax;
    this.#broker = broker;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(new ShoalError('CONFIG_INVALID', `the embedded broker cannot listen on 127.0.0.1:${this.#wantedPort}: ${reasonOf(error)}`));
      });
      server.listen(this.#wantedPort, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
  }

  async stop(): Promise<void> {
    const [server, broker] = [this.#server, this.#broker];
    this.#server = null;
    this.#broker = null;
    if (server === null || broker === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
