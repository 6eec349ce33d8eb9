/**
 * What an earlier life left in `work/`: captures that are settled and only to be closed, and captures to be offered again.
 * Both keep what they had coming: a settled one is closed by the outcomes the ledger holds for it.
 */
import type { Ledger } from '../../core/contracts.js';
import { limits } from '../../core/limits.js';
import type { Settlement } from '../../core/receipt.js';
import { byClaimOrder, type ClaimName, parseClaimName } from './claim-name.js';
import type { Claimer } from './claimer.js';
import type { FolderCapture } from './folder-capture.js';
import { turns } from './names.js';
import type { Places } from './places.js';

interface Recovered {
  /** In the order of their claims. */
  readonly unsettled: readonly FolderCapture[];
  readonly settled: readonly { readonly capture: FolderCapture; readonly settlement: Settlement }[];
}

/** `isHeld`: ids this life holds already. */
export async function recover(places: Places, claimer: Claimer, ledger: Ledger, isHeld: (id: string) => boolean): Promise<Recovered> {
  const unsettled: FolderCapture[] = [];
  const settled: { capture: FolderCapture; settlement: Settlement }[] = [];
  for await (const turn of turns(places.folder('work'), limits.scanBatch, () => true)) {
    const claims: ClaimName[] = [];
    for (const file of turn) {
      const claim = parseClaimName(file.toString('latin1'));
      if (claim === null) await claimer.refuse(places.at('work', file), file, 'stray');
      else if (!isHeld(claim.id)) claims.push(claim);
    }
    if (claims.length === 0) continue;
    const known = await ledger.settled(claims.map(({ id }) => id));
    for (const capture of await claimer.readmit(claims)) {
      const outcomes = known.get(capture.header.id);
      if (outcomes === undefined) unsettled.push(capture);
      else settled.push({ capture, settlement: { kind: 'stored', outcomes } });
    }
  }
  unsettled.sort((a, b) => byClaimOrder(a.header, b.header));
  return { unsettled, settled };
}
