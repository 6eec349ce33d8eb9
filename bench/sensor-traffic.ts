/**
 * Sensors on a broker, many a second: publishes readings at a rate, and hears what a flow makes of them.
 *
 * Written on the bare socket (MQTT 3.1.1, QoS 0), so that the traffic costs less than what it is to measure. Each sensor sends windows of
 * `windowSamples` readings around 40, every tenth window around 60: a flow that loses a reading or a window answers another number of times.
 */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameReader, packetType, readPublish } from '../test/support/mqtt-frames.js';
import { percentile } from './figure.js';

export const windowSamples = 20;
const hotEvery = 10;

export interface Course {
  readonly sensors: number;
  /** Readings a second, of all sensors. */
  readonly rate: number;
  readonly seconds: number;
}

export interface Drive {
  readonly sent: number;
  /** Readings a second that were really sent. */
  readonly rate: number;
  readonly expected: number;
  readonly answered: number;
  /** From the last reading to the last answer. */
  readonly drainMs: number;
  /** From sending a window's last reading to its answer, 99th percentile. */
  readonly p99Ms: number;
}

/** One with no loss and no growing backlog. */
export function sustained({ rate }: Course, drive: Drive): boolean {
  return drive.answered === drive.expected && drive.drainMs < 300 && drive.p99Ms < 500 && drive.rate > rate * 0.97;
}

export class SensorTraffic {
  readonly #socket: net.Socket;
  readonly #frames = new FrameReader();
  readonly #timeOf: (payload: Buffer) => number;
  #ready: (() => void) | null = null;
  #answers = 0;
  #lastMs = 0;
  #latencies: number[] = [];

  private constructor(socket: net.Socket, timeOf: (payload: Buffer) => number) {
    this.#socket = socket;
    this.#timeOf = timeOf;
    socket.on('data', (chunk) => this.#hear(chunk));
    socket.on('error', () => {});
  }

  /** `timeOf` reads the time of a window's last reading (ms since 1970) out of an answer. */
  static async open(url: string, answers: string, timeOf: (payload: Buffer) => number): Promise<SensorTraffic> {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    socket.setNoDelay(true);
    const traffic = new SensorTraffic(socket, timeOf);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const acknowledged = () => new Promise<void>((resolve) => (traffic.#ready = resolve));
    socket.write(packet(0x10, text('MQTT'), Buffer.of(4, 2, 0, 0), text(`traffic-${process.pid}-${Date.now()}`)));
    await acknowledged();
    socket.write(packet(0x82, Buffer.of(0, 1), text(answers), Buffer.of(0)));
    await acknowledged();
    return traffic;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends for as long as the course lasts, then waits for the answers, up to five seconds without a new one. */
  async drive({ sensors, rate, seconds }: Course, ms = 5000): Promise<Drive> {
    const topics = Array.from({ length: sensors }, (_, sensor) => text(`in/sensor-${sensor}`));
    // Whole windows of every sensor, every tenth of them hot.
    const windows = Math.max(hotEvery, Math.round((rate * seconds) / sensors / windowSamples / hotEvery) * hotEvery);
    const total = windows * windowSamples * sensors;
    const expected = (windows / hotEvery) * sensors;
    [this.#answers, this.#latencies] = [0, []];
    const began = performance.now();
    let sent = 0;
    while (sent < total) {
      const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * rate));
      while (sent < due) {
        const now = (performance.timeOrigin + performance.now()).toFixed(1);
        const burst: Buffer[] = [];
        for (const end = Math.min(due, sent + 400); sent < end; sent++) {
          const turn = Math.floor(sent / sensors);
          const hot = Math.floor(turn / windowSamples) % hotEvery === hotEvery - 1;
          const value = (hot ? 60 : 40) + (turn % 7) / 10;
          const body = `{"sensor":"sensor-${sent % sensors}","seq":${turn},"t":${now},"value":${value},"unit":"degC","site":"plant-1/line-3"}`;
          burst.push(packet(0x30, topics[sent % sensors] ?? text('in'), Buffer.from(body)));
        }
        if (!this.#socket.write(Buffer.concat(burst))) await new Promise<void>((resolve) => this.#socket.once('drain', resolve));
      }
      await sleep(1);
    }
    const sentMs = performance.now();
    this.#lastMs = Math.max(this.#lastMs, sentMs);
    while (this.#answers < expected && performance.now() - Math.max(this.#lastMs, sentMs) < ms) await sleep(5);
    const p99Ms = this.#latencies.length === 0 ? Number.POSITIVE_INFINITY : percentile(this.#latencies, 0.99);
    const drainMs = Math.max(0, this.#lastMs - sentMs);
    return { sent, rate: sent / ((sentMs - began) / 1000), expected, answered: this.#answers, drainMs, p99Ms };
  }

  #hear(chunk: Buffer): void {
    for (const frame of this.#frames.push(chunk)) {
      if (frame.type !== packetType.publish) {
        this.#ready?.();
        continue;
      }
      this.#lastMs = performance.now();
      this.#answers++;
      this.#latencies.push(performance.timeOrigin + this.#lastMs - this.#timeOf(readPublish(frame, 4).payload));
    }
  }
}

function text(words: string): Buffer {
  const body = Buffer.from(words);
  return Buffer.concat([Buffer.of(body.length >> 8, body.length & 255), body]);
}

function packet(head: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const size: number[] = [];
  let left = length;
  do {
    size.push((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.of(head, ...size), ...parts]);
}
