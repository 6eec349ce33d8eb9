/**
 * `shoal learn record`: what an input offers, as files: examples for `learn classes`, or a table's worth of windows to look at.
 *
 * Guarantees: a file is whole or not there; none is written over; it ends at `limits.keptFilesMax` files, or with the one that reaches
 * `limits.recordBytesMax`, and says so. The bytes are those the pipelines get.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import type { CaptureHeader } from '../../core/capture.js';
import { ShoalError } from '../../core/errors.js';
import { seriesMediaType } from '../../core/form.js';
import { limits } from '../../core/limits.js';
import { channelOf, decodeSeries, type Series } from '../../core/series.js';
import { asFolderError } from '../catalogue/folder-error.js';
import type { ModelsContext } from '../models-context.js';
import { namedOrUsual } from '../models-setting.js';
import { listen } from './listen.js';
import { socketOf, spanOption } from './options.js';

interface Options {
  readonly input: string;
  readonly for: number;
  readonly to: string;
  readonly source?: string;
  readonly config?: string;
  readonly socket?: string;
}

const extensions: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/tiff': 'tiff',
  'audio/wav': 'wav',
  'audio/flac': 'flac',
  'audio/ogg': 'ogg',
  'text/csv': 'csv',
  'text/tab-separated-values': 'tsv',
  'application/x-ndjson': 'ndjson',
  'text/plain': 'txt',
  [seriesMediaType]: 'csv',
};

export function recordCommand(context: ModelsContext): Command {
  return new Command('record')
    .description('write what an input of the running daemon offers into a folder, a file a capture')
    .requiredOption('--input <name>', 'listen to this input')
    .requiredOption('--to <folder>', 'made where it is missing')
    .addOption(spanOption('--for <duration>', 'how long to listen', '30s'))
    .option('--source <name>', 'only what comes from this one, such as an MQTT topic')
    .option('-c, --config <file>', 'configuration of the daemon')
    .option('--socket <path>', "the daemon's unix socket; that of the configuration without it")
    .addHelpText(
      'after',
      '\nWindows of numbers become tables (CSV). Captures hold what the sensor saw or heard: remove the folder when it has served.\n' +
        `It ends early at ${limits.keptFilesMax} files or ${limits.recordBytesMax / 1024 ** 3} GiB, and says so.`,
    )
    .action((options: Options) => record(context, options));
}

async function record(context: ModelsContext, options: Options): Promise<void> {
  const { input, source, to } = options;
  if (!(options.for <= limits.tapSecondsMax)) throw new ShoalError('USAGE', `--for takes up to ${limits.tapSecondsMax / 86_400}d`);
  const settings = (await namedOrUsual(context, options.config))?.settings ?? null;
  let files = 0;
  let bytes = 0;
  const heard = await listen(context, {
    socketPath: socketOf(context, settings, options.socket),
    input,
    seconds: options.for,
    onCapture: async ({ header }, content) => {
      if (header.retained === true || (source !== undefined && header.source !== source)) return null;
      bytes += await write(to, header, content).catch((error: unknown) => {
        throw asFolderError(error, to, 'name another folder with --to');
      });
      files += 1;
      return enough(files, bytes);
    },
    progress: () => `${files} files, ${(bytes / 1e6).toFixed(1)} MB`,
  });
  context.stdout.write(`${files} captures of ${input} are in ${to}${heard.missed > 0 ? `; ${heard.missed} were missed` : ''}.\n`);
}

/** Why a recording ends that has so many files and bytes; null where there is room for more. */
export function enough(files: number, bytes: number): string | null {
  if (files >= limits.keptFilesMax) return `one recording has at most ${limits.keptFilesMax} files: it ended`;
  return bytes >= limits.recordBytesMax ? `one recording has at most ${limits.recordBytesMax / 1024 ** 3} GiB: it ended` : null;
}

/** Named by the capture's id, which sorts by time. Returns the size of the file. */
async function write(folder: string, header: CaptureHeader, content: Uint8Array): Promise<number> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${header.id}.${extensions[header.mediaType] ?? 'bin'}`);
  const partial = path.join(folder, `.${header.id}.part`);
  const written = header.mediaType === seriesMediaType ? Buffer.from(tableOf(decodeSeries(content))) : content;
  await writeFile(partial, written, { mode: 0o600 });
  await rename(partial, file);
  return written.byteLength;
}

function tableOf(series: Series): string {
  const { channels, rateHz, length, startMs } = series;
  const timed = rateHz !== null;
  const samples = channels.map((_, c) => channelOf(series, c));
  const rows = Array.from({ length }, (_, i) => {
    const values = samples.map((each) => each[i] ?? 0);
    return (timed ? [(((startMs ?? 0) + (i * 1000) / rateHz) / 1000).toFixed(6), ...values] : values).join(',');
  });
  const names = channels.map((name) => (/[",]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name));
  return `${[...(timed ? ['time'] : []), ...names].join(',')}\n${rows.join('\n')}\n`;
}
