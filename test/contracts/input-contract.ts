/**
 * What every replayable input owes the corridor, as a suite that an input's own test calls with the real thing.
 */
import type { Test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import type { Input, Ledger, Offer } from '../../src/core/contracts.js';
import { idPattern } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { Receipt, SettledOutcome } from '../../src/core/receipt.js';
import { FileLedger } from '../support/file-ledger.js';
import { until } from '../support/until.js';

/** One source in the outside world, and inputs on it. */
export interface InputRig {
  /** A new input on the same source, as after a restart of the daemon. */
  create(ledger: Ledger, boot: number): Input;
  /** Puts so many captures into the source; answers their names in the order in which they are to be offered. */
  feed(count: number): Promise<string[]>;
  /** Whether the source holds nothing any more, claimed or not. */
  empty(): Promise<boolean>;
  /** A private path for the ledger's file. */
  readonly ledgerPath: string;
}

/** A corridor that keeps what it is offered until told to settle it. */
export class HeldCorridor {
  readonly offered: { capture: Capture; receipt: Receipt }[] = [];
  readonly #ledger: FileLedger;
  readonly #room: () => number;
  #blocked: (() => void)[] = [];

  constructor(ledger: FileLedger, room: () => number = () => Number.POSITIVE_INFINITY) {
    this.#ledger = ledger;
    this.#room = room;
  }

  readonly offer: Offer = async (capture, receipt) => {
    this.offered.push({ capture, receipt });
    while (this.offered.length > this.#room()) await new Promise<void>((resolve) => this.#blocked.push(resolve));
  };

  release(): void {
    for (const go of this.#blocked.splice(0)) go();
  }

  /** Commits, then settles, as the corridor does. */
  settle(index: number, outcomes: readonly SettledOutcome[] = [{ pipeline: 'p', outcome: 'published' }]): void {
    const { capture, receipt } = this.at(index);
    this.#ledger.commit(capture.header.id, capture.header.name);
    receipt.settle({ kind: 'stored', outcomes });
  }

  settleAll(): void {
    for (const [index, { receipt }] of this.offered.entries()) if (!receipt.settled) this.settle(index);
  }

  at(index: number): { capture: Capture; receipt: Receipt } {
    const held = this.offered[index];
    if (held === undefined) throw new Error(`capture ${index} was never offered`);
    return held;
  }

  get names(): string[] {
    return this.offered.map(({ capture }) => capture.header.name);
  }
}

export function replayableInputContract(t: Test, make: (t: Test) => Promise<InputRig>): void {
  t.test('it starts, stops twice, and stops during its start', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    const early = rig.create(ledger, 1);
    const starting = early.start(new HeldCorridor(ledger).offer);
    await early.stop();
    await starting;
    const never = rig.create(ledger, 1);
    await never.stop();
    const input = rig.create(ledger, 1);
    await input.start(new HeldCorridor(ledger).offer);
    await input.stop();
    await input.stop();
    t.ok(input.replayable);
  });

  t.test('what is put in is offered once and in order, with a complete header, and is gone when settled', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    const corridor = new HeldCorridor(ledger);
    const names = await rig.feed(20);
    const input = rig.create(ledger, 7);
    await input.start(corridor.offer);
    await until('all are offered', () => corridor.offered.length === 20);
    t.same(corridor.names, names);
    for (const [index, { capture }] of corridor.offered.entries()) {
      t.match(capture.header.id, idPattern);
      t.equal(capture.header.boot, 7);
      t.ok(index === 0 || corridor.at(index - 1).capture.header.seq < capture.header.seq, 'seq rises');
      t.equal(capture.claim?.suspect, false);
    }
    t.notOk(await rig.empty(), 'nothing is given up before it is settled');
    corridor.settleAll();
    await until('the source is empty', () => rig.empty());
    await input.stop();
    t.equal(corridor.offered.length, 20, 'nothing was offered twice');
    t.equal(ledger.open.size, 0, 'each claim was closed');
  });

  t.test('an unaccepted offer holds back the next, and claims in flight are bounded', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    let room = 3;
    const corridor = new HeldCorridor(ledger, () => room);
    const input = rig.create(ledger, 1);
    const total = limits.claimsPerInputMax + 20;
    await rig.feed(total);
    await input.start(corridor.offer);
    await until('three are accepted and one waits', () => corridor.offered.length === 4);
    await new Promise((resolve) => setTimeout(resolve, 150));
    t.equal(corridor.offered.length, 4, 'the fifth waits for the fourth');
    room = Number.POSITIVE_INFINITY;
    corridor.release();
    await until('the window is full', () => corridor.offered.length === limits.claimsPerInputMax);
    await new Promise((resolve) => setTimeout(resolve, 150));
    t.equal(corridor.offered.length, limits.claimsPerInputMax, 'no more are claimed than may be in flight');
    await until('all are settled', async () => {
      corridor.settleAll();
      return corridor.offered.length === total && (await rig.empty());
    });
    await input.stop();
  });

  t.test('a stop does not wait for an offer that nobody accepts, and a receipt may settle after it', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    const corridor = new HeldCorridor(ledger, () => 1);
    const input = rig.create(ledger, 1);
    await rig.feed(3);
    await input.start(corridor.offer);
    await until('the second offer waits', () => corridor.offered.length === 2);
    await input.stop();
    t.equal(corridor.offered.length, 2);
    corridor.settle(0);
    corridor.settle(1);
    await until('both are closed', () => ledger.open.size === 0);
    t.equal(ledger.closed.length, 2);
    await input.stop();
  });

  t.test('what is given back is offered again with the same header', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    const corridor = new HeldCorridor(ledger);
    const input = rig.create(ledger, 1);
    await rig.feed(2);
    await input.start(corridor.offer);
    await until('both are offered', () => corridor.offered.length === 2);
    const first = corridor.at(0);
    first.receipt.settle({ kind: 'returned', reason: 'the store is away' });
    await until('it comes again', () => corridor.offered.length === 3);
    t.same(corridor.at(2).capture.header, first.capture.header);
    t.not(corridor.at(2).receipt, first.receipt, 'a receipt settles once');
    corridor.settleAll();
    await until('the source is empty', () => rig.empty());
    await input.stop();
  });

  t.test('after a death the same captures come back, suspect and first, and settled ones are only closed', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    const before = new HeldCorridor(ledger);
    const dead = rig.create(ledger, 1);
    await rig.feed(5);
    await dead.start(before.offer);
    await until('all are offered', () => before.offered.length === 5);
    // Committed, but its input never hears of it: as if the daemon died between commit and receipt.
    ledger.commit(before.at(1).capture.header.id, before.at(1).capture.header.name);
    await dead.stop();
    await rig.feed(2);
    const again = new FileLedger(rig.ledgerPath);
    const after = new HeldCorridor(again);
    const input = rig.create(again, 2);
    await input.start(after.offer);
    await until('the four unsettled and two new are offered', () => after.offered.length === 6);
    // Its place on the monotonic clock is not kept.
    const old = [0, 2, 3, 4].map((index) => {
      const { monoMs: _, ...header } = before.at(index).capture.header;
      return header;
    });
    t.same(
      after.offered.slice(0, 4).map(({ capture }) => capture.header),
      old,
    );
    t.same(
      after.offered.map(({ capture }) => capture.claim?.suspect),
      [true, true, true, true, false, false],
    );
    await until('the settled one is closed', () => again.closed.includes(before.at(1).capture.header.id));
    after.settleAll();
    await until('the source is empty', () => rig.empty());
    await input.stop();
    t.equal(new Set(again.commits.map(({ id }) => id)).size, again.commits.length, 'nothing was committed twice');
  });

  t.test('solo crashes are counted over restarts until the claim is exhausted', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    await rig.feed(1);
    for (let crash = 1; crash <= limits.soloCrashesMax; crash++) {
      const corridor = new HeldCorridor(ledger);
      const input = rig.create(ledger, crash);
      await input.start(corridor.offer);
      await until('it is offered', () => corridor.offered.length === 1);
      const claim = corridor.at(0).capture.claim;
      t.equal(claim?.exhausted, null);
      await claim?.markSolo();
      t.equal(await claim?.markCrash(), crash);
      await input.stop();
    }
    const corridor = new HeldCorridor(ledger);
    const input = rig.create(ledger, 9);
    await input.start(corridor.offer);
    await until('it is offered', () => corridor.offered.length === 1);
    t.match(corridor.at(0).capture.claim?.exhausted ?? '', /crashed or hung 2 times/);
    corridor.settleAll();
    await until('the source is empty', () => rig.empty());
    await input.stop();
  });

  t.test('deaths of the core during solo runs are counted, others are not', async (t) => {
    const rig = await make(t);
    const ledger = new FileLedger(rig.ledgerPath);
    await rig.feed(2);
    for (let boot = 1; boot <= limits.coreDeathsMax + 1; boot++) {
      const corridor = new HeldCorridor(ledger);
      const input = rig.create(ledger, boot);
      await input.start(corridor.offer);
      await until('both are offered', () => corridor.offered.length === 2);
      const [alone, batched] = [corridor.at(0).capture.claim, corridor.at(1).capture.claim];
      t.equal(batched?.exhausted, null, 'a death in a batch proves nothing');
      if (boot <= limits.coreDeathsMax) {
        t.equal(alone?.exhausted, null);
        await alone?.markSolo();
      } else {
        t.match(alone?.exhausted ?? '', /the daemon died 5 times/);
        corridor.settleAll();
        await until('the source is empty', () => rig.empty());
      }
      await input.stop();
    }
  });
}
