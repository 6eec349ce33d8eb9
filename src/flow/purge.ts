/**
 * A purge of one input: everything that is kept of it and older, wherever it lies.
 *
 * Guarantees: kept files, copies that are yet to be made, stored results, messages of events, quarantine rows, and the snapshot that a broker
 * may retain; what it did is counted, and a dry run counts the same and does nothing. Deliberately leaves an input's own folders alone (`done/`, `failed/`), and what
 * subscribers have got.
 */
import type { KeptShelf, Log, Store } from '../core/contracts.js';
import type { PurgeCount, PurgeRequest } from '../core/keep.js';
import type { Watch } from '../core/watch.js';
import type { Keeper } from './keeper.js';
import type { Snapshots } from './snapshots.js';

interface PurgeParts {
  readonly shelf: Pick<KeptShelf, 'purge'>;
  readonly store: Pick<Store, 'purge'>;
  readonly snapshots: Pick<Snapshots, 'forget'>;
  /** None where nothing is copied. */
  readonly keeper?: Pick<Keeper, 'forget'> | undefined;
  readonly watches: readonly Watch[];
  readonly log: Log;
}

/** Rejects with a STORE_ error; what went before it is gone. */
export async function purge(request: PurgeRequest, { shelf, store, snapshots, keeper, watches, log }: PurgeParts): Promise<PurgeCount> {
  if (!request.dryRun) {
    // First, so that no copy of what is old comes after what is there was taken.
    keeper?.forget(request.input, request.beforeMs);
    snapshots.forget(watches.filter(({ kind, input }) => kind !== 'change' && input === request.input));
  }
  const { files, bytes } = await shelf.purge(request);
  const count = { kept_files: files, kept_bytes: bytes, ...(await store.purge(request)) };
  if (!request.dryRun)
    log.info({ input: request.input, before: new Date(request.beforeMs).toISOString(), ...count }, 'purged, as asked for');
  return count;
}
