/**
 * A corridor under fire: the built daemon between a folder it watches and a real broker, with processes killed at random.
 *
 * Captures are renamed into the folder while the core, its engines and the broker are SIGKILLed and the link goes mute. The plan says how
 * often; the seed says when. What comes out is evidence, not a verdict. Two bounds keep the run about lost results and not about
 * quarantine, which has a test of its own: no engine is killed while a capture that already crashed one is at work, and no core while
 * a capture has seen three of its deaths.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredResult } from '../../src/core/contracts.js';
import { parseClaimName } from '../../src/inputs/folder/claim-name.js';
import { freePort, type Mosquitto, startMosquitto } from '../support/brokers.js';
import type { Chance } from '../support/chance.js';
import { DaemonProcess, Scratch } from '../support/daemon-process.js';
import { type Picture, smallPictures } from '../support/pictures.js';
import { isAlive, kill, withHome } from '../support/processes.js';
import { type JudgeProxy, startProxy } from '../support/proxy.js';
import { type Subscriber, startSubscriber } from '../support/subscriber.js';
import { until } from '../support/until.js';

export interface Plan {
  readonly captures: number;
  readonly coreKills: number;
  readonly engineKills: number;
  readonly brokerKills: number;
  readonly blackholes: number;
  /** A compiled module that runs another daemon than the product. */
  readonly entry?: string;
}

export const pipelines = ['faces', 'heads'] as const;

/** How often each fault hit something alive, and what it hit. */
export interface Hits {
  core: number;
  engines: number;
  broker: number;
  blackholes: number;
  /** Kills of the core or an engine while captures were claimed and unsettled. */
  withWork: number;
}

export interface Evidence {
  /** In the order of their commits. */
  readonly results: readonly StoredResult[];
  readonly quarantined: number;
  readonly backlog: Readonly<Record<string, { owed: number; dead: number }>>;
  /** Payloads in the order of the file sink's lines. */
  readonly lines: readonly Buffer[];
  readonly left: Readonly<Record<'inbox' | 'work' | 'failed', number>>;
  /** Processes of the run that were alive two seconds after the last core was killed. */
  readonly orphans: number;
  readonly seconds: number;
}

type Blow = 'core' | 'engine' | 'mute';

export class Corridor {
  readonly hits: Hits = { core: 0, engines: 0, broker: 0, blackholes: 0, withWork: 0 };
  readonly scratch = new Scratch();
  readonly #plan: Plan;
  readonly #chance: Chance;
  #pictures: readonly Picture[] = [];
  #broker: Mosquitto | undefined;
  #proxy: JudgeProxy | undefined;
  #subscriber: Subscriber | undefined;
  #daemon: DaemonProcess | undefined;
  #dropped = 0;
  #blowsDone = 0;

  constructor(plan: Plan, chance: Chance) {
    this.#plan = plan;
    this.#chance = chance;
  }

