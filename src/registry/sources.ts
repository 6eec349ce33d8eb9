/**
 * Where the files of models are fetched from: the sources a site names, in their order, then the public address of the card.
 *
 * Guarantees: sources count only when nobody but root or the user who runs the command can have written them, because a source may lead into
 * private networks and a token goes to it. A source that fails, or holds something else, is told and the next one asked. Which bytes are right
 * the card alone says.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Card } from './card.js';
import { type FetchOptions, fetchFile, type Origin } from './fetch-file.js';

const fileOption = (what: string) => z.string().regex(/^\//, 'must be an absolute path').max(4096).optional().describe(what);

const source = z.strictObject({
  url: z
    .url({ protocol: /^https$/, error: 'must look like https://mirror.lan/models' })
    .max(2000)
    .refine((url) => !/^https:\/\/[^/?#]*@/.test(url), { message: 'must hold no credentials: use token_file' })
    .refine((url) => !/[?#]/.test(url), { message: 'must end after the path' })
    .describe('folder that holds the files, each named by its SHA-256; https only'),
  allow_private: z
    .boolean()
    .default(false)
    .describe('whether it may lie in a private network or on this machine; nothing that is fetched from elsewhere may'),
  ca_file: fileOption('PEM file of the authorities that may have signed it; default those of the system'),
  token_file: fileOption('file with a bearer token for it, read by "shoal models add"; not readable by everybody'),
});

/** The section `models` of the configuration. */
export const modelsOptions = z.strictObject({
  sources: z
    .array(source)
    .max(limits.modelSourcesMax)
    .default([])
    .describe('where "shoal models add" looks for files, in this order; the file must belong to root and nobody else may write it'),
  public: z.boolean().default(true).describe('whether it asks the public address of a card where no source has a file'),
});

export type ModelsOptions = z.output<typeof modelsOptions>;

export interface Source {
  /** The whole address of a file. */
  readonly addressOf: (file: Download) => string;
  readonly origin: Origin;
}

export type Download = NonNullable<Card['source']['download']>[string];

/**
 * The sources of a configuration. `files` are the files it was read from. Throws CONFIG_INVALID when the sources may have been written by
 * somebody else, or the folder a file lies in may be, or when a file they name cannot be read.
 */
export async function openSources(options: ModelsOptions, files: readonly string[]): Promise<readonly Source[]> {
  // Whoever may write a folder puts another file in the place of the one in it.
  const places = new Set(files.flatMap((file) => [path.dirname(path.resolve(file)), file]));
  if (options.sources.length > 0) for (const place of places) await refuseForeign(place);
  const own = await Promise.all(options.sources.map(openSource));
  const publicly: Source = { addressOf: ({ url }) => url, origin: { allowPrivate: false } };
  return options.public ? [...own, publicly] : own;
}

async function refuseForeign(file: string): Promise<void> {
  const { uid, mode } = await stat(file);
  // In a sticky folder, such as /tmp, nobody can replace what is another's.
  const writable = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  const user = process.geteuid?.() ?? 0;
  const who = user === 0 ? 'root' : 'root or you';
  const found = uid !== 0 && uid !== user ? `it belongs to user ${uid}` : writable ? 'others than its owner may write it' : null;
  if (found === null) return;
  const mend = uid !== 0 && uid !== user ? `chown root ${file}` : `chmod go-w ${file}`;
  throw new ShoalError('CONFIG_INVALID', `${file}: models.sources is refused: ${found}, and only ${who} may decide it; ${mend}`);
}

async function openSource({ url, allow_private: allowPrivate, ca_file, token_file }: ModelsOptions['sources'][number]): Promise<Source> {
  const ca = ca_file === undefined ? undefined : await readSetting(ca_file, limits.configBytesMax);
  const token = token_file === undefined ? undefined : await readToken(token_file);
  const origin = { allowPrivate, ...(ca === undefined ? {} : { ca }), ...(token === undefined ? {} : { token }) };
  return { addressOf: ({ sha256 }) => `${url.replace(/\/+$/, '')}/${sha256}`, origin };
}

async function readToken(file: string): Promise<string> {
  const token = (await readSetting(file, limits.tokenBytesMax)).replace(/\r?\n$/, '');
  if (((await stat(file)).mode & 0o004) !== 0)
    throw new ShoalError('CONFIG_INVALID', `${file} may be read by everybody on this machine: chmod o-r ${file}`);
  if (!/^[\x21-\x7e]+$/.test(token)) throw new ShoalError('CONFIG_INVALID', `${file} holds no token: need one line of visible characters`);
  return token;
}

async function readSetting(file: string, bytesMax: number): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Error('no file');
    if (found.size > bytesMax) throw new Error(`${found.size} bytes, the limit is ${bytesMax}`);
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ShoalError('CONFIG_INVALID', `models.sources: ${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

export interface FromSourcesOptions extends FetchOptions {
  /** Of each source that was asked in vain and is followed by another, a sentence. */
  readonly onRefusal?: (reason: string) => void;
}

/**
 * Fetches a file from the first source that has it. `target` names a file for each attempt, in a folder that is only ours; answers the one
 * that holds it. Throws what the last source failed with, MODEL_FETCH or MODEL_HASH; at once the system's error of a disk in trouble.
 */
export async function fetchFromSources(
  sources: readonly Source[],
  file: Download,
  target: (attempt: number) => string,
  { onRefusal, ...options }: FromSourcesOptions = {},
): Promise<string> {
  for (const [attempt, { addressOf, origin }] of sources.entries()) {
    const path = target(attempt);
    try {
      await fetchFile(addressOf(file), origin, file, path, options);
      return path;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (attempt === sources.length - 1 || !(error instanceof ShoalError)) throw error;
      onRefusal?.(reasonOf(error));
    }
  }
  throw new ShoalError('MODEL_FETCH', 'there is nowhere to fetch from: models.public is false and models.sources is empty');
}
