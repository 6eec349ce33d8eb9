/**
 * What the inputs of one connection want to hear, and who gets which message.
 *
 * Guarantees: each subscriber gets a message once, however many of its filters, or of others', take the topic; on every new link all is
 * subscribed anew; what this device itself says is given to nobody, so that no result comes back as a capture; what is larger than we
 * said we take is given to nobody. One lookup a message: who takes a topic is remembered.
 *
 * A broker may send a copy for each filter that takes a topic. So a filter that lies within another one is not sent to it, and where two
 * merely cross, each gets a number that comes back with its copies (MQTT 5). On MQTT 3.1.1 filters that cross may bring a message twice.
 */
import type { Subscriber } from '../core/contracts.js';
import { reasonOf } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { filterCovers, filtersMeet, filterTakes, ownFilters } from '../core/topic-filter.js';

/** A message as it came. */
export interface Received {
  readonly topic: string;
  /** A view into the received bytes, of which the next message may be a part too. */
  readonly payload: Buffer;
  readonly retain: boolean;
  readonly duplicate: boolean;
  /** The numbers of the filters it is a copy for; null where the broker does not say. */
  readonly ids: number | readonly number[] | null;
}

/** The part of a link that subscribes. Answers with the code for each filter (MQTT: below 0x80 is granted); rejects when the link ends first. */
export interface SubscribingLink {
  readonly numbersFilters: boolean;
  subscribe(filters: readonly string[], qos: 0 | 1, id: number | null): Promise<readonly number[]>;
  unsubscribe(filter: string): Promise<void>;
}

export type LeftOut = 'own' | 'too_large' | 'copy';

interface Taker {
  readonly filters: readonly string[];
  readonly qos: 0 | 1;
  readonly subscriber: Subscriber;
}

/** One filter as it was sent to the broker. */
interface Wire {
  readonly filter: string;
  readonly qos: 0 | 1;
  /** Null where it crosses no other. */
  readonly id: number | null;
}

interface Route {
  readonly subscribers: readonly Subscriber[];
  readonly own: boolean;
  /** Of several filters that take the topic, the number of the one whose copy counts; null where there is one only. */
  readonly carrier: number | null;
}

export class Subscriptions {
  readonly #own: readonly string[];
  readonly #onLeftOut: (reason: LeftOut) => void;
  readonly #takers = new Set<Taker>();
  #wires: readonly Wire[] = [];
  readonly #routes = new Map<string, Route>();
  #link: SubscribingLink | null = null;
  /** Filters that the broker did not grant on this link. */
  readonly #refused = new Set<string>();

  constructor(deviceId: string, onLeftOut: (reason: LeftOut) => void) {
    this.#own = ownFilters(deviceId);
    this.#onLeftOut = onLeftOut;
  }

