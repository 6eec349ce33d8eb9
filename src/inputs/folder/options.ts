/** Options of a watched folder: schema, defaults and documentation in one. */
import { z } from 'zod';

const bytes = (most: number) => z.number().int().min(1).max(most);
const gib = 1024 ** 3;

export const folderOptions = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      'Folder whose files are taken. Rename a finished file into it, or write it there in one go. The daemon keeps work/, done/ and failed/ inside it and ignores other subfolders, dot files, *.part, *.tmp and *.crdownload.',
    ),
  done: z
    .enum(['delete', 'keep'])
    .default('delete')
    .describe('What becomes of a file whose results are stored: delete it, or keep it in done/. What failed goes to failed/ in any case.'),
  settle_ms: z
    .number()
    .int()
    .min(10)
    .max(600_000)
    .default(250)
    .describe('A file is finished when its size and time of change have stood still for this many milliseconds (10 .. 600000).'),
  rescan_ms: z
    .number()
    .int()
    .min(100)
    .max(3_600_000)
    .default(3000)
    .describe(
      'The folder is read again at least every so many milliseconds (100 .. 3600000), whatever the notifications of the system say.',
    ),
  max_bytes: bytes(4 * gib)
    .default(64 * 1024 ** 2)
    .describe('A file above this many bytes is refused (1 .. 4 GiB, default 64 MiB).'),
  keep_hours: z
    .number()
    .min(0)
    .max(24 * 366)
    .default(24)
    .describe('Files in done/ and failed/ are deleted after this many hours (0 .. 8784).'),
  keep_bytes: bytes(1024 * gib)
    .default(1_000_000_000)
    .describe('done/ and failed/ each hold at most this many bytes (1 .. 1 TiB, default 1 GB); the oldest go first.'),
});

export type FolderOptions = z.infer<typeof folderOptions>;
