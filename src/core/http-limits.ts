/** The bounds of the local server and of what is brought to it, each with its reason (law 4); part of `limits`. */
export const httpLimits = {
  httpConnectionsMax: 64,
  httpBodyBytesMax: 64 * 1024,
  httpRequestMs: 5_000,
  /** Headers arrive in one packet from every honest caller. */
  httpHeadersMs: 3_000,
  httpIdleMs: 10_000,
  httpHeaderBytesMax: 8 * 1024,
  /** How often slow connections are looked for: what a late one may cost on top of its limit. */
  httpCheckMs: 1_000,
  /** A busy port is tried again. */
  httpRetryFirstMs: 1_000,
  httpRetryMaxMs: 60_000,

  /** Captures one HTTP input may hold unsettled: their names are read at a start and kept in memory. */
  spooledMax: 10_000,
  /** Keys of callers one HTTP input remembers: an empty file and 200 bytes of memory each. */
  idempotencyKeysMax: 10_000,
  /** A UUID has 36; some put a path or a hash or two into one. */
  idempotencyKeyChars: 255,
  /** Uploads to one input at once: each has a file open, and shares the disk with the others. */
  uploadsPerInputMax: 16,
  /** A body arrives within this time: 64 MiB over a slow radio link of 100 KB a second. */
  uploadMs: 15 * 60_000,
  /** Between two pieces of a body, and until a busy disk has taken one. */
  uploadIdleMs: 30_000,
  /** Bytes written between two looks at how much room the disk has. */
  uploadLookBytes: 4 * 1024 * 1024,
  /** For the last bytes of a body to reach a slow card after they came. */
  uploadSyncMs: 120_000,
  /** Bytes of the name a caller gives: a file in `failed/` may bear it, with a number and `.reason.txt` behind it. */
  broughtNameBytesMax: 200,
} as const;
