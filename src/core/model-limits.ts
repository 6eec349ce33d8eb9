/**
 * Bounds of models: their files, how they are fetched, and how their variants are measured. Part of `limits`, which everybody asks.
 */
export const modelLimits = {
  /** Folders of models looked at in one models directory; more is the wrong directory. */
  modelsMax: 512,
  /** A card is a page. */
  cardBytesMax: 64 * 1024,
  /** Files of one model that are fetched: weights of a few variants, labels, a configuration. */
  downloadFilesMax: 32,
  /** Sources of models a configuration may name: one at the site, one at the company. */
  modelSourcesMax: 8,
  /** Redirects of one fetch: a host to its file server, and one more. */
  downloadRedirectsMax: 3,
  /** Addresses of one name that are tried: both families, twice. */
  downloadAddressesMax: 4,
  /** Until an address takes the connection and speaks TLS. */
  downloadConnectMs: 10_000,
  /** From the request to the head of the answer, and between two pieces of a body. */
  downloadIdleMs: 20_000,
  /** The slowest fetch that goes on: so many bytes in each window, which is 4 kB a second. */
  downloadWindowMs: 30_000,
  downloadWindowBytesMin: 120_000,
  /** One file, whatever its speed. */
  downloadMs: 60 * 60_000,
  /** Renames into a folder that another command may be clearing away at the same time. */
  renameTriesMax: 3,
  /** A bearer token for a source. */
  tokenBytesMax: 4096,
  /** Entries of an archive of a model, folders included: a card names a few dozen files. */
  archiveEntriesMax: 256,
  /** A file of a model that is no weights and no labels: a golden capture, a licence, a recipe. */
  modelFileBytesMax: 64 * 1024 * 1024,
  /** One label a line; the largest alphabets have tens of thousands. */
  labelsBytesMax: 4 * 1024 * 1024,

  /** A tuning: a kilobyte or two a variant. */
  tuneBytesMax: 4 * 1024 * 1024,
  /** Runs a variant is measured by: enough for a bound of the median that means something, and no more than tell more. */
  tuneRunsMin: 9,
  tuneRunsMax: 400,
  /** One measurement of one model, from fork to answer: nine runs of a slow variant on a slow board. */
  tuneMeasureMs: 10 * 60_000,
  /** Share of the CPU time a variant must save to be worth a change, noise already taken off. */
  tuneGainMin: 0.03,
} as const;
