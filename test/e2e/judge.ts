/**
 * The judge of a delivery run: given what was owed, what was acknowledged and what a subscriber saw, which promises were broken?
 *
 * Pure. It judges by the acknowledgements a proxy saw; a subscriber behind a broker that was killed may have missed acknowledged
 * messages without any fault of the daemon, unless `brokerDurable` says that it cannot have.
 */

/** A PUBLISH whose PUBACK was handed to the daemon. A reason code from 0x80 means that the broker did not take it. */
export interface AckedPublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly reasonCode: number;
}

export interface SeenMessage {
  readonly topic: string;
  readonly payload: Buffer;
}

export interface History {
  /** Ids of the results that must have been delivered. */
  readonly expected: readonly string[];
  /** Ids in the order of their commits; a superset of `expected`. */
  readonly commitOrder: readonly string[];
  /** In the order the PUBACKs were handed over; messages that are no results are passed over. */
  readonly acked: readonly AckedPublish[];
  /** In the order of arrival. */
  readonly received: readonly SeenMessage[];
  /** Whether everything acknowledged must have arrived, too. */
  readonly brokerDurable?: boolean;
}

export interface Verdict {
  /** Empty when every promise was kept; at most `violationsMax` of each kind, then a count. */
  readonly violations: readonly string[];
  /** Expected ids that were acknowledged. */
  readonly delivered: number;
  /** Arrivals at the subscriber beyond the first of each id and topic. */
  readonly duplicates: number;
  /** Acknowledged ids the subscriber never saw. */
  readonly lostByBroker: number;
}

const violationsMax = 5;

export function judge(history: History): Verdict {
  const acked = history.acked.filter((one) => one.reasonCode < 0x80).flatMap(result);
  const received = history.received.flatMap(result);
  const ackedIds = new Set(acked.map((one) => one.id));
  const receivedIds = new Set(received.map((one) => one.id));
  const known = new Set(history.commitOrder);
  const missing = history.expected.filter((id) => !ackedIds.has(id)).map((id) => `missing: ${id} was never acknowledged`);
  const lost = [...ackedIds].filter((id) => !receivedIds.has(id));
  const invented = [...new Set([...ackedIds, ...receivedIds])]
    .filter((id) => !known.has(id))
    .map((id) => `invented: ${id} was never committed`);
  return {
    violations: [
      ...cap(missing),
      ...cap(changed([...acked, ...received])),
      ...cap(disorder('acknowledged', acked, history.commitOrder)),
      ...cap(disorder('received', received, history.commitOrder)),
      ...cap(invented),
      ...cap(history.brokerDurable === true ? lost.map((id) => `lost: ${id} was acknowledged and never arrived`) : []),
    ],
    delivered: history.expected.filter((id) => ackedIds.has(id)).length,
    duplicates: received.length - new Set(received.map((one) => `${one.topic} ${one.id}`)).size,
    lostByBroker: lost.length,
  };
}

interface Result extends SeenMessage {
  readonly id: string;
  /** Lane and input: what order is promised for. */
  readonly group: string;
}

/** `[<prefix>/]shoal/<device>/<result|backlog>/<pipeline>/<input>`, or no result. */
function result(message: SeenMessage): Result[] {
  const parts = /(?:^|\/)shoal\/([^/]+)\/(result|backlog)\/([^/]+)\/([^/]+)$/.exec(message.topic);
  if (parts === null) return [];
  const [, device, lane, , input] = parts;
  return [{ topic: message.topic, payload: message.payload, id: idOf(message.payload), group: `${device} ${lane} ${input}` }];
}

function idOf(payload: Buffer): string {
  try {
    const parsed: unknown = JSON.parse(payload.toString());
    if (typeof parsed === 'object' && parsed !== null && 'id' in parsed && typeof parsed.id === 'string') return parsed.id;
  } catch {}
  return `unreadable ${payload.toString('base64').slice(0, 40)}`;
}

/** No id with two different payloads, whichever way they came. */
function changed(all: readonly Result[]): string[] {
  const first = new Map<string, Buffer>();
  const bad = new Set<string>();
  for (const { id, payload } of all) {
    const before = first.get(id);
    if (before === undefined) first.set(id, payload);
    else if (!before.equals(payload)) bad.add(id);
  }
  return [...bad].map((id) => `changed: ${id} came with two different payloads`);
}

/** First deliveries of each lane and input must follow the commits; later ones of the same id may come at any time. */
function disorder(how: string, all: readonly Result[], commitOrder: readonly string[]): string[] {
  const place = new Map(commitOrder.map((id, index) => [id, index]));
  const seen = new Set<string>();
  const last = new Map<string, { readonly id: string; readonly index: number }>();
  const violations: string[] = [];
  for (const { id, group } of all) {
    const index = place.get(id);
    if (index === undefined || seen.has(`${group} ${id}`)) continue;
    seen.add(`${group} ${id}`);
    const before = last.get(group);
    if (before !== undefined && index < before.index) violations.push(`order: ${id} was first ${how} after ${before.id} (${group})`);
    else last.set(group, { id, index });
  }
  return violations;
}

function cap(violations: readonly string[]): string[] {
  if (violations.length <= violationsMax) return [...violations];
  return [...violations.slice(0, violationsMax), `... and ${violations.length - violationsMax} more of this kind`];
}
