/**
 * What was brought and is not claimed yet: files in the spool, each under the name of the claim it will be (folder/claim-name.ts).
 *
 * Guarantees: taken in the order of arrival, over restarts; the id that the caller was told is the id of the capture.
 */
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { byClaimOrder, type ClaimName, parseClaimName } from '../folder/claim-name.js';
import { turns } from '../folder/names.js';
import type { Places } from '../folder/places.js';
import type { Minted, Source, Turn } from '../folder/source.js';

interface Arrival {
  readonly bytes: number;
  /** Null for one of an earlier life. */
  readonly monoMs: number | null;
}

export class Arrivals implements Source {
  readonly #places: Places;
  readonly #isClaimed: (id: string) => boolean;
  /** Taken and not settled, claimed or not, by id; as many as the spool may hold. */
  readonly #unsettled = new Map<string, Arrival>();
  #bytes = 0;

  constructor(places: Places, isClaimed: (id: string) => boolean) {
    this.#places = places;
    this.#isClaimed = isClaimed;
  }

  get count(): number {
    return this.#unsettled.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Its file is in the spool. */
  add(id: string, arrival: Arrival): void {
    this.remove(id);
    this.#unsettled.set(id, arrival);
    this.#bytes += arrival.bytes;
  }

  remove(id: string): void {
    this.#bytes -= this.#unsettled.get(id)?.bytes ?? 0;
    this.#unsettled.delete(id);
  }

  /** Finds what an earlier life left. */
  async load(): Promise<void> {
    for (const place of [undefined, 'work'] as const) {
      for (const { name, claim } of await this.#read(place)) {
        const stat = claim === null ? null : await this.#places.stat(this.#places.at(place, name));
        if (claim !== null && stat !== null && !this.#unsettled.has(claim.id)) this.add(claim.id, { bytes: stat.size, monoMs: null });
      }
    }
  }

  async *turns(): AsyncGenerator<Turn> {
    const known = [...this.#unsettled.keys()];
    const found = await this.#read();
    const present = new Set(found.map(({ claim }) => claim?.id));
    // Refused, or gone by another's hand.
    for (const id of known) if (!present.has(id) && !this.#isClaimed(id)) this.remove(id);
    found.sort(byArrival);
    for (let at = 0; at < found.length; at += limits.scanBatch) yield turnOf(found.slice(at, at + limits.scanBatch));
  }

  async look(names: readonly Buffer[]): Promise<Turn> {
    return turnOf(names.map(read));
  }

  mint(name: Buffer): Minted {
    const { claim } = read(name);
    if (claim === null) throw new ShoalError('SHOAL_INTERNAL', 'what is no arrival was to be claimed');
    return { claim: { ...claim, state: 'b' }, monoMs: this.#unsettled.get(claim.id)?.monoMs ?? null };
  }

  async #read(place?: 'work'): Promise<Named[]> {
    const found: Named[] = [];
    for await (const turn of turns(this.#places.folder(place), limits.scanBatch, (name) => !folders.has(name.toString('latin1'))))
      found.push(...turn.map(read));
    return found;
  }
}

/** What is none of ours comes first. */
function byArrival(a: Named, b: Named): number {
  if (a.claim === null || b.claim === null) return Number(a.claim !== null) - Number(b.claim !== null);
  return byClaimOrder(a.claim, b.claim);
}

function turnOf(found: readonly Named[]): Turn {
  return {
    ready: found.filter(({ claim }) => claim !== null).map(({ name }) => name),
    refused: found.filter(({ claim }) => claim === null).map(({ name }) => ({ name, refusal: 'stray' as const })),
    unfinished: 0,
    waitMs: Number.POSITIVE_INFINITY,
    oldestMs: Number.POSITIVE_INFINITY,
  };
}

const folders = new Set(['work', 'done', 'failed', 'incoming', 'keys']);

interface Named {
  readonly name: Buffer;
  readonly claim: ClaimName | null;
}

function read(name: Buffer): Named {
  return { name, claim: parseClaimName(name.toString('latin1')) };
}
