/**
 * A sensor of sysfs, read over and over: the body of `iio`, `hwmon` and `thermal`.
 *
 * Guarantees: reads at `rate_hz` by the monotonic clock, without drift; a turn that is still running when the next is due makes that one skipped, and
 * counted: there is never more than one. A sensor that answers "not now" loses that sample alone, counted; one that is gone, or fails
 * `limits.sensorFailedTurns` times in a row, is looked for again, by its name, with backoff, and its window at hand is given up, counted. Deliberately no trigger and no buffer of the kernel: it is polled, and jitters by what a
 * busy board takes to come round.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../core/backoff.js';
import type { Input, InputContext, Offer } from '../../core/contracts.js';
import { reasonOf } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { LiveFeed } from '../live/feed.js';
import { windowFeed } from '../window-feed.js';
import { eachSample, planWindow } from '../window-options.js';
import { Windows } from '../windows.js';
import { problemOf } from './attribute.js';
import { chooseChannels, type FindSensor, type Sensor, type SensorOptions } from './sensor.js';

export class PolledInput implements Input {
  readonly replayable = false;
  readonly whenFull = 'block';
  readonly #options: SensorOptions;
  readonly #context: InputContext;
  readonly #find: FindSensor;
  readonly #feed: LiveFeed;
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff({ firstMs: limits.childRestartFirstMs, maxMs: limits.childRestartMaxMs });
  #loop: Promise<void> | null = null;
  #failedInARow = 0;

  constructor(name: string, options: SensorOptions, context: InputContext, find: FindSensor) {
    this.#options = options;
    this.#context = context;
    this.#find = find;
    const silentMs = Math.max(limits.sensorSilentMs, (limits.sensorSilentTurns * 1000) / options.rate_hz);
    this.#feed = new LiveFeed(name, { piece: 'sample', silentMs }, context);
  }

  async start(offer: Offer): Promise<void> {
    if (this.#loop !== null || this.#stopping.signal.aborted) return;
    this.#feed.start(offer);
    this.#loop = this.#run();
  }

  /** Does not wait for a driver that hangs in a read. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#feed.stop();
    await Promise.race([this.#loop, sleep(limits.childEndMs, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const sensor = chooseChannels(await this.#find(), this.#options.channels);
        await this.#poll(sensor);
      } catch (error) {
        this.#feed.trouble(reasonOf(error));
      }
      await sleep(this.#backoff.next(), undefined, { signal }).catch(() => {});
    }
  }

  /** Until it is gone or stopped. */
  async #poll({ name, channels }: Sensor): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#stopping;
    const periodMs = 1000 / this.#options.rate_hz;
    const out = windowFeed(this.#feed, clock, 'arrival', name);
    const plan = planWindow(this.#options) ?? eachSample;
    const names = channels.map((channel) => channel.name);
    const windows = new Windows(plan, names, 'arrival', out);
    const values = new Float64Array(channels.length);
    let dueMs = clock.monoMs();
    while (!signal.aborted) {
      const taken = await this.#sample({ name, channels }, values);
      if (signal.aborted) return;
      // What is there instead is told by whoever looks for it next.
      if (taken === 'gone') {
        if (windows.end() > 0) this.#feed.skipped('gap');
        return;
      }
      if (taken === 'taken') {
        this.#feed.heard();
        this.#backoff.reset();
        this.#failedInARow = 0;
        windows.push(values, 0, clock.monoMs());
      }
      const late = Math.floor((clock.monoMs() - dueMs) / periodMs);
      this.#feed.skipped('late', late);
      dueMs += (late + 1) * periodMs;
      await sleep(Math.max(0, dueMs - clock.monoMs()), undefined, { signal }).catch(() => {});
    }
  }

  /** One value of each channel. */
  async #sample({ name, channels }: Sensor, values: Float64Array): Promise<'taken' | 'skipped' | 'gone'> {
    for (const [i, channel] of channels.entries()) {
      try {
        values[i] = await channel.read();
      } catch (error) {
        const problem = problemOf(error);
        if (problem === 'gone') return 'gone';
        this.#feed.skipped(problem === 'not-now' ? 'not_now' : 'unreadable');
        if (problem === 'forbidden') this.#feed.trouble(`no permission to read ${channel.name} of ${name}: ${reasonOf(error)}`);
        if (problem !== 'failed' || ++this.#failedInARow < limits.sensorFailedTurns) return 'skipped';
        this.#failedInARow = 0;
        this.#feed.trouble(`${channel.name} of ${name} cannot be read (${reasonOf(error)}): check its wires and its power`);
        return 'gone';
      }
    }
    return 'taken';
  }
}