  get proxy(): JudgeProxy {
    if (this.#proxy === undefined) throw new Error('not started');
    return this.#proxy;
  }

  get subscriber(): Subscriber {
    if (this.#subscriber === undefined) throw new Error('not started');
    return this.#subscriber;
  }

  async run(): Promise<Evidence> {
    const beganMs = performance.now();
    await this.#open();
    const { coreKills, engineKills, brokerKills, blackholes } = this.#plan;
    const blows = this.#chance.shuffled([
      ...Array<Blow>(coreKills).fill('core'),
      ...Array<Blow>(engineKills).fill('engine'),
      ...Array<Blow>(blackholes).fill('mute'),
    ]);
    await Promise.all([this.#dropAll(blows.length), this.#strike(blows), this.#killBrokers(brokerKills, blows.length)]);
    await this.#settle();
    return this.#gather(beganMs);
  }

  async close(): Promise<void> {
    await this.#subscriber?.stop();
    await this.#proxy?.stop();
    await this.#broker?.kill();
    await this.scratch.remove();
  }

  async #open(): Promise<void> {
    this.#pictures = await smallPictures();
    this.#broker = await startMosquitto({ dir: join(this.scratch.dir, 'broker'), persistence: true });
    this.#proxy = await startProxy(this.#broker.port);
    this.#subscriber = await startSubscriber({ url: this.#broker.url });
    const link = { type: 'mqtt', keepalive_s: 5, ack_timeout_ms: 1000, connect_timeout_ms: 2000 };
    const detect = { task: 'detect-faces', tiles: 'off' };
    this.scratch.configure({
      device: { id: 'dock-7' },
      connections: {
        lan: { ...link, url: this.#proxy.url },
        nowhere: { ...link, url: `mqtt://127.0.0.1:${await freePort()}` },
      },
      sinks: {
        lan: { type: 'mqtt', connection: 'lan', topic_prefix: 'acme' },
        away: { type: 'mqtt', connection: 'nowhere' },
        journal: { type: 'file', path: join(this.scratch.dir, 'journal.ndjson') },
      },
      inputs: { inbox: { type: 'folder', path: this.scratch.inbox, settle_ms: 10, rescan_ms: 1000 } },
      pipelines: {
        faces: { from: ['inbox'], stages: [detect] },
        heads: { from: ['inbox'], stages: [{ ...detect, min_score: 0.5 }] },
      },
      // Short, so that the lane of delayed deliveries is travelled, too.
      store: { fresh_ms: 3000 },
    });
    this.#start();
    await this.#daemon?.ready(60_000);
  }

  #start(): void {
    this.#daemon = new DaemonProcess(this.scratch, this.#plan.entry);
  }

  // ---------------------------------------------------------------- captures

  #drop(): void {
    if (this.#dropped >= this.#plan.captures) return;
    const picture = this.#pictures[this.#dropped % this.#pictures.length];
    if (picture === undefined) return;
    const name = `capture-${String(this.#dropped++).padStart(4, '0')}.${picture.extension}`;
    writeFileSync(join(this.scratch.outside, name), picture.bytes);
    renameSync(join(this.scratch.outside, name), join(this.scratch.inbox, name));
  }

  /** As many as the faults have progressed, so that there is work in flight until the last one. */
  async #dropAll(blows: number): Promise<void> {
    while (this.#dropped < this.#plan.captures) {
      if (this.#dropped / this.#plan.captures <= (this.#blowsDone + 1) / (blows + 1)) this.#drop();
      await sleep(this.#chance.between(5, 60));
    }
  }

  // ---------------------------------------------------------------- faults

  async #strike(blows: readonly Blow[]): Promise<void> {
    for (const blow of blows) {
      // Some hit it while it starts.
      if (blow !== 'core' || this.#chance.next() < 0.75) await this.#daemon?.ready(60_000);
      await sleep(this.#chance.between(100, 1200));
      if (blow === 'core') await this.#killCore();
      else if (blow === 'engine') await this.#killEngine();
      else await this.#mute();
      this.#blowsDone++;
    }
  }

  async #killCore(): Promise<void> {
    await this.#spare(({ deaths }) => deaths >= 3);
    await this.#occupy();
    const busy = this.#claimed().length > 0;
    if (await this.#daemon?.kill()) {
      this.hits.core++;
      if (busy) this.hits.withWork++;
    }
    await sleep(this.#chance.between(0, 300));
    this.#start();
  }

  async #killEngine(): Promise<void> {
    await this.#spare(({ crashes }) => crashes >= 1);
    await until('an engine lives', () => (this.#daemon?.engines().length ?? 0) > 0, 30_000);
    await this.#occupy();
    const victim = this.#chance.pick(this.#daemon?.engines() ?? []);
    const busy = this.#claimed().length > 0;
    if (victim === undefined || !kill(victim)) return;
    await until('the engine is dead', () => !isAlive(victim));
    this.hits.engines++;
    if (busy) this.hits.withWork++;
  }

  /**
   * Three blows of four fall while something is claimed, also on a machine that is never behind: captures are dropped until one is
   * seen. A tenth of them is left for what comes after.
   */
  async #occupy(): Promise<void> {
    if (this.#chance.next() >= 0.75) return;
    for (let tries = 0; tries < 200 && this.#claimed().length === 0; tries++) {
      if (tries % 20 === 0 && this.#dropped < 0.9 * this.#plan.captures) this.#drop();
      await sleep(2);
    }
  }

  #claimed() {
    return this.scratch.files('work').flatMap((name) => parseClaimName(name) ?? []);
  }

  /** Waits until no capture is at work that the next blow could send to quarantine. */
  async #spare(endangered: (claim: { crashes: number; deaths: number }) => boolean): Promise<void> {
    await until('the endangered capture is settled', () => !this.#claimed().some(endangered), 30_000);
  }

  /** Spread evenly over the other blows. */
  async #killBrokers(kills: number, blows: number): Promise<void> {
    for (let kill = 0; kill < kills; kill++) {
      while (this.#blowsDone / blows < kill / kills) await sleep(20);
      await sleep(this.#chance.between(0, 500));
      const { pid } = this.#broker ?? {};
      if (pid !== undefined && isAlive(pid)) this.hits.broker++;
      await this.#broker?.kill();
      await sleep(this.#chance.between(100, 1500));
      await this.#broker?.start();
    }
  }

  /** The link takes everything and gives nothing, until deliveries are in it; then it breaks. Tried again when the broker died meanwhile. */
  async #mute(): Promise<void> {
    const { proxy } = this;
    const vanished = async () => {
      const flowing = proxy.sent.length;
      this.#drop();
      await until('the daemon delivers', () => proxy.sent.length > flowing, 60_000);
      const before = proxy.sent.length;
      await proxy.setMode('blackhole');
      for (let i = 0; i < 2; i++) this.#drop();
      await until('a delivery vanished', () => proxy.sent.length > before, 1500).catch(() => undefined);
      await sleep(this.#chance.between(100, 500));
      proxy.cut();
      await proxy.setMode('forward');
      return proxy.sent.length > before;
    };
    while (!(await vanished())) await sleep(100);
    this.hits.blackholes++;
  }

  // ---------------------------------------------------------------- evidence

  async #settle(): Promise<void> {
    const work = () => this.scratch.files().length + this.scratch.files('work').length;
    await until('the folder is empty', () => work() === 0, 180_000);
    await until('nothing is owed to the broker', async () => (await this.#backlog()).lan?.owed === 0, 120_000);
    await until('nothing is owed to the journal', async () => (await this.#backlog()).journal?.owed === 0, 30_000);
    const acked = new Set(this.proxy.acked.map(({ payload }) => payload.toString()));
    const seen = () => new Set(this.subscriber.messages.map(({ payload }) => payload.toString()));
    // A broker that was killed may have lost what it acknowledged; the judge says so.
    await until('the subscriber has seen all', () => [...acked].every((payload) => seen().has(payload)), 5000).catch(() => undefined);
  }

  async #backlog(): Promise<Evidence['backlog']> {
    const status = await this.#daemon?.json<{ sinks: Evidence['backlog'] }>('/v1/status').catch(() => undefined);
    return status?.sinks ?? {};
  }

  async #gather(beganMs: number): Promise<Evidence> {
    const daemon = this.#daemon;
    if (daemon === undefined) throw new Error('not started');
    const backlog = await this.#backlog();
    const results = await allResults(daemon);
    const { quarantine } = await daemon.json<{ quarantine: readonly unknown[] }>('/v1/quarantine');
    await until('an engine lives', () => daemon.engines().length > 0, 30_000);
    await daemon.kill();
    await until('all are gone', () => this.#living().length === 0, 2000).catch(() => undefined);
    return {
      results,
      backlog,
      quarantined: quarantine.length,
      lines: readFileSync(join(this.scratch.dir, 'journal.ndjson'))
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => Buffer.from(line)),
      left: { inbox: this.scratch.files().length, work: this.scratch.files('work').length, failed: this.scratch.files('failed').length },
      orphans: this.#living().length,
      seconds: (performance.now() - beganMs) / 1000,
    };
  }

  #living(): number[] {
    return withHome(this.scratch.dir);
  }
}

async function allResults(daemon: DaemonProcess): Promise<StoredResult[]> {
  const results: StoredResult[] = [];
  for (let before: number | null | undefined; before !== null; ) {
    const query: string = before === undefined ? '' : `&before=${before}`;
    const page = await daemon.json<{ results: StoredResult[]; next_before: number | null }>(`/v1/results?limit=500${query}`);
    results.push(...page.results);
    before = page.next_before;
  }
  return results.sort((a, b) => a.seq - b.seq);
}
