/**
 * A model as one file, for boards without a network: a ustar archive of `<name>/<version>/` with exactly the files its card names.
 *
 * Guarantees: the card is read before anything is unpacked; an entry the card does not name, one that comes twice, a link, a device or a size
 * that is not the promised one refuses the whole archive; nothing is written outside the folder that is handed in. Looks at no more than
 * `limits.archiveEntriesMax` entries.
 */
import { constants, createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { reasonOf, ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { type Card, cardFile, cardSchema, checkedCard, parseYaml } from './card.js';
import { filesOfCard } from './card-files.js';
import { type ArchiveEntry, blockBytes, fileHeader, padding, readHeader } from './ustar.js';

interface Placed extends ArchiveEntry {
  /** Of its bytes in the archive. */
  readonly at: number;
}

export interface ArchivedModel {
  readonly file: string;
  readonly card: Card;
  /** By path inside the version folder. */
  readonly entries: ReadonlyMap<string, Placed>;
}

/** Reads headers and card. Throws MODEL_MISSING when it cannot be read, MODEL_INVALID for what is no model or holds something else too. */
export async function openArchive(file: string): Promise<ArchivedModel> {
  // A pipe would hold the opening of it for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw new ShoalError('MODEL_MISSING', `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new Error('it is no file');
    const entries = await entriesOf(handle, found.size);
    const root = rootOf(entries);
    const inside = new Map<string, Placed>();
    for (const entry of entries) {
      if (entry.kind === 'folder') continue;
      const name = entry.name.startsWith(`${root}/`) ? entry.name.slice(root.length + 1) : entry.name;
      if (inside.has(name)) throw new Error(`"${shown(name)}" comes twice`);
      inside.set(name, entry);
    }
    const card = await cardOf(handle, inside, file);
    if (root !== `${card.name}/${card.version}`)
      throw new Error(`its card says ${card.name}@${card.version}, its folder is "${shown(root)}": they must agree`);
    checkNames(entries, root, card);
    return { file, card, entries: inside };
  } catch (error) {
    if (error instanceof ShoalError && error.code === 'MODEL_INVALID' && error.message.startsWith(file)) throw error;
    throw new ShoalError('MODEL_INVALID', `${file}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await handle.close();
  }
}

async function entriesOf(handle: FileHandle, size: number): Promise<Placed[]> {
  const entries: Placed[] = [];
  const block = Buffer.alloc(blockBytes);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(block, 0, blockBytes, at);
    if (bytesRead < blockBytes) throw new Error('it ends in the middle');
    if (at === 0 && block.readUInt16BE(0) === 0x1f8b) throw new Error('it is compressed: unpack it with gunzip first');
    const entry = readHeader(block);
    if (entry === null) return entries;
    at += blockBytes;
    if (entries.length === limits.archiveEntriesMax) throw new Error(`it has more than ${limits.archiveEntriesMax} entries`);
    if (at + entry.bytes > size) throw new Error(`it ends in the middle of "${shown(entry.name)}"`);
    entries.push({ ...entry, at });
    at += entry.bytes + padding(entry.bytes);
  }
}

/** `<name>/<version>`, where the one card lies. */
function rootOf(entries: readonly ArchiveEntry[]): string {
  const roots = entries.map(({ name }) => /^([^/]+\/[^/]+)\/card\.yaml$/.exec(name)?.[1]).filter((root) => root !== undefined);
  const [root] = roots;
  if (root === undefined) throw new Error(`it holds no <name>/<version>/${cardFile}`);
  if (new Set(roots).size > 1) throw new Error(`it holds ${roots.length} models: one archive is one model`);
  return root;
}

async function cardOf(handle: FileHandle, inside: ReadonlyMap<string, Placed>, file: string): Promise<Card> {
  const entry = inside.get(cardFile);
  if (entry === undefined || entry.bytes > limits.cardBytesMax)
    throw new Error(`its ${cardFile} is larger than ${limits.cardBytesMax} bytes`);
  const content = Buffer.alloc(entry.bytes);
  await handle.read(content, 0, entry.bytes, entry.at);
  return checkedCard(cardSchema, parseYaml(content.toString('utf8'), `${file}: ${cardFile}`), `${file}: ${cardFile}`);
}

/** The card's own paths are all that is ever used as one; others would only be dragged along. */
function checkNames(entries: readonly ArchiveEntry[], root: string, card: Card): void {
  const files = new Map(filesOfCard(card).map((named) => [`${root}/${named.path}`, named]));
  const folders = new Set(['', '.']);
  for (const name of files.keys()) for (let at = path.dirname(name); at !== '.'; at = path.dirname(at)) folders.add(at);
  for (const { kind, name, bytes } of entries) {
    if (kind === 'folder') {
      if (!folders.has(name)) throw new Error(`it holds the folder "${shown(name)}", which its card knows nothing of`);
      continue;
    }
    const named = files.get(name);
    if (named === undefined) throw new Error(`it holds "${shown(name)}", which its card does not name`);
    if (bytes > named.bytesMax) throw new Error(`"${shown(name)}" has ${bytes} bytes, at most ${named.bytesMax} are expected`);
  }
}

/** Writes the files of an archive into a folder. Throws the signal's reason, or the system's error. */
export async function unpackModel({ file, entries }: ArchivedModel, folder: string, signal?: AbortSignal): Promise<void> {
  const handle = await open(file, 'r');
  try {
    for (const [name, { at, bytes }] of entries) {
      signal?.throwIfAborted();
      const target = path.join(folder, name);
      await mkdir(path.dirname(target), { recursive: true });
      const body = bytes === 0 ? [] : handle.createReadStream({ start: at, end: at + bytes - 1, autoClose: false });
      await pipeline(body, createWriteStream(target, { flags: 'wx' }));
    }
  } finally {
    await handle.close();
  }
}

/**
 * Writes the model of a version folder as an archive, in one rename. Throws MODEL_MISSING when a file that the card names is missing, USAGE
 * when the target is there already, the signal's reason, else the system's error.
 */
export async function packModel(directory: string, card: Card, target: string, signal?: AbortSignal): Promise<void> {
  if ((await stat(target).catch(() => null)) !== null)
    throw new ShoalError('USAGE', `${target} is there already; remove it, or name another`);
  const partial = path.join(path.dirname(target), `.${path.basename(target)}.partial-${process.pid}`);
  try {
    const archive = await open(partial, 'wx', 0o644);
    try {
      for (const { path: name, needed } of filesOfCard(card)) {
        await append(archive, card, directory, name, needed);
        signal?.throwIfAborted();
      }
      await archive.appendFile(Buffer.alloc(2 * blockBytes));
      await archive.sync();
    } finally {
      await archive.close();
    }
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}

async function append(archive: FileHandle, card: Card, directory: string, name: string, needed: boolean): Promise<void> {
  const source = path.join(directory, name);
  const handle = await open(source, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && !needed) return null;
    throw new ShoalError('MODEL_MISSING', `${source} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  if (handle === null) return;
  try {
    const { size } = await handle.stat();
    await archive.appendFile(fileHeader(`${card.name}/${card.version}/${name}`, size));
    let packed = 0;
    for await (const piece of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      packed += piece.length;
      await archive.appendFile(piece);
    }
    if (packed !== size) throw new ShoalError('MODEL_INVALID', `${source} changed while it was read`);
    await archive.appendFile(Buffer.alloc(padding(size)));
  } finally {
    await handle.close();
  }
}

function shown(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
