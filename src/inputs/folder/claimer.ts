/**
 * Takes entries out of the watched folder: into `work/` as captures, or into `failed/` with a reason.
 *
 * Guarantees: a capture is handed out only after its claim is durable; a group of claims shares one sync of each
 * folder. A file is verified after the rename, in the private `work/`, through one open: what a racing writer does to
 * the name in the watched folder no longer matters.
 */
import { rename } from 'node:fs/promises';
import type { InputContext } from '../../core/contracts.js';
import { captureId } from '../../core/id.js';
import { type ClaimName, displayName, formatClaimName } from './claim-name.js';
import { isCode } from './errno.js';
import { FolderCapture, openClaimed } from './folder-capture.js';
import type { Keeper } from './keeper.js';
import type { Refusal } from './look.js';
import type { FolderOptions } from './options.js';
import type { Places } from './places.js';
import { refusalText } from './reason.js';
import type { Source } from './source.js';

export interface Claimed {
  readonly captures: readonly FolderCapture[];
  /** What kept a file from being taken, if anything did; the others are taken all the same. */
  readonly trouble: unknown;
}

export class Claimer {
  readonly #input: string;
  readonly #places: Places;
  readonly #options: FolderOptions;
  readonly #context: InputContext;
  readonly #keeper: Keeper;
  readonly #source: Pick<Source, 'mint'>;
  readonly #onRefused: (name: string, refusal: Refusal) => void;

  constructor(
    input: string,
    places: Places,
    options: FolderOptions,
    context: InputContext,
    keeper: Keeper,
    source: Pick<Source, 'mint'>,
    onRefused: (name: string, refusal: Refusal) => void,
  ) {
    this.#input = input;
    this.#places = places;
    this.#options = options;
    this.#context = context;
    this.#keeper = keeper;
    this.#source = source;
    this.#onRefused = onRefused;
  }

  /** Claims files of the watched folder in this order. */
  async claim(names: readonly Buffer[]): Promise<Claimed> {
    const claims = names.map((name) => ({ name, ...this.#source.mint(name) }));
    const moves = await Promise.allSettled(claims.map(({ name, claim }) => this.#take(name, claim)));
    const trouble = moves.find((move) => move.status === 'rejected')?.reason ?? null;
    const taken = claims.filter((_, index) => {
      const move = moves[index];
      return move?.status === 'fulfilled' && move.value;
    });
    if (taken.length === 0) return { captures: [], trouble };
    await this.#places.sync('work', undefined);
    const captures = await Promise.all(taken.map(({ claim, monoMs }) => this.#admit(claim, monoMs)));
    return { captures: captures.filter((capture) => capture !== null), trouble };
  }

  /** False when the file went away by itself. */
  async #take(name: Buffer, claim: ClaimName): Promise<boolean> {
    const from = this.#places.at(undefined, name);
    try {
      await rename(from, this.#places.at('work', Buffer.from(formatClaimName(claim))));
      return true;
    } catch (error) {
      if (isCode(error, 'ENOENT') && (await this.#places.stat(from)) === null) return false;
      throw error;
    }
  }

  /** Files an earlier life left in `work/`, as captures that may be suspect, in the same order; what must not be read is refused instead. */
  async readmit(claims: readonly ClaimName[]): Promise<FolderCapture[]> {
    const captures = await Promise.all(claims.map((claim) => this.#admit(claim, null, true)));
    return captures.filter((capture) => capture !== null);
  }

  async #admit(claim: ClaimName, monoMs: number | null, recovered = false): Promise<FolderCapture | null> {
    const path = this.#places.at('work', Buffer.from(formatClaimName(claim)));
    const opened = await openClaimed(path, this.#options);
    if (opened === null) return null;
    if (typeof opened !== 'string') return new FolderCapture(this.#places, this.#input, claim, opened, recovered, monoMs);
    await this.refuse(path, claim.original, opened, claim.id);
    return null;
  }

  /** Moves an entry to `failed/` with its reason. A folder stays where it is. */
  async refuse(path: Buffer, original: Buffer, refusal: Refusal, unique = captureId(this.#context.clock.wallMs())): Promise<void> {
    const name = displayName(original);
    const stat = await this.#places.stat(path);
    if (stat === null) return;
    if (!stat.isDirectory()) {
      await this.#places.moveTo('failed', path, original, unique, refusalText(name, refusal, this.#options));
      this.#keeper.added('failed', stat.size);
    }
    this.#onRefused(name, refusal);
  }
}
