/**
 * Bounds of inputs by wire, of commands, and of trying an input. Part of `limits`, which everybody asks.
 */
export const wiredLimits = {
  /** A line of a stream of text: a document of JSON with some hundred numbers. Most of what is configured: an encoded picture. */
  streamLineBytes: 64 * 1024,
  streamPieceBytesMax: 16 * 1024 * 1024,
  /** Pieces in a row that make no sense until the source is called down: a wrong rate of a line is told within a second or two. */
  streamBadPiecesMax: 20,
  /** Readings a second of a sensor of sysfs: each is a system call for every channel, and a transfer on a slow bus; faster ones need the kernel's buffers. */
  sensorRateHzMax: 200,
  /** So many turns in vain, and at least so long, until a sensor that only says "not now" is down. */
  sensorSilentTurns: 5,
  sensorSilentMs: 2000,
  /** Readings in a row that failed until a sensor is down and looked for anew: one alone is a disturbance of the bus, so many come before silence is told. */
  sensorFailedTurns: 3,
  /** Processes looked at to tell who has a device; a board runs a hundred or two. */
  deviceHoldersLookedAt: 4096,
  /** Open files of a command that an operator runs: far above what a pipeline of tools needs. */
  execFilesMax: 1024,
  /** How often the process of a serial line looks whether its device is still the one that was opened. */
  serialLookMs: 500,
  /** What an input that is tried gets to come up again before it counts as down. */
  doctorDownMs: 1000,
  /** Files counted by looking at a folder. */
  sightEntriesMax: 10_000,
} as const;
