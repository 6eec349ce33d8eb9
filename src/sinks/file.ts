/**
 * The file sink: every result and message of an event as one line of JSON in a file (NDJSON), rotated by size.
 *
 * Guarantees: acknowledged means on disk; lines stand in the order of the deliveries; what waits together is written and
 * synced together. While the file cannot be written (disk full, folder missing) everything handed over is rejected with
 * DELIVERY_RETRY, in order, and tried again by the relay. A delivery made again after a crash is a second line with the
 * same `id`. Deliberately not told: the lane and whether it is a redelivery; a line is the stored payload and nothing else.
 */
import { z } from 'zod';
import type { Delivery, Sink, SinkContext, SinkKind } from '../core/contracts.js';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { LineFile } from './line-file.js';

export const fileSinkOptions = z.strictObject({
  path: z.string().startsWith('/').describe('File to append to, absolute; its folder must exist'),
  max_bytes: z
    .int()
    .min(1024 * 1024)
    .default(64 * 1024 * 1024)
    .describe('Size at which the file is rotated (bytes, from 1 MiB)'),
  keep_files: z.int().min(0).max(1000).default(5).describe('Rotated files kept as path.1 (newest) .. path.N; 0 deletes the file instead'),
});

export type FileSinkOptions = z.infer<typeof fileSinkOptions>;

interface Waiting {
  readonly line: Buffer;
  resolve(): void;
  reject(error: ShoalError): void;
}

export class FileSink implements Sink {
  readonly window = limits.fileSinkWindow;
  readonly #name: string;
  readonly #options: FileSinkOptions;
  readonly #context: SinkContext;
  readonly #file: LineFile;
  readonly #watchers = new Set<(ready: boolean) => void>();
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #started = false;
  #stopped = false;
  #failing = false;

  constructor(name: string, options: FileSinkOptions, context: SinkContext) {
    this.#name = name;
    this.#options = options;
    this.#context = context;
    this.#file = new LineFile(options);
  }

  /** True between start and stop: whether the disk takes a line is known only by writing it. */
  get ready(): boolean {
    return this.#started && !this.#stopped;
  }

  async start(): Promise<void> {
    if (this.#started || this.#stopped) return;
    await this.#file.open().catch((error) => this.#fails(error));
    this.#started = true;
    this.#tell();
  }

  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#tell();
    }
    await this.#writing;
    await this.#file.close();
  }

  watch(onChange: (ready: boolean) => void): () => void {
    this.#watchers.add(onChange);
    onChange(this.ready);
    return () => this.#watchers.delete(onChange);
  }

  deliver(delivery: Delivery): Promise<void> {
    if (!this.ready) return Promise.reject(new ShoalError('DELIVERY_RETRY', `the file sink ${this.#name} is stopped`));
    if (delivery.payload.includes(0x0a)) {
      return Promise.reject(new ShoalError('DELIVERY_REFUSED', 'the payload holds a line break, which a file of lines cannot take'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: Buffer.concat([delivery.payload, Buffer.of(0x0a)]), resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async #write(): Promise<void> {
    // Let what is handed over in this turn share the sync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#file.append(batch.map((waiting) => waiting.line));
        this.#works();
        for (const waiting of batch) waiting.resolve();
      } catch (error) {
        this.#fails(error);
        const retry = new ShoalError('DELIVERY_RETRY', `cannot write ${this.#options.path}: ${reasonOf(error)}`, { cause: error });
        // Those that came meanwhile would overtake: they go back as well.
        for (const waiting of [...batch, ...this.#waiting.splice(0)]) waiting.reject(retry);
      }
    }
    this.#writing = null;
  }

  #works(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#context.log.info({ sink: this.#name, path: this.#options.path }, `${this.#options.path} is written again`);
  }

  #fails(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#context.log.warn(
      { sink: this.#name, path: this.#options.path },
      `cannot write ${this.#options.path} (${reasonOf(error)}): results wait in the store; free space, or check the folder and its permissions`,
    );
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher(this.ready);
  }
}

export const fileSink: SinkKind<FileSinkOptions> = {
  type: 'file',
  options: fileSinkOptions,
  create: (name, options, context) => new FileSink(name, options, context),
};
