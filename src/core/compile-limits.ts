/**
 * Bounds of what happens to model files: reading, importing, compiling, calibrating and comparing them. Part of `limits`, which everybody asks.
 */
export const compileLimits = {
  /** An ONNX file that is read for inspection or compiling (bytes): small models are the point. */
  onnxBytesMax: 1024 * 1024 * 1024,
  /**
   * Fields and packed numbers of an ONNX file, nodes and tensors counted as several: each becomes 80 to 200 bytes of heap, so this is 200 MB
   * at the worst and half a second. The largest of the models at hand, 430 nodes to 700, have 18,000.
   */
  onnxFieldsMax: 1_000_000,
  /** Graphs within graphs (If, Loop, Scan). */
  onnxDepthMax: 16,
  /** A TFLite file that is imported (bytes): the format of microcontrollers and phones. */
  tfliteBytesMax: 256 * 1024 * 1024,
  /**
   * Tables, numbers and characters read from a TFLite file. Offsets may point at one place many times, so a small file could claim
   * any number; a model of 90 tensors with a scale for each channel has 20,000.
   */
  tflitePartsMax: 1_000_000,
  /** A name in a TFLite file (bytes): converters chain the names of all that they fused into one operator. */
  tfliteNameBytesMax: 16 * 1024,
  /** Constants of a TFLite file, counted once for each tensor that has them, and of the graph it becomes: each is copied where it is needed. */
  tfliteConstantBytesMax: 256 * 1024 * 1024,
  /** Bins a tensor's values are counted in while a quantized model is calibrated: eight for each value a byte has. */
  histogramBinsMax: 2048,
  /** Tensors a recipe may name: a large model of a board has a few thousand. */
  recipeNamesMax: 20_000,
  /** Numbers a recipe may state for the channels of one tensor: the widest layers have a few thousand. */
  recipeChannelsMax: 65_536,
  /** Dimensions of a tensor; operators know of 5. */
  onnxRankMax: 16,
  /** Elements of a constant that is computed at compile time, unless it replaces one as large: shapes and indices are far smaller. */
  foldElementsMax: 1024,
  /** Rounds of the passes over a graph: each round folds at least one node of a chain, real models need four. */
  compilePassRoundsMax: 64,

  /** The topology of a model to be imported, JSON (bytes): the largest seen, a detector with its control flow, has 0.6 MB. */
  importJsonBytesMax: 16 * 1024 * 1024,
  /** Nodes or layers, and weights, of a model to be imported: the largest of small models have a thousand or two. */
  importNodesMax: 20_000,
  /** Files the weights of one model may be in: shards have 4 MB. */
  importFilesMax: 256,
  /** What an import may write (bytes): weights are stored as bytes and become four each, and a graph may use one in many places. */
  importWeightBytesMax: 512 * 1024 * 1024,
  /** Parts one operator may cut a tensor into or join, and numbers of one that is computed while importing: shapes and axes are far smaller. */
  importPartsMax: 1024,
  /** Tensors, and ONNX nodes, that a model to be imported may become: an operator becomes one to five. */
  importTensorsMax: 100_000,
  /** Models within models, as transfer learning makes them: two or three. */
  importDepthMax: 8,

  /** A file of calibrations: at most two kilobytes a variant. */
  calibrationsBytesMax: 4 * 1024 * 1024,
  /** Points of an isotonic calibration: more steps than scores can be told apart by. */
  calibrationPointsMax: 32,
  /** Members of a step below which its share of right ones tells nothing. */
  calibrationBlockMin: 10,
  /** Beyond these a temperature says that scores mean nothing, or everything. */
  calibrationTemperatureMin: 0.05,
  calibrationTemperatureMax: 20,
  /** Bins of the calibration error, as the papers have it. */
  calibrationBins: 15,
  /** Observations known to be right or wrong in either half, the one to fit and the one to judge: fewer would be chance. */
  calibrationScoresMin: 50,
  /** From the fork of the process that looks at the samples of a calibration to its answer: thousands of samples on a slow board. */
  calibrateMs: 60 * 60_000,

  /** Samples of a folder that are used to calibrate and to judge a variant: ranges and rates have settled long before. */
  samplesMax: 4096,
  /** Names in a folder of samples, sidecars included. */
  sampleNamesMax: 20_000,
  /** Below these a range or a comparison says nothing. */
  calibrationSamplesMin: 8,
  heldOutSamplesMin: 8,
  /** Ranges stop widening after a few dozen samples, and every one runs with all its tensors copied out. */
  calibrationSamplesMax: 64,
  /** An image or recording of a sample. */
  sampleBytesMax: 64 * 1024 * 1024,
  /** A recording runs a model thirty times a second. */
  sampleSecondsMax: 60,
  /** Observations or a transcript beside a sample. */
  sidecarBytesMax: 1024 * 1024,
  /** Wall time one look over the calibration samples may take before the rest of them is left out. */
  calibrationMs: 60_000,
  /** Wall time the original may take over the held-out samples before the rest of them is left out. */
  heldOutMs: 20_000,
  /** Into how many parts a model is cut to find those that int8 hurts: each costs a look over the samples that choose. */
  compileParts: 20,
  /** Beginnings and ends of a model that are tried in float: one batch of candidates. */
  compileEndsMax: 10,
  /** How many of those parts may go back to float together. */
  compileGrowthMax: 7,
  /** Candidates compared at once: each is a session in one process. */
  candidatesMax: 12,
  /** Rounds over all candidates for the cost of a run: few enough to end, enough for a median. */
  costRoundsMin: 5,
  costRoundsMax: 25,
  costMs: 8_000,
  /** A visit to a candidate within a round repeats its runs for at least this long: processor time is counted in jiffies on some kernels. */
  costVisitMs: 20,
  /** Different feeds for the cost of a run, and their bytes: shapes of one task differ, and all are held. */
  costFeedsMax: 8,
  costFeedBytesMax: 64 * 1024 * 1024,
  /** The same where attempts are only compared: at dozens of attempts more of them would be most of a compilation's time. */
  costFeedsToChoose: 2,
  /** Samples and rounds for the cost of pre-processing: each is a resize and a normalisation of every candidate. */
  prepareSamplesMax: 4,
  prepareRounds: 15,
  /** From the fork of a process that measures a model's memory to its answer: a load and a handful of runs. */
  memoryProbeMs: 60_000,
  /** From the fork of the process that compares two files of a model to its answer: some runs of both, on a slow board. */
  parityMs: 5 * 60_000,
  /** Elements of an input that is filled at random for it: 4096 x 4096 pixels. */
  parityElementsMax: 3 * 4096 * 4096,
  /** Real captures an imported model is tried on: enough to see that it sees. */
  triedCapturesMax: 64,
  /** Entries of an ONNX file's metadata that are looked at, and the bytes of one. */
  onnxMetadataMax: 256,
  onnxMetadataBytesMax: 64 * 1024,
  /** Classes a label may be given for at an import: the largest public data set of the field has 21,841. */
  labelsMax: 32_768,
  /** A whole compilation: a slow board with a large model and many samples; beyond it something hangs. */
  compileMs: 60 * 60_000,
  /** JavaScript heap of the process that compiles: a model is held as objects there, and copied. */
  compileHeapMegabytes: 1024,
} as const;
