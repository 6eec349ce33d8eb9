/** The bounds of watching what an input offers, each with its reason (law 4); part of `limits`. */
export const tapLimits = {
  /** Who may watch at once: a person or two, and a command that learns. */
  tapsMax: 4,
  /** Seconds one may watch: what is slow is learned from weeks. */
  tapSecondsMax: 24 * 86_400,
  /** Captures that wait for a reader, and their bytes; what comes on top it misses. */
  tapWaitingMax: 64,
  tapWaitingBytesMax: 32 * 1024 * 1024,
  /** Of a larger capture only the header is shown: it is no window. */
  tapContentBytesMax: 16 * 1024 * 1024,
  /** The JSON before the bytes of a capture: a header has names of a few hundred characters. */
  tapHeadBytesMax: 16 * 1024,

  /** A reader hears so often (ms) that there is nothing; well within `httpIdleMs`. */
  tapAliveMs: 2_000,
} as const;
