/** Bounds of learning classes on a board, each with its reason; part of `limits`. */
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
} as const;
