/**
 * Bounds of live inputs, of the windows they make, and of series and texts as captures. Part of `limits`, which everybody asks.
 */
export const liveLimits = {
  /** A child of an input that ends is started again after this, then later and later. */
  childRestartFirstMs: 500,
  childRestartMaxMs: 30_000,
  /** A child that ran for so long was well: the next restart is quick again. */
  childWellMs: 10_000,
  /** How long a child may take to end when asked, before it is killed. */
  childEndMs: 2000,
  /** What it left in its pipes is there at once; whoever still holds them then, without a word, is not waited for. */
  childQuietMs: 500,
  /** Captures of one live input that may be on their way into the corridor at once; what comes on top is skipped and counted. */
  liveOffersMax: 64,
  /** How often a live input looks whether its source still speaks. */
  liveLookMs: 1000,
  /** From the start of a live input's command to the first that it brings: a network camera is asked five times, and waits for its next key frame. */
  liveOpenMs: 15_000,
  /** Pictures of a camera travel by value; a good one of 1920 x 1080 has 300 to 600 KB. */
  cameraPictureBytesMax: 1024 * 1024,
  /** Boxes that the mask of a camera is painted with: 512 are 40 KB of the 128 KB that one argument may have. */
  maskBoxesMax: 512,
  /** Windows of a microphone: longer is a recording, shorter no task can read. */
  microphoneWindowMsMin: 20,
  microphoneWindowMsMax: 60_000,

  /** One window: an hour of slow readings; samples of each channel, a minute at 1 kHz; what is sampled faster than any board's converter is sound. */
  windowMsMax: 3_600_000,
  windowSamplesMax: 65_536,
  windowRateHzMax: 50_000,
  /** Windows that one sample may lie in: each is a capture of its own. */
  windowOverlapMax: 1000,
  /** A sample that is older than the one before it by at most this (ms) came late; by more, and the clock was set back. */
  windowLateMs: 1000,
  /** What a source's clock may gain on ours between two samples before it was set forward, and not silent. */
  windowJumpMs: 60_000,
  /** Sources of one input that are told apart at once, and what their windows may hold in memory; the one longest silent makes room. */
  sourcesMax: 2048,
  sourcesBytesMax: 64 * 1024 * 1024,

  /** Channels of one series: three axes, or the registers of one machine; a table of more columns is to be narrowed. */
  seriesChannelsMax: 64,
  /** Samples of one series, of all channels: an hour of 3 x 200 Hz is 2 million; as float 32 MB. */
  seriesValuesMax: 8_000_000,
  /** Samples of a window a model is shown: fewer have no spectrum; more are a recording, and a transform of 4 MB. */
  seriesWindowMin: 16,
  seriesWindowMax: 262_144,
  /** Spectral bands of one channel: more tell no more of a window, and each must be learned. */
  seriesBandsMax: 64,
  /** The head of an encoded series: 64 names of 64 characters and a few numbers. */
  seriesHeadBytesMax: 16 * 1024,
  /** A text that is looked at as such: a long letter; more is a book. */
  textBytesMax: 1024 * 1024,
} as const;
