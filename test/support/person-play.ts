/**
 * A person before a camera, played to the built daemon: a photograph that is moved over a background, 5 pictures a second, with an
 * engine and then the whole daemon killed at named moments. What it amounts to is what a broker's subscriber was told.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import type { Test } from 'tap';
import { startAedes } from './brokers.js';
import { DaemonProcess, Scratch } from './daemon-process.js';
import { isAlive, kill } from './processes.js';
import { type Received, type Subscriber, startSubscriber } from './subscriber.js';
import { until } from './until.js';

const patienceMs = 60_000;
const everyMs = 200;

export interface Told {
  readonly schema: string;
  readonly id: string;
  readonly phase: string;
  readonly number: number;
  readonly end_reason?: string;
  readonly duration_ms: number;
  readonly captures: { readonly seen: number; readonly held: number };
  readonly box?: object;
}

export interface State {
  readonly state: string;
  readonly event?: { readonly id: string };
  readonly events?: readonly { readonly id: string }[];
}

/** Seconds from the beginning. */
export interface Play {
  readonly seconds: number;
  /** The person's left edge in a picture 480 wide, may be outside; null for nobody. */
  positionAt(second: number): number | null;
  readonly engineDies: number;
  /** While somebody is there. */
  readonly daemonDies: number;
  /** `report` by the name of its pipeline, all about the same faces. */
  readonly reports: Readonly<Record<string, object>>;
  /** Of those, the pipelines that must go on with one event when the daemon dies. */
  readonly lasting: readonly string[];
}

export interface Played {
  /** Messages of events, in the order of arrival. */
  told(pipeline: string): Told[];
  /** What somebody who comes only now is told of a pipeline. */
  retained(pipeline: string): Promise<State & { readonly retain: boolean }>;
  readonly subscriber: Subscriber;
  readonly killedEngine: boolean;
  readonly killedDaemon: boolean;
}

async function picture(x: number | null): Promise<Buffer> {
  const room = sharp('samples/coffee.png').resize(480, 320, { fit: 'cover' }).removeAlpha();
  if (x === null) return room.jpeg().toBuffer();
  const person = await sharp('samples/astronaut.png').extract({ left: 120, top: 0, width: 256, height: 320 }).png().toBuffer();
  return room
    .composite([{ input: person, left: x, top: 0 }])
    .jpeg()
    .toBuffer();
}

function read<Body>({ payload }: Received): Body {
  return JSON.parse(payload.toString()) as Body;
}

class Stage {
  readonly scratch = new Scratch();
  readonly subscriber: Subscriber;
  readonly #play: Play;
  readonly #url: string;
  readonly #pictures = new Map<number | null, Buffer>();
  #frames = 0;

  constructor(play: Play, url: string, subscriber: Subscriber) {
    this.#play = play;
    this.#url = url;
    this.subscriber = subscriber;
    const { scratch } = this;
    const stages = [{ task: 'detect-faces', as: 'faces' }];
    scratch.configure({
      device: { id: 'dock-7' },
      engine: { count: 1 },
      connections: { lan: { type: 'mqtt', url } },
      sinks: { lan: { type: 'mqtt', connection: 'lan' } },
      inputs: { cam: { type: 'folder', path: scratch.inbox, settle_ms: 10, rescan_ms: 100 } },
      pipelines: Object.fromEntries(Object.entries(play.reports).map(([name, report]) => [name, { from: ['cam'], stages, report }])),
    });
  }

