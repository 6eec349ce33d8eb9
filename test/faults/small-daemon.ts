/** A daemon in a scratch folder with one broker and one pipeline: what the smaller fault tests share. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scratch } from '../support/daemon-process.js';
import type { Subscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

export interface SmallOptions {
  readonly url: string;
  readonly budgetMs?: number;
  readonly settleMs?: number;
}

export function smallConfig(scratch: Scratch, { url, budgetMs, settleMs = 20 }: SmallOptions) {
  return {
    device: { id: 'dock-7' },
    connections: { lan: { type: 'mqtt', url, ack_timeout_ms: 2000, connect_timeout_ms: 2000 } },
    sinks: { lan: { type: 'mqtt', connection: 'lan' } },
    inputs: { inbox: { type: 'folder', path: scratch.inbox, settle_ms: settleMs, rescan_ms: 500 } },
    pipelines: {
      faces: {
        from: ['inbox'],
        stages: [{ task: 'detect-faces', tiles: 'off' }],
        ...(budgetMs === undefined ? {} : { budget_ms: budgetMs }),
      },
    },
  };
}

/** Renames a finished file into the inbox; answers when. */
export function drop(scratch: Scratch, name: string | Buffer, bytes: Uint8Array): number {
  const outside = join(scratch.outside, 'finished');
  writeFileSync(outside, bytes);
  renameSync(outside, Buffer.concat([Buffer.from(`${scratch.inbox}/`), Buffer.from(name)]));
  return performance.now();
}

export interface Told {
  readonly id: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly capture: { readonly name: string };
  readonly atMs: number;
}

/** The results a subscriber has seen, in the order of arrival. */
export function told(subscriber: Subscriber): Told[] {
  return subscriber.on(/\/(result|backlog)\//).map(({ payload, atMs }) => ({ ...(JSON.parse(payload.toString()) as Told), atMs }));
}

/** Resolves with the first result about a file of this name. */
export async function toldAbout(subscriber: Subscriber, name: string, ms = 30_000): Promise<Told> {
  const find = () => told(subscriber).find(({ capture }) => capture.name === name);
  await until(`a result about ${name} has arrived`, () => find() !== undefined, ms);
  return find() as Told;
}

/** The reason file beside a file in `failed/`, once it is there. */
export async function reasonFor(scratch: Scratch, name: string | Buffer, ms = 30_000): Promise<string> {
  const path = Buffer.concat([Buffer.from(`${scratch.inbox}/failed/`), Buffer.from(name), Buffer.from('.reason.txt')]);
  let text = '';
  const read = () => {
    try {
      text = readFileSync(path, 'utf8');
    } catch {}
    return text !== '';
  };
  await until(`failed/ says why about ${JSON.stringify(name.toString())}`, read, ms);
  return text;
}
