/**
 * What every live input owes the corridor, as a suite that an input's own test calls with the real thing, or with the real thing's interface.
 */
import type { Test } from 'tap';
import type { Capture } from '../../src/core/capture.js';
import type { Input, InputContext, Offer } from '../../src/core/contracts.js';
import { idPattern } from '../../src/core/id.js';
import { limits } from '../../src/core/limits.js';
import type { Receipt } from '../../src/core/receipt.js';
import { FileLedger } from '../support/file-ledger.js';
import { noConnection, type TestSurroundings, testSurroundings } from '../support/surroundings.js';
import { until } from '../support/until.js';

/** One source in the outside world, plugged in when it is made, and inputs on it. */
export interface LiveRig {
  /** The input's name must be `live`. */
  create(context: InputContext): Input;
  /** Takes the source away: kills the peer, removes the tree. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
  /** Makes the source speak, where it does not by itself; called over and over while captures are waited for. */
  speak?(): Promise<void>;
  /** What health must say of the input while the source is away. */
  readonly away: RegExp;
  /** How long the rig's source may take to be noticed, or to come back; ms. */
  readonly patienceMs?: number;
}

export class TakingCorridor {
  readonly taken: { capture: Capture; receipt: Receipt }[] = [];

  readonly offer: Offer = async (capture, receipt) => {
    this.taken.push({ capture, receipt });
    receipt.settle({ kind: 'stored', outcomes: [{ pipeline: 'p', outcome: 'published' }] });
  };
}

export function liveContext(ledgerPath: string, around: TestSurroundings, more: Partial<InputContext> = {}): InputContext {
  let seq = 0;
  return { ...around, boot: 3, ledger: new FileLedger(ledgerPath), nextSeq: () => ++seq, connection: noConnection, ...more };
}

export function liveInputContract(t: Test, make: (t: Test) => Promise<LiveRig>, more: Partial<InputContext> = {}): void {
  const contextFor = (t: Test, around = testSurroundings()) => liveContext(`${t.testdir({})}/ledger`, around, more);

  t.test('it starts, stops twice, and stops during its start', async (t) => {
    const rig = await make(t);
    const early = rig.create(contextFor(t));
    const starting = early.start(new TakingCorridor().offer);
    await early.stop();
    await starting;
    const never = rig.create(contextFor(t));
    await never.stop();
    const around = testSurroundings();
    const input = rig.create(contextFor(t, around));
    await input.start(new TakingCorridor().offer);
    await input.stop();
    await input.stop();
    t.notOk(input.replayable);
    t.equal(around.states.get('input:live')?.state, 'down', 'a stopped input is not well');
  });

  t.test('captures come in order with a complete header; away is told and mended', async (t) => {
    const rig = await make(t);
    const around = testSurroundings();
    const corridor = new TakingCorridor();
    const input = rig.create(contextFor(t, around));
    await input.start(corridor.offer);
    const health = () => around.states.get('input:live');
    const speaking = async (enough: () => boolean) => {
      await rig.speak?.();
      return enough();
    };
    const patience = rig.patienceMs ?? 20_000;
    await until('three captures come', () => speaking(() => corridor.taken.length >= 3), patience);
    t.equal(health()?.state, 'ok');
    for (const [index, { capture }] of corridor.taken.entries()) {
      const { header } = capture;
      t.match(header.id, idPattern);
      t.equal(header.boot, 3);
      t.equal(header.input, 'live');
      t.ok(header.bytes > 0);
      t.equal(capture.claim, undefined, 'a live capture is not journalled');
      const before = corridor.taken[index - 1]?.capture.header;
      if (before === undefined) continue;
      t.ok(before.seq < header.seq, 'seq rises');
      t.ok((before.monoMs ?? 0) <= (header.monoMs ?? 0), 'time does not go back');
    }
    await rig.unplug();
    await until('its absence is told', () => health()?.state === 'down', patience);
    t.match(health()?.reason ?? '', rig.away);
    t.equal(
      around.lines.filter(({ level, message }) => level === 'warn' && rig.away.test(message)).length,
      1,
      'once, however often it is tried again',
    );
    const before = corridor.taken.length;
    await rig.plug();
    await until('captures come again', () => speaking(() => corridor.taken.length > before), patience);
    t.equal(health()?.state, 'ok');
    await input.stop();
    const after = corridor.taken.length;
    await rig.speak?.();
    await new Promise((resolve) => setTimeout(resolve, 100));
    t.equal(corridor.taken.length, after, 'nothing is offered after the stop');
  });

  t.test('a corridor that takes nothing holds no more than it may, and a stop does not wait for it', async (t) => {
    const rig = await make(t);
    const around = testSurroundings();
    let offered = 0;
    const input = rig.create(contextFor(t, around));
    await input.start(() => {
      offered++;
      return new Promise(() => {});
    });
    const speaking = async () => {
      await rig.speak?.();
      return offered >= 3;
    };
    await until('captures come', speaking, rig.patienceMs ?? 20_000);
    t.ok(offered <= limits.liveOffersMax);
    await input.stop();
  });
}
