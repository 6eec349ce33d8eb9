/** A sink whose answers a test decides, delivery by delivery. It loses its connection as a real one does: all in flight are rejected. */
import type { Delivery, Sink } from '../../src/core/contracts.js';
import { ShoalError } from '../../src/core/errors.js';

export type Verdict = 'ack' | 'retry' | 'refuse' | 'lose' | 'hold';

interface Flight {
  readonly delivery: Delivery;
  resolve(): void;
  reject(error: Error): void;
}

export class ScriptedSink implements Sink {
  window = 8;
  latencyMs = 0;
  reconnectMs = 5;
  /** Everything handed over, in order. */
  readonly wire: Delivery[] = [];
  readonly acked: number[] = [];
  mostInFlight = 0;
  losses = 0;
  verdict: (delivery: Delivery, handOver: number) => Verdict = () => 'ack';
  readonly #inFlight = new Set<Flight>();
  readonly #watchers = new Set<(ready: boolean) => void>();
  #ready = true;

  get ready(): boolean {
    return this.#ready;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.setReady(false);
  }

  setReady(ready: boolean): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    if (!ready) {
      for (const flight of this.#inFlight) flight.reject(new ShoalError('DELIVERY_RETRY', 'the connection was lost'));
      this.#inFlight.clear();
    }
    for (const watcher of this.#watchers) watcher(ready);
  }

  watch(onChange: (ready: boolean) => void): () => void {
    this.#watchers.add(onChange);
    onChange(this.#ready);
    return () => this.#watchers.delete(onChange);
  }

  deliver(delivery: Delivery): Promise<void> {
    this.wire.push(delivery);
    const verdict = this.verdict(delivery, this.wire.length);
    return new Promise((resolve, reject) => {
      const flight: Flight = { delivery, resolve, reject };
      this.#inFlight.add(flight);
      this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight.size);
      if (verdict !== 'hold') setTimeout(() => this.#answer(flight, verdict), this.latencyMs);
    });
  }

  #answer(flight: Flight, verdict: Verdict): void {
    if (!this.#inFlight.has(flight)) return;
    if (verdict === 'lose') {
      this.losses++;
      this.setReady(false);
      setTimeout(() => this.setReady(true), this.reconnectMs);
      return;
    }
    this.#inFlight.delete(flight);
    if (verdict === 'ack') {
      this.acked.push(flight.delivery.seq);
      flight.resolve();
    } else {
      flight.reject(new ShoalError(verdict === 'retry' ? 'DELIVERY_RETRY' : 'DELIVERY_REFUSED', `scripted: ${verdict}`));
    }
  }
}
