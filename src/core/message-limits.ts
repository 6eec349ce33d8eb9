/**
 * Bounds of what is heard from a broker, and of what is read out of messages that others send. Part of `limits`, which everybody asks.
 */
export const messageLimits = {
  /** Messages whose acknowledgement a subscriber may hold back: what a broker may have in flight to us. */
  mqttHeldMax: 256,
  /** How long (ms) an input may hold a connection while there is no room for what it hears: far below the time after which a missing acknowledgement ends a link. */
  mqttRoomMs: 1000,
  /** Messages that are read in one go, before promises have their turn: half of what one input may offer at once. */
  mqttInARowMax: 32,
  /** Topics of which is remembered who takes them: a few hundred bytes each. */
  mqttRoutesMax: 4096,
  /** Filters in one SUBSCRIBE: what the strictest broker of the field takes. */
  mqttFiltersPerSubscribe: 8,
  /** Filters of one input. */
  mqttFiltersMax: 64,
  /** Values in one message: what a megabyte of int16 holds. */
  messageValuesMax: 512 * 1024,
  /** Objects within objects that are looked into for numbers. */
  payloadDepthMax: 8,
  /** Messages in a row that cannot be read before the input says that it hears nothing it understands. */
  unreadInARowMax: 20,
  /** Nodes of Sparkplug whose births are remembered, and metrics of one of them. */
  sparkplugNodesMax: 1024,
  sparkplugMetricsMax: 1024,
  /** Between two requests to one node to be born again. */
  sparkplugRebirthMs: 60_000,
} as const;
