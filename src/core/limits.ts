/**
 * Every bound of the system, each with its reason (law 4). What an operator may change is in the configuration;
 * these are the walls behind it. Bytes are bytes, times are milliseconds.
 */
import { compileLimits } from './compile-limits.js';
import { httpLimits } from './http-limits.js';
import { keepLimits } from './keep-limits.js';
import { learnLimits } from './learn-limits.js';
import { liveLimits } from './live-limits.js';
import { messageLimits } from './message-limits.js';
import { modelLimits } from './model-limits.js';
import { tapLimits } from './tap-limits.js';
import { wiredLimits } from './wired-limits.js';

export const limits = {
  ...compileLimits,
  ...httpLimits,
  ...keepLimits,
  ...learnLimits,
  ...liveLimits,
  ...messageLimits,
  ...modelLimits,
  ...tapLimits,
  ...wiredLimits,

  /** A config file is written by a person; above this it is a mistake or an attack. */
  configBytesMax: 1024 * 1024,
  configFilesMax: 64,
  /** YAML aliases: more is a billion-laughs file. */
  configAliasesMax: 100,
  pipelinesMax: 64,
  stagesMax: 16,
  inputsMax: 64,
  sinksMax: 8,
  /** Values in a config file after aliases are expanded; a large one has hundreds. */
  configValuesMax: 20_000,
  configDepthMax: 32,
  /** Words and marks of one file, as YAML splits it: beyond it the parser takes seconds. */
  configTokensMax: 50_000,
  /** Problems shown at once; a person mends the first and looks again. */
  configProblemsMax: 50,
  secretBytesMax: 64 * 1024,

  /** A condition is a line or a few. */
  conditionCharsMax: 4096,
  conditionNodesMax: 256,
  conditionDepthMax: 24,
  /** Macros (`exists`, `all`, `map`, ...) inside macros: each level multiplies the work, on the core's only thread. */
  conditionLoopsMax: 2,
  /**
   * Observations of a stage a condition with nested macros looks at, best first as the stage gave them: 128 squared is 120 ms for the longest
   * condition that is let through, 5 ms for a short one (`npm run bench -- conditions`).
   */
  conditionNestedItemsMax: 128,
  /** Parts of one image a stage with `crop` is run on, best-scored first: each costs at least one model run, and a stage is not interrupted by `budget_ms`. */
  cropsMax: 64,
  /** Stages a condition's verdict is explained by in a trace, and characters of a condition or of a found text there: a trace is read by a person. */
  traceWitnessesMax: 4,
  traceTextCharsMax: 200,
  traceFoundCharsMax: 64,
  /** Named numbers of the observation a verdict is explained by. */
  traceValuesMax: 4,
  /** Earlier stages one stage may look at together: their observations share the bound of one. */
  eachStagesMax: 8,
  /** Characters of a reason to stop: a line for a person. */
  stopReasonCharsMax: 120,

  /** Pipelines that could read what nobody took, named in the reason: it is a sentence. */
  unroutedNamesMax: 3,

  /** A message above this costs more in copies than the file read it saves. */
  jobInlineBytesMax: 1024 * 1024,
  /** An answer is observations, not tensors; above this the engine is broken or hostile. */
  answerBytesMax: 4 * 1024 * 1024,
  /** Boxes, lines or segments a stage may find; more is noise, and each may cost a model run. */
  observationsMax: 2000,
  textCharsMax: 4096,
  /** Named numbers of one observation: a pose has three, a panel of gauges a few dozen. */
  valuesMax: 64,
  /** Numbers of one embedding: 9 KB in a payload at four decimals. */
  embeddingMax: 1024,
  /** Cells of one grid of a detector: 8400 in all are usual for 640 pixels, a stride of 4 over 1280 makes as many as this. */
  gridCellsMax: 102_400,
  /** Boxes compared with each other when overlapping ones are dropped, best first: every pair is looked at. */
  boxCandidatesMax: 2000,
  /** Model runs one image may cost where a task looks at it in tiles: a crowd at 2048 pixels takes about as many. */
  tileRunsMax: 128,
  /** What one stage keeps from window to window: it crosses to an engine and back with each. A voice activity model needs 4 KB, a small picture 28. */
  stateBytesMax: 64 * 1024,
  /** Kept states of all streams, pipelines and stages: 16 MB at the worst. Beyond it the stream that was quiet longest begins afresh. */
  streamStatesMax: 256,
  /** Frames of 32 ms a voice activity model hears in one run: twice as many are no cheaper each. */
  speechFramesPerRun: 64,
  /** One running, one prefetched: hides the hand-over, bounds what a crash can touch. */
  jobsPerEngine: 2,
  /** Events that a state lists: of things that are followed, or of the sources of an input that hears many. */
  stateEventsMax: 32,
  /** Sources of one pipeline and input that are remembered; of more, those that were heard least lately are forgotten. */
  watchedSourcesMax: 1000,
  /** Silent results of a live input that are kept, a second and pipeline: enough to say at any moment why nothing was told. */
  silentKeptHz: 10,
  /** Jobs of one batch, the bytes of one of them, and how long all together may take by what they usually cost: what is more urgent waits for so long. */
  batchJobsMax: 64,
  batchCaptureBytesMax: 64 * 1024,
  batchMs: 20,
  /** How long a sensor's window waits for others to go with it. */
  batchLingerMs: 10,
  /** Encoded bytes of a capture that is decoded while another runs: a photo of 8 megapixels, 24 MB decoded. */
  decodeAheadBytesMax: 1024 * 1024,
  enginesMax: 16,
  /** From fork to ready: a slow SD card under load, not a model download. */
  engineReadyMs: 60_000,
  engineRestartFirstMs: 200,
  engineRestartMaxMs: 30_000,
  /** Crashes before ready in the window below, after which the engine slot rests for `engineRestartMaxMs`. */
  engineRestartsMax: 5,
  engineRestartWindowMs: 10 * 60_000,
  /** `hang_ms` is at least this. */
  hangMsMin: 30_000,
  /** JavaScript heap of an engine; pixels, samples and tensors live outside it. */
  engineHeapMegabytes: 256,
  /** Lines of a child's stderr kept for the reason of its death, and how long one may be: a native abort says it in three. */
  childStderrLines: 12,
  childStderrLineChars: 300,
  /** Lines of stderr logged per process: a library that complains on every run must not fill the disk. */
  childStderrLogged: 200,
  /** How often the pool looks at its engines' memory; the kernel is asked, not the engine. */
  engineWatchMs: 1000,
  /** Bytes of a file a task asks for at once: what tells its type stands at its ends. */
  fileRangeBytesMax: 1024 * 1024,
  /** An encoded capture read into an engine: an hour of 48 kHz stereo is 690 MB and is to be cut. */
  captureBytesMax: 512 * 1024 * 1024,

  /** Decoded pixels: 64 megapixels is the largest phone camera; 192 MB of RGB. */
  imagePixelsMax: 64_000_000,
  imageSideMax: 16_000,
  imageDecodeMs: 20_000,
  /** An hour of 16 kHz mono is 230 MB as float; longer recordings are to be cut. */
  audioSecondsMax: 3600,
  audioChannelsMax: 8,
  /** From telephone band halved to studio; beyond it a header is damaged, and the resampler's table grows with it. */
  audioRateHzMin: 4000,
  audioRateHzMax: 192_000,
  /** Decoding a compressed recording: an hour takes a slow board 20 s, and it must end before a hang is suspected (`hangMsMin`). */
  audioDecodeMs: 25_000,
  /** ffmpeg's own memory: its libraries' data and the few packets it holds, and one allocation of them. */
  ffmpegMemoryBytesMax: 256 * 1024 * 1024,
  ffmpegAllocationBytesMax: 64 * 1024 * 1024,
  /** A recorder writes a handful; a file of nothing but chunk headers would be walked for ever. */
  wavChunksMax: 1024,

  /** Captures of one input waiting in the core; each replayable one is a file name, not its bytes. Full engines are fed by far fewer. */
  waitingPerInputMax: 64,
  /** Captures on their way to the store before whoever offers more is made to wait: a group commit takes as many. */
  settlingMax: 500,
  /** How long (ms) a capture of low priority waits before it has a claim to a turn, and how many turns make one such: at most 6 % for what is not urgent. */
  agedMs: 10_000,
  agedTurns: 16,
  /** Cheaper ways a pipeline may name: more are not told apart by what they cost. */
  degradeStepsMax: 8,
  /** How long (ms) a pipeline keeps a cheaper way before the better one is tried again: doubled each time that fails, forgotten when it lasts. */
  degradeHoldFirstMs: 2_000,
  degradeHoldMaxMs: 120_000,
  /** What a way to run cost longer ago than this (ms) says little of now: the board may have cooled, or heated, since. */
  degradeStaleMs: 15_000,
  /** Share of what is left of a budget that the better way may be expected to take before it is tried again. */
  degradeHeadroom: 0.8,
  /** How often (ms) the board is asked how it feels, for how long it must be under pressure before pipelines take a cheaper way, and each next one. */
  boardLookMs: 1_000,
  boardPressedMs: 3_000,
  boardStepMs: 15_000,
  /** For how long (ms) it must be well before they go back, step by step. */
  boardCalmMs: 5_000,

  /** Claimed and unsettled captures per input: bounds the suspects after a crash. */
  claimsPerInputMax: 64,
  /** Solo engine crashes until a capture is quarantined (law 5). */
  soloCrashesMax: 2,
  /** Deaths of the core during solo runs of one capture until it is quarantined: a power cut is rarely a capture's doing, five in a row are. */
  coreDeathsMax: 5,

  /** Entries looked at per rescan turn, so that a folder of millions does not hold the loop. */
  scanBatch: 512,
  /** What sniffing reads of a file: every signature we know lies within, and it is one page. */
  sniffBytes: 4096,
  /** Claims are refilled in groups of at least this many, to share a directory fsync; the rest of the window keeps the engines fed. */
  claimsRefillMin: 16,
  /** Files kept in a `done/` or `failed/`: bounds the memory of a sweep, and what a person can look through. */
  keptFilesMax: 10_000,
  /** Names a folder remembers (skipped directories, files dated in the future): enough to be helpful, too few to grow. */
  namesRememberedMax: 256,
  /** Hints of a folder's watch within this time are one. */
  folderHintMs: 20,
  /** Wait before a folder in trouble is tried again. */
  folderRetryFirstMs: 250,
  folderRetryMaxMs: 15_000,

  /** Deliveries a relay reads at once. */
  relayBatch: 128,
  /** Rows waiting for one group commit. */
  commitBatchMax: 500,
  /** Bytes of one group commit: what a quota may be overrun by before retention acts. */
  commitBytesMax: 2 * 1024 * 1024,
  /** The room retention keeps free below the store's quota: at most this, so that a full group commit always fits. */
  storeHeadroomBytesMax: 8 * 1024 * 1024,
  /** The write-ahead log: 512 pages between checkpoints, cut back to this when one overran it. */
  storeLogBytesMax: 4 * 1024 * 1024,
  /** A file up to this size is checked whole at every start (a tenth of a second); a larger one only after SQLite found damage. */
  storeCheckBytesMax: 32 * 1024 * 1024,
  /** Damaged store files kept beside the new one for a person to look at. */
  storeCorruptKept: 2,
  /** Rows one retention turn looks at, so that commits are never held up for long. */
  storeRetentionBatch: 500,
  /** Milliseconds between two looks at what is too old. */
  storeTendMs: 60_000,
  /** How often an idle store is asked for a sign of life: several times within `stallMs`. */
  storeLookMs: 5_000,
  /** Wall time must have run steadily for this long before anything is expired by it. */
  storeSteadyMs: 10 * 60_000,
  /** Rows a filtered page of results looks at in one turn of the store's thread. */
  storeScanRows: 2000,
  /** Settled captures whose claim was never closed, from inputs that are gone: far above all that can be open. */
  storeClaimsMax: 65_536,
  /** An open claim is closed within seconds, or when its source is back: a folder that stayed away for this long starts anew. */
  storeClaimMs: 30 * 86_400_000,
  quarantineRowsMax: 1000,
  /** Starts remembered with their clock: bounds the age that can be told of old results. */
  storeBootsMax: 4096,
  /** For a predecessor that is just dying to let go of the file. */
  storeBusyMs: 1000,
  /** From the request to stop until the file is closed: one commit and one checkpoint on a slow card. */
  storeStopMs: 10_000,
  /** Unanswered calls to the store's thread; beyond it callers wait. */
  storeCallsMax: 2048,
  deliveryTriesAloneMax: 3,
  deliveryRetryFirstMs: 250,
  deliveryRetryMaxMs: 30_000,
  /** The relay's outer bound on one delivery; connections give up long before. */
  deliveryAnswerMs: 60_000,
  /** A page of live deliveries is read anew after this, because fresh ones grow old while they wait. */
  relayPageMs: 1000,
  /** Acknowledgements the store could not take yet; beyond it nothing more is sent. */
  relayUnpaidMax: 1024,
  /** Deliveries remembered as tried; beyond it all older ones count as tried. */
  relayTriedMax: 1024,
  /** An input that says nothing for this long has nothing before it any more; above a hang of 30 s and the start of a fresh engine. */
  eventSilenceMs: 60_000,
  /** Between two looks for events on silent inputs: at most this much late. */
  eventLapseMs: 5_000,
  /** The retained state is said again, for those who doubt that the device lives. */
  stateRepeatMs: 15 * 60_000,
  /** Zones of one input and corners of one: what a person draws. */
  zonesMax: 32,
  zonePointsMax: 32,
  /** Labels of one event: what a person reads; a classifier of a thousand could list them all. */
  eventLabelsMax: 16,
  /** Things followed at once on one input: all that is known of them is written with every capture, up to a kilobyte a thing. */
  tracksMax: 32,
  /** How long a thing that is followed may be out of sight: longer, and its box finds another where it was. */
  trackGapMsMax: 60_000,
  /** What the store may add to a payload once it knows what was said before: the id of that result, and a reason. */
  payloadAddedBytesMax: 256,
  /** For in-flight deliveries to be answered at a stop, within `drainMs`. */
  relayStopMs: 2000,
  /** Between two looks at how much is owed. */
  relayVitalsMs: 5000,
  /** Lines waiting for one write and one fsync of the file sink. */
  fileSinkWindow: 64,
  payloadBytesMax: 100 * 1024,

  /** After a loss; half of it is random, so that a fleet does not come back as one. */
  mqttReconnectFirstMs: 1_000,
  mqttReconnectMaxMs: 30_000,
  /** Between the starts of two connects of one connection: a flapping link must not become a flood for the broker. */
  mqttConnectGapMs: 1_000,
  /** A connection that lived this long, or was given an ack, forgives earlier failures. */
  mqttStableMs: 10_000,
  /** First wait after another client took the client id: two devices with one id must not throw each other out every second. */
  mqttTakeoverFirstMs: 10_000,
  mqttTakeoverMaxMs: 120_000,
  /** Publishes waiting in one connection for the broker's receive maximum; their senders hold windows of their own. */
  mqttWaitingMax: 1024,
  /** Seven levels pass every broker of the field. */
  mqttTopicLevelsMax: 7,
  /** The protocol's own wall. */
  mqttTopicBytesMax: 65_535,
  /** What we say we accept from a broker: what an engine takes by value. An MQTT 5 broker keeps larger messages to itself. */
  mqttInboundBytesMax: 1024 * 1024,
  /** Time for the retained `offline` and the DISCONNECT at a stop. */
  mqttFarewellMs: 1_000,
  /** The embedded broker is for demonstrations: a subscriber or two, never a fleet. */
  embeddedConnectionsMax: 32,
  embeddedPayloadBytesMax: 256 * 1024,
  /** Deliveries of one sink in flight to a broker; 32 hides a round trip of 10 ms at 3,000 a second. */
  mqttWindowMax: 256,
  mqttHealthMs: 60_000,
  /** A repeated log line is folded for this long. */
  logFoldMs: 10 * 60_000,

  pageRowsMax: 1000,

  /** PIPE_BUF: a line up to here is written whole, even where engines share the pipe. */
  logLineBytesMax: 4096,
  /** Different messages whose repeats are counted at the same time. */
  logFoldsMax: 256,
  /** First and longest time over which repeats of a message become one line. */
  logFoldFirstMs: 60_000,
  logFoldMaxMs: 3_600_000,
  /** Label combinations of one metric; each costs about 1 KB here and a time series in every server that scrapes us. */
  metricSeriesMax: 500,
  /** How long a look at the clock's markers holds: a few file stats, not one a capture. */
  clockLookMs: 5_000,
  /** `getconf` and its like answer at once or never. */
  boardProbeMs: 2_000,
  /** Hits of one audit: what a person answers in an hour or two. */
  auditCountMax: 500,
  /** Newest results an audit draws from: enough to be the present, few enough to page through in a second or two. */
  auditWindowMax: 20_000,
  /** Results read in full for each hit wanted, where many found nothing. */
  auditReadsPerHitMax: 10,
  /** Observations of a hit that are shown, and characters of one: what a person judges at a glance. */
  auditShownMax: 8,
  auditShownCharsMax: 160,
  /** A kept audit: half a thousand hits with their lines; answers given elsewhere are smaller. */
  auditFileBytesMax: 4 * 1024 * 1024,
  /** Files one comparison looks at: as many as a `done/` keeps; at a second each for both sides hours pass. */
  compareFilesMax: 10_000,
  /** Between two signs of life of a comparison. */
  compareTellMs: 10_000,
  /** What a command waits for the daemon's answer. */
  daemonAnswerMs: 10_000,
  /** From the wish to reload until the daemon has drained, started anew and heard its inputs, on a slow card. */
  reloadMs: 60_000,
  daemonAnswerBytesMax: 16 * 1024 * 1024,

  /** Silence of the engines or the store that still counts as alive: several of their own looks, and less than the unit's WatchdogSec. */
  stallMs: 20_000,

  /** SIGTERM to exit. */
  drainMs: 5_000,
} as const;
