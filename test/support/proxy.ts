/**
 * A TCP proxy between daemon and broker: the judge of what was acknowledged, and a cutter of cables.
 *
 * Records every PUBLISH the daemon sent with whether its PUBACK was handed to the daemon. In `blackhole` bytes vanish in both
 * directions while connections stay up, and a connection that lost bytes stays mute for ever; in `refuse` nobody listens; `cut` resets every connection.
 */
import net from 'node:net';
import { FrameReader, type PublishFrame, packetType, readConnectLevel, readPuback, readPublish } from './mqtt-frames.js';

export interface Acked {
  readonly topic: string;
  readonly payload: Buffer;
  readonly packetId: number;
  /** Below 0x80 the broker took it. */
  readonly reasonCode: number;
  readonly atMs: number;
  /** Which connection through the proxy, from 0. */
  readonly connection: number;
}

export interface Sent extends PublishFrame {
  readonly atMs: number;
  readonly connection: number;
}

export type ProxyMode = 'forward' | 'blackhole' | 'refuse';

export class JudgeProxy {
  /** PUBLISHes of the daemon in the order they were sent; also those that never reached the broker. */
  readonly sent: Sent[] = [];
  /** What was acknowledged to the daemon, in that order. */
  readonly acked: Acked[] = [];
  /** When each connection of the daemon was accepted. */
  readonly connectedAtMs: number[] = [];
  /** MQTT protocol level of each CONNECT: 4 is 3.1.1. */
  readonly levels: number[] = [];
  swallowedBytes = 0;
  /** PUBACKs still to be thrown away instead of forwarded. */
  dropPubacks = 0;
  readonly #targetPort: number;
  readonly #pairs = new Set<readonly [net.Socket, net.Socket]>();
  #server: net.Server | null = null;
  #port: number;
  #mode: ProxyMode = 'forward';

  constructor(targetPort: number, port = 0) {
    this.#targetPort = targetPort;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  get open(): number {
    return this.#pairs.size;
  }

  async start(): Promise<void> {
    const server = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as net.AddressInfo).port;
  }

  /** Connections made before stay as they are, but for `refuse`, which resets them. */
  async setMode(mode: ProxyMode): Promise<void> {
    this.#mode = mode;
    if (mode === 'refuse') {
      this.cut();
      await this.#close();
    } else if (this.#server === null) await this.start();
  }

  /** RST on both sides of every connection; answers how many there were. */
  cut(): number {
    const cut = this.#pairs.size;
    for (const [daemon, broker] of this.#pairs) {
      daemon.resetAndDestroy();
      broker.resetAndDestroy();
    }
    return cut;
  }

  async stop(): Promise<void> {
    this.cut();
    await this.#close();
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** A stream with a hole in it is never whole again. */
  #swallows(conversation: Conversation): boolean {
    conversation.severed ||= this.#mode === 'blackhole';
    return conversation.severed;
  }

  #accept(daemon: net.Socket): void {
    const connection = this.connectedAtMs.push(performance.now()) - 1;
    const broker = net.connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    const pair = [daemon, broker] as const;
    this.#pairs.add(pair);
    const conversation = new Conversation(this, connection);
    daemon.on('data', (chunk: Buffer) => {
      conversation.fromDaemon(chunk);
      if (this.#swallows(conversation)) this.swallowedBytes += chunk.length;
      else broker.write(chunk);
    });
    broker.on('data', (chunk: Buffer) => {
      if (this.#swallows(conversation)) this.swallowedBytes += chunk.length;
      else conversation.fromBroker(chunk, daemon);
    });
    for (const [one, other] of [pair, [broker, daemon] as const]) {
      one.on('error', () => other.resetAndDestroy());
      one.on('end', () => other.end());
      one.on('close', () => {
        this.#pairs.delete(pair);
        other.destroySoon();
      });
    }
  }
}

class Conversation {
  readonly #proxy: JudgeProxy;
  readonly #connection: number;
  readonly #fromDaemon = new FrameReader();
  readonly #fromBroker = new FrameReader();
  readonly #pending = new Map<number, PublishFrame>();
  #level = 4;
  severed = false;

  constructor(proxy: JudgeProxy, connection: number) {
    this.#proxy = proxy;
    this.#connection = connection;
  }

  fromDaemon(chunk: Buffer): void {
    for (const frame of this.#fromDaemon.push(chunk)) {
      if (frame.type === packetType.connect) {
        this.#level = readConnectLevel(frame);
        this.#proxy.levels.push(this.#level);
      } else if (frame.type === packetType.publish) {
        const publish = readPublish(frame, this.#level);
        this.#proxy.sent.push({ ...publish, atMs: performance.now(), connection: this.#connection });
        if (publish.packetId !== null) this.#pending.set(publish.packetId, publish);
      }
    }
  }

  /** Forwards packet by packet, so that a PUBACK is recorded exactly when it is handed over. */
  fromBroker(chunk: Buffer, daemon: net.Socket): void {
    for (const frame of this.#fromBroker.push(chunk)) {
      if (frame.type === packetType.puback) {
        if (this.#proxy.dropPubacks > 0) {
          this.#proxy.dropPubacks--;
          continue;
        }
        if (!daemon.destroyed) this.#acknowledge(readPuback(frame));
      }
      daemon.write(frame.raw);
    }
  }

  #acknowledge({ packetId, reasonCode }: { packetId: number; reasonCode: number }): void {
    const publish = this.#pending.get(packetId);
    if (publish === undefined) return;
    this.#pending.delete(packetId);
    const { topic, payload } = publish;
    this.#proxy.acked.push({ topic, payload, packetId, reasonCode, atMs: performance.now(), connection: this.#connection });
  }
}

export async function startProxy(targetPort: number, port = 0): Promise<JudgeProxy> {
  const proxy = new JudgeProxy(targetPort, port);
  await proxy.start();
  return proxy;
}
