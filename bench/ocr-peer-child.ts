/** The peer in a process of its own, one thread, answering as plain-child does: `ocr-peer-child.js FOLDER`, where it is installed. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LoopReply } from './plain-child.js';

interface PeerLine {
  readonly text: string;
  /** Corners, clockwise from the left upper one. */
  readonly box?: readonly (readonly [number, number])[];
}

interface Peer {
  detect(file: string): Promise<readonly PeerLine[]>;
}

interface PeerModule {
  readonly default: { create(options: Readonly<Record<string, unknown>>): Promise<Peer> };
}

const entry = join(process.argv[2] ?? '', 'node_modules/@gutenye/ocr-node/build/index.js');
const { default: maker } = (await import(pathToFileURL(entry).href)) as PeerModule;
const peer = await maker.create({ onnxOptions: { intraOpNumThreads: 1, interOpNumThreads: 1 } });

async function loop(files: readonly string[]): Promise<LoopReply> {
  const doneMs: number[] = [];
  const lines: string[][] = [];
  const before = process.cpuUsage();
  for (const file of files) {
    const found = await peer.detect(file);
    doneMs.push(performance.now());
    lines.push(found.map(({ text }) => text));
  }
  const { user, system } = process.cpuUsage(before);
  return { doneMs, cpuMs: (user + system) / 1000, lines };
}

process.on('disconnect', () => process.exit(0));
process.on('message', (files: readonly string[]) => {
  loop(files).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
