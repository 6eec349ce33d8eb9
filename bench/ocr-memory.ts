/** The memory an engine needs at most for reading pages, in the built daemon with its defaults: what an operator sees beside the limit. */
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { benchFolder, startDaemon } from './bench-daemon.js';
import { type Figure, figure } from './figure.js';
import { peakRssMegabytes } from './process-figures.js';

/** Each page so often: what grows with every page would show. */
const times = 5;
/** A busy machine takes long; what is measured does not depend on it. */
const patienceMs = 900_000;
const targetMegabytes = 400;

/** `files` are images with text. Throws when a page is not read. */
export async function enginePeakMemory(files: readonly string[]): Promise<Figure> {
  const folder = benchFolder('ocr-memory');
  const results = join(folder, 'results.ndjson');
  const daemon = await startDaemon(folder, {
    engine: { count: 1 },
    sinks: { journal: { type: 'file', path: results } },
    inputs: { inbox: { type: 'folder', path: join(folder, 'inbox'), settle_ms: 20, rescan_ms: 200 } },
    pipelines: {
      text: {
        from: ['inbox'],
        stages: [
          { task: 'detect-text', as: 'regions' },
          { task: 'read-text', each: 'regions', as: 'lines' },
        ],
      },
    },
  });
  try {
    const pages = Array.from({ length: times }, () => files).flat();
    const [engine, ...others] = daemon.engines();
    if (engine === undefined || others.length > 0)
      throw new Error(`the daemon has ${daemon.engines().length} children, one engine was asked for`);
    for (const [number, file] of pages.entries()) {
      copyFileSync(file, join(folder, `${number}.jpg`));
      renameSync(join(folder, `${number}.jpg`), join(folder, 'inbox', `${number}.jpg`));
    }
    const outcomes = (): string[] =>
      !existsSync(results)
        ? []
        : readFileSync(results, 'utf8')
            .split('\n')
            .filter((line) => line.includes('"outcome"'))
            .map((line) => (JSON.parse(line) as { outcome: string }).outcome);
    for (const began = performance.now(); outcomes().length < pages.length; ) {
      if (performance.now() - began > patienceMs) throw new Error(`${outcomes().length} of ${pages.length} pages were read in time`);
      await sleep(100);
    }
    const failed = outcomes().filter((outcome) => outcome !== 'published');
    if (failed.length > 0 || !daemon.engines().includes(engine)) throw new Error(`not every page was read by one engine: ${failed}`);
    return figure(
      `peak memory of the engine, ${pages.length} pages in the daemon`,
      peakRssMegabytes(engine),
      'MB',
      'lower',
      targetMegabytes,
    );
  } finally {
    await daemon.stop();
  }
}
