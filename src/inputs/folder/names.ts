/**
 * The names in a folder as raw bytes, for they may be no valid UTF-8; read piece by piece, so that memory does not
 * depend on how many there are. A folder that is gone throws ENOENT.
 */
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';

export async function* names(folder: string): AsyncGenerator<Buffer> {
  // Node's types know only strings here; with the encoding 'buffer' a name is one.
  const entries = (await opendir(folder, { encoding: 'buffer' as BufferEncoding, bufferSize: 128 })) as AsyncIterable<
    Pick<Dirent<Buffer>, 'name'>
  >;
  for await (const entry of entries) yield entry.name;
}

/** The same in turns of at most `size` names; `wanted` says which. */
export async function* turns(folder: string, size: number, wanted: (name: Buffer) => boolean): AsyncGenerator<Buffer[]> {
  let turn: Buffer[] = [];
  for await (const name of names(folder)) {
    if (!wanted(name)) continue;
    turn.push(name);
    if (turn.length < size) continue;
    yield turn;
    turn = [];
  }
  if (turn.length > 0) yield turn;
}