  /** Drawn before the play begins: drawing takes longer than a picture is shown. */
  async draw(): Promise<void> {
    for (let tick = 0; tick * everyMs <= this.#play.seconds * 1000; tick++) {
      const position = this.#play.positionAt(tick / 5);
      if (!this.#pictures.has(position)) this.#pictures.set(position, await picture(position));
    }
  }

  shoot(second: number): void {
    const bytes = this.#pictures.get(this.#play.positionAt(second)) ?? new Uint8Array();
    const name = `${String(this.#frames++).padStart(4, '0')}.jpg`;
    writeFileSync(join(this.scratch.outside, name), bytes);
    renameSync(join(this.scratch.outside, name), join(this.scratch.inbox, name));
  }

  told(pipeline: string): Told[] {
    return this.subscriber.on(new RegExp(`/event/${pipeline}/cam$`)).map((message) => read<Told>(message));
  }

  states(pipeline: string): State[] {
    return this.subscriber.on(new RegExp(`/state/${pipeline}/cam$`)).map((message) => read<State>(message));
  }

  async retained(pipeline: string): Promise<State & { readonly retain: boolean }> {
    const late = await startSubscriber({ url: this.#url, topic: `shoal/dock-7/state/${pipeline}/cam`, protocol: 4 });
    await late.wait((messages) => messages.length > 0);
    await late.stop();
    const [message] = late.messages;
    if (message === undefined) throw new Error('nothing is retained');
    return { ...read<State>(message), retain: message.retain };
  }
}

/** The ids of the events that a state tells of. */
export const openIn = ({ event, events = [] }: State): string[] => (event === undefined ? events : [event]).map(({ id }) => id);

/** Resolves when nobody is there any more and everything has ended. */
export async function perform(t: Test, play: Play): Promise<Played> {
  const broker = await startAedes();
  const subscriber = await startSubscriber({ url: broker.url, topic: 'shoal/#', protocol: 4 });
  const stage = new Stage(play, broker.url, subscriber);
  const running: DaemonProcess[] = [];
  t.teardown(async () => {
    await subscriber.stop();
    for (const daemon of running) await daemon.kill();
    await stage.scratch.remove();
    await broker.stop();
  });
  const start = async () => {
    const daemon = new DaemonProcess(stage.scratch);
    running.push(daemon);
    await daemon.ready(patienceMs);
    return daemon;
  };
  await stage.draw();
  let daemon = await start();
  for (const pipeline of play.lasting) {
    await until('the state is said before anything was seen', () => stage.states(pipeline).length > 0, patienceMs);
    t.match(await stage.retained(pipeline), { schema: 'shoal/state/1', state: 'unknown', retain: true });
  }
  let [killedEngine, killedDaemon] = [false, false];
  for (let tick = 0; tick < play.seconds * 5; tick++) {
    if (tick === Math.round(play.engineDies * 5)) {
      const [engine = -1] = daemon.engines();
      killedEngine = kill(engine);
      await until('the engine is dead', () => !isAlive(engine), patienceMs);
    }
    if (tick === Math.round(play.daemonDies * 5)) {
      await until('somebody is there', () => play.lasting.every((name) => stage.told(name).length > 0), patienceMs);
      killedDaemon = await daemon.kill();
      const before = new Map(play.lasting.map((name) => [name, stage.states(name).length]));
      for (const name of play.lasting) t.match(await stage.retained(name), { state: 'on' }, 'the broker knows it of the dead one');
      daemon = await start();
      for (const name of play.lasting) {
        const said = () => stage.states(name)[before.get(name) ?? 0];
        await until('the new one says the state', () => said() !== undefined, patienceMs);
        t.same(openIn(said() ?? { state: '' }), [stage.told(name)[0]?.id], `the event of ${name} goes on`);
      }
    }
    const due = sleep(everyMs);
    stage.shoot(tick / 5);
    await due;
  }
  const stated = Object.keys(play.reports).filter((name) => stage.states(name).length > 0);
  const ended = async () => {
    const due = sleep(everyMs);
    stage.shoot(play.seconds);
    await due;
    return stated.every((name) => stage.states(name).at(-1)?.state === 'off');
  };
  await until('nobody is there any more', ended, patienceMs);
  for (const name of play.lasting) t.match(await stage.retained(name), { state: 'off', retain: true });
  return { told: (name) => stage.told(name), retained: (name) => stage.retained(name), subscriber, killedEngine, killedDaemon };
}
