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
  /** Numbers kept of one input while a command learns from it: 64 MB, a day of three axes at 64 Hz. */
  learnLiveValuesMax: 16_777_216,
  /** Sources of one input that are named to a person. */
  learnSourcesNamed: 20,
  /** Longest (ms) other sources are waited for once a second one is heard. */
  learnSourcesMs: 5_000,

  /** Written by one recording: an hour and a half of sound at 48 kHz in stereo; a card of 8 GB also holds the system. */
  recordBytesMax: 1024 ** 3,
  /** A reader hears so often (ms) that there is nothing; well within `httpIdleMs`. */
  tapAliveMs: 2_000,
} as const;