  add(filters: readonly string[], qos: 0 | 1, subscriber: Subscriber): () => void {
    const taker = { filters, qos, subscriber };
    this.#takers.add(taker);
    this.#change();
    return () => {
      if (this.#takers.delete(taker)) this.#change();
    };
  }

  opened(link: SubscribingLink): void {
    this.#link = link;
    this.#refused.clear();
    this.#wires = wiresOf([...this.#takers], this.#refused);
    this.#routes.clear();
    this.#send(this.#wires);
  }

  closed(): void {
    this.#link = null;
  }

  /** A promise where a subscriber wants the acknowledgement to wait for it. */
  receive(message: Received): void | Promise<void> {
    const route = this.#routes.get(message.topic) ?? this.#routeTo(message.topic);
    if (route.own) return this.#onLeftOut('own');
    if (message.payload.byteLength > limits.mqttInboundBytesMax) return this.#onLeftOut('too_large');
    if (route.carrier !== null && message.ids !== null && !carries(message.ids, route.carrier)) return this.#onLeftOut('copy');
    let held: Promise<void>[] | null = null;
    for (const subscriber of route.subscribers) {
      const answer = subscriber.message(message.topic, message.payload, message.retain, message.duplicate);
      if (answer === undefined) continue;
      held ??= [];
      held.push(answer);
    }
    if (held !== null) return Promise.allSettled(held).then(() => {});
  }

  #routeTo(topic: string): Route {
    // Topics are others' to invent.
    if (this.#routes.size >= limits.mqttRoutesMax) this.#routes.clear();
    const wires = this.#wires.filter(({ filter }) => filterTakes(filter, topic));
    const route = {
      subscribers: [...this.#takers]
        .filter(({ filters }) => filters.some((filter) => filterTakes(filter, topic)))
        .map((taker) => taker.subscriber),
      own: this.#own.some((filter) => filterTakes(filter, topic)),
      carrier: wires.length > 1 ? (wires[0]?.id ?? null) : null,
    };
    this.#routes.set(topic, route);
    return route;
  }

  #change(): void {
    const before = this.#wires;
    this.#wires = wiresOf([...this.#takers], this.#refused);
    this.#routes.clear();
    const link = this.#link;
    if (link === null) return;
    // First what is new, so that there is no moment without.
    this.#send(this.#wires.filter((wire) => !before.some((old) => same(old, wire))));
    for (const { filter } of before) {
      const goneOn = this.#wires.some((wire) => wire.filter === filter) || this.#refused.has(filter);
      if (!goneOn) link.unsubscribe(filter).catch(() => {});
    }
    // What comes under a filter that was sent before gets no answer of its own.
    for (const { filter } of this.#wires.filter((wire) => before.some((old) => same(old, wire)))) this.#granted(filter);
  }

  #send(wires: readonly Wire[]): void {
    const link = this.#link;
    if (link === null) return;
    for (const group of groups(wires)) {
      const [{ qos, id } = { qos: 0 as const, id: null }] = group;
      const filters = group.map(({ filter }) => filter);
      link.subscribe(filters, qos, link.numbersFilters ? id : null).then(
        (codes) => this.#answered(link, filters, codes),
        // The end of a link tells of itself.
        (error: unknown) => {
          if (this.#link === link) this.#answered(link, filters, [], reasonOf(error));
        },
      );
    }
  }

  #answered(link: SubscribingLink, filters: readonly string[], codes: readonly number[], trouble = 'the broker did not answer'): void {
    if (this.#link !== link) return;
    for (const [i, filter] of filters.entries()) {
      const code = codes[i];
      if (code !== undefined && code < 0x80) this.#granted(filter);
      else {
        this.#refused.add(filter);
        const problem = code === undefined ? `cannot be subscribed to: ${trouble}` : refusal(code);
        for (const { filters: theirs, subscriber } of this.#takers) if (theirs.includes(filter)) subscriber.subscribed(filter, problem);
      }
    }
    // What lay within a refused filter may be granted by itself.
    if (filters.some((filter) => this.#refused.has(filter))) this.#change();
  }

  #granted(wire: string): void {
    for (const { filters, subscriber } of this.#takers) {
      for (const filter of filters) if (!this.#refused.has(filter) && filterCovers(wire, filter)) subscriber.subscribed(filter, null);
    }
  }
}

function refusal(code: number): string {
  const hex = `0x${code.toString(16)}`;
  const advice: Readonly<Record<number, string>> = {
    128: 'check that the access rules allow this user to read it',
    135: 'the access rules do not let this user read it; allow it there',
    143: 'it takes no such filter',
    151: 'this user has too many subscriptions; use one with a wildcard',
    162: 'it takes no wildcards; name each topic',
  };
  return `is refused by the broker (code ${hex}): ${advice[code] ?? 'see its log'}`;
}

/** Those that lie in no other, each with the highest QoS of those that lie in it. */
function wiresOf(takers: readonly Taker[], refused: ReadonlySet<string>): readonly Wire[] {
  const all = new Map<string, 0 | 1>();
  for (const { filters, qos } of takers)
    for (const filter of filters) if (!refused.has(filter)) all.set(filter, all.get(filter) === 1 ? 1 : qos);
  const outer = [...all.keys()].filter((filter) => ![...all.keys()].some((other) => other !== filter && filterCovers(other, filter)));
  return outer.map((filter, i) => ({
    filter,
    qos: [...all].some(([other, qos]) => qos === 1 && filterCovers(filter, other)) ? 1 : 0,
    id: outer.some((other) => other !== filter && filtersMeet(filter, other)) ? i + 1 : null,
  }));
}

/** Those that may go in one SUBSCRIBE: of one QoS and without a number of their own. */
function* groups(wires: readonly Wire[]): Iterable<readonly Wire[]> {
  for (const wire of wires) if (wire.id !== null) yield [wire];
  for (const qos of [0, 1] as const) {
    const plain = wires.filter((wire) => wire.id === null && wire.qos === qos);
    for (let i = 0; i < plain.length; i += limits.mqttFiltersPerSubscribe) yield plain.slice(i, i + limits.mqttFiltersPerSubscribe);
  }
}

function same(a: Wire, b: Wire): boolean {
  return a.filter === b.filter && a.qos === b.qos && a.id === b.id;
}

function carries(ids: number | readonly number[], carrier: number): boolean {
  return typeof ids === 'number' ? ids === carrier : ids.includes(carrier);
}
