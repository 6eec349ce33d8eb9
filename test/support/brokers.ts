/**
 * Real brokers for tests: aedes in this process (MQTT 3.1.1), Mosquitto as a process that can be killed (MQTT 5).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Aedes, type AedesOptions } from 'aedes';

export interface AedesBroker {
  readonly url: string;
  readonly port: number;
  readonly broker: Aedes;
  stop(): Promise<void>;
}

export async function startAedes(options: AedesOptions & { readonly port?: number } = {}): Promise<AedesBroker> {
  const broker = await Aedes.createBroker(options);
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    broker.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const port = (server.address() as net.AddressInfo).port;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    broker,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Path of Mosquitto, or null: then its tests skip. */
export const mosquittoPath: string | null = findMosquitto();

function findMosquitto(): string | null {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'].filter((folder) => folder !== '');
  for (const folder of folders) {
    try {
      accessSync(join(folder, 'mosquitto'), constants.X_OK);
      return join(folder, 'mosquitto');
    } catch {}
  }
  return null;
}

/** For tap's `skip` option: false, or the reason to say. */
export const skipWithoutMosquitto: string | false =
  mosquittoPath === null ? 'mosquitto is not installed (apt-get install mosquitto)' : false;

export interface MosquittoOptions {
  /** Its own folder for config, data and log. */
  readonly dir: string;
  readonly port?: number;
  /** Saved on every change: a default Mosquitto killed with SIGKILL loses what it has acknowledged. */
  readonly persistence?: boolean;
  /** More lines of mosquitto.conf. */
  readonly lines?: readonly string[];
}

export class Mosquitto {
  readonly port: number;
  readonly #config: string;
  #process: ChildProcess | null = null;
  #exited: Promise<unknown> = Promise.resolve();
  log = '';

  constructor(port: number, config: string) {
    this.port = port;
    this.#config = config;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Also after `kill` or `stop`: same port, same data. Resolves when it answers on its port. */
  async start(): Promise<void> {
    if (mosquittoPath === null) throw new Error('mosquitto is not installed');
    const child = spawn(mosquittoPath, ['-c', this.#config], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    this.#exited = new Promise((resolve) => child.once('close', resolve));
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    const endMs = performance.now() + 10_000;
    while (!(await answers(this.port))) {
      if (child.exitCode !== null || performance.now() > endMs) throw new Error(`mosquitto did not start: ${this.log}`);
      await sleep(20);
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGSTOP: still accepts TCP, answers nothing. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null) return;
    child.kill('SIGCONT');
    child.kill(signal);
    await this.#exited;
  }
}

export async function startMosquitto(options: MosquittoOptions): Promise<Mosquitto> {
  const port = options.port ?? (await freePort());
  const data = join(options.dir, 'data');
  mkdirSync(data, { recursive: true });
  const config = join(options.dir, 'mosquitto.conf');
  const persistence = [
    'persistence true',
    `persistence_location ${data}/`,
    'autosave_on_changes true',
    'autosave_interval 1',
    'max_queued_messages 0',
  ];
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    ...(options.persistence === true ? persistence : ['persistence false']),
    ...(options.lines ?? []),
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const broker = new Mosquitto(port, config);
  await broker.start();
  return broker;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
