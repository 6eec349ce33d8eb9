/** Bounds of learning on a board, from recordings, from examples and from an input that is watched, each with its reason; part of `limits`. */
export const learnLimits = {
  /** Classes of one model: a stage tells a handful of sounds or texts apart, not a dictionary. */
  learnLabelsMax: 64,
  /** Characters of a label: it stands in a payload and in conditions. */
  learnLabelCharsMax: 64,
  /** Different samples a class needs: with fewer the held-out figures say nothing. */
  learnSamplesMin: 5,
  /** Samples of all classes: a fit of as many texts takes a minute or a few on a small board. */
  learnSamplesMax: 20_000,
  /** Windows of all recordings, each a row of up to `embeddingMax` numbers: 80 MB. */
  learnRowsMax: 20_000,
  /** Parts the samples are divided into to be judged; each costs a fit for every strength. */
  learnFoldsMax: 5,
  /** Steps of one fit; the usual one takes 20 to 80. */
  learnIterationsMax: 200,
  /** A table of texts: the SMS collection is half a megabyte. */
  learnTableBytesMax: 64 * 1024 * 1024,
  /** Suspicious samples, and pairs of classes that are confused, which are listed: a person looks at each. */
  learnListedMax: 20,
  /** Samples whose answer by the written model is compared with the fit. */
  learnTriedMax: 8,
  /** Numbers of a window that are learned together: their covariance is taken apart, which costs their cube; 256 take a second on a small board. */
  learnFeaturesMax: 256,
  /** Windows learned from, spread evenly where there are more: a day of seconds tells no more than these. */
  learnWindowsMax: 20_000,

  /** Numbers kept of one input while a command learns from it: 64 MB, a day of three axes at 64 Hz. */
  learnLiveValuesMax: 16_777_216,
  /** Sources of one input that are named to a person. */
  learnSourcesNamed: 20,
  /** Longest (ms) other sources are waited for once a second one is heard. */
  learnSourcesMs: 5_000,
  /** Written by one recording: an hour and a half of sound at 48 kHz in stereo; a card of 8 GB also holds the system. */
  recordBytesMax: 1024 ** 3,
} as const;
