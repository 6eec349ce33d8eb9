/** A broker in its own process: Mosquitto where it is installed, else aedes. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { mosquittoPath, startMosquitto } from '../test/support/brokers.js';

export interface BenchBroker {
  readonly url: string;
  readonly name: 'mosquitto' | 'aedes';
  stop(): Promise<void>;
}

export async function startBroker(folder: string): Promise<BenchBroker> {
  if (mosquittoPath !== null) {
    const broker = await startMosquitto({ dir: folder, lines: ['set_tcp_nodelay true'] });
    return { url: broker.url, name: 'mosquitto', stop: () => broker.stop() };
  }
  const child = fork(fileURLToPath(new URL('./aedes-child.js', import.meta.url)), []);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(String(message)));
    child.once('exit', (code) => reject(new Error(`the broker did not start (exit code ${code})`)));
  });
  return {
    url,
    name: 'aedes',
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}
