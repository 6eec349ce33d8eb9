/**
 * The process that measures one model's memory: loads the runtime, then the model, runs it, answers, ends.
 *
 * What is counted is the growth of resident memory from a loaded runtime to the highest point (VmHWM, set back by
 * /proc/self/clear_refs before the model is opened; where that is forbidden, the largest of a look after each step), plus the file's
 * bytes, which an engine holds while it opens a model.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { reasonOf } from '../../core/errors.js';
import { selfTest } from '../self-test.js';
import { Session } from '../session.js';
import type { MemoryReply, MemoryRequest } from './memory.js';

/** A run may take more at its second time than at its first, hardly at its third. */
const repeats = 2;

async function measure({ model, bytes, feeds }: MemoryRequest): Promise<number> {
  await selfTest();
  collect();
  resetPeak();
  const before = process.memoryUsage.rss();
  let highest = before;
  const look = (): void => {
    highest = Math.max(highest, process.memoryUsage.rss());
  };
  const session = await Session.fromBytes(model, bytes, 'the candidate', { threads: 1, arena: false });
  look();
  for (let i = 0; i < repeats; i++) {
    for (const feed of feeds) {
      await session.run(feed);
      look();
    }
  }
  return Math.max(highest, peak()) - before + bytes.length;
}

/** The request came through the channel in pieces; what they left behind is not the model's. */
function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
}

let resettable = false;

function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    resettable = true;
  } catch {
    // A sandbox or a kernel without it: the looks must do.
  }
}

function peak(): number {
  if (!resettable) return 0;
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

process.once('message', (request: MemoryRequest) => {
  const answer = (reply: MemoryReply): void => {
    process.send?.(reply, undefined, undefined, () => process.exit(0));
  };
  measure(request).then(
    (addedBytes) => answer({ addedBytes }),
    (error: unknown) => answer({ error: reasonOf(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
