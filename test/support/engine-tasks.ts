/**
 * Tasks that do to an engine what bad models and bad captures do: each is told by its options how to behave.
 */
import { z } from 'zod';
import { limits } from '../../src/core/limits.js';
import type { Observation } from '../../src/core/result.js';
import type { Task, TaskInput } from '../../src/core/task.js';
import { floats, type Tensor } from '../../src/core/tensor.js';

function task<Options>(name: string, options: z.ZodType<Options>, run: (input: TaskInput<Options>) => Promise<Observation[]>): Task {
  const metric = {
    name: 'observations too many or too few',
    budget: 0,
    score: (a: readonly unknown[], b: readonly unknown[]) => ({ errors: Math.abs(a.length - b.length), total: a.length }),
  };
  const made: Task<Options> = { name, summary: 'for tests', reads: 'image', takesEach: false, options, metric, fit: () => {}, run };
  return made as Task;
}

const ms = z.object({ ms: z.number() });
const held: Uint8Array[] = [];

/** Never gives the thread back, as a run of a model does. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const vector = (...values: number[]): Tensor => ({ dtype: 'float32', shape: [2], data: Float32Array.from(values) });

export const testTasks: readonly Task[] = [
  task('block', ms, async ({ options }) => {
    block(options.ms);
    return [{ score: 1 }];
  }),
  task('hang', z.object({}), async () => {
    for (;;) block(1000);
  }),
  task('crash', z.object({ says: z.string() }), async ({ options }) => {
    process.stderr.write(`${options.says}\n`);
    process.kill(process.pid, 'SIGSEGV');
    block(10_000);
    return [];
  }),
  task('throw', z.object({ message: z.string() }), async ({ options }) => {
    throw new Error(options.message);
  }),
  task('allocate', z.object({ bytes: z.number(), keep: z.boolean(), ms: z.number() }), async ({ options }) => {
    const bytes = new Uint8Array(options.bytes).fill(1);
    if (options.keep) held.push(bytes);
    await new Promise((resolve) => setTimeout(resolve, options.ms));
    return [{ score: bytes[0] ?? 0 }];
  }),
  task('find', z.object({ count: z.number(), score: z.number() }), async ({ options }) => {
    return Array.from({ length: options.count }, (_, index) => ({ score: options.score, label: `${index}` }));
  }),
  /** Says all that its stream said so far, the ends by the words `crash`, `throw` and `huge`; a capture that is no window of one is alone. */
  {
    ...task('remember', z.object({ gaps: z.string().optional() }), async ({ text, stream }) => {
      const said = `${Buffer.from([...(stream?.state ?? [])])}${text}`;
      if (text === 'crash') process.kill(process.pid, 'SIGKILL');
      stream?.keep(text === 'huge' ? new Uint8Array(limits.stateBytesMax + 1) : Buffer.from(said));
      if (text === 'crash') block(10_000);
      if (text === 'throw') throw new Error('as asked');
      return [{ score: 1, label: stream === undefined ? `alone: ${said}` : said }];
    }),
    reads: 'text',
    stateful: { gaps: 'reset' },
  },
  /** Sends the core what the test says, in the name of the engine. */
  task('say', z.object({ message: z.unknown() }), async ({ options }) => {
    await new Promise((resolve) => process.send?.(options.message, undefined, undefined, resolve));
    block(50);
    return [];
  }),
  /** Reads the ends of the file, or a range of it that is too long. */
  {
    ...task('ends', z.object({ length: z.number() }), async ({ file, options }) => {
      const first = (await file?.read(0, options.length)) ?? [];
      const last = (await file?.read((file.bytes ?? 0) - 2, 10)) ?? [];
      return [{ score: 1, label: `${Buffer.from([...first])}...${Buffer.from([...last])}`, values: { bytes: file?.bytes ?? 0 } }];
    }),
    reads: 'file',
  },
  /** Hears the mean of the recording, and gives later stages one that is louder. */
  {
    ...task('louder', z.object({ by: z.number() }), async ({ audio, options, replaceAudio }) => {
      const samples = (await audio?.samples(audio.rateHz)) ?? new Float32Array();
      const louder = samples.map((sample) => sample + options.by);
      replaceAudio?.(louder, audio?.rateHz ?? 1);
      return [{ score: 1, values: { heard: samples[0] ?? Number.NaN } }];
    }),
    reads: 'audio',
    givesAudio: true,
  },
  {
    ...task('listen', z.object({}), async ({ audio }) => {
      const samples = (await audio?.samples(8000)) ?? new Float32Array();
      return [{ score: 1, values: { heard: samples[samples.length >> 1] ?? Number.NaN, seconds: audio?.durationS ?? 0 } }];
    }),
    reads: 'audio',
  },
  task('size', z.object({}), async ({ image }) => [{ score: 1, label: `${image?.width} x ${image?.height}` }]),
  task('process', z.object({}), async () => [{ score: 1, label: `${process.pid}`, text: JSON.stringify(process.env) }]),
  /** Runs the addition model: 1 + 10 and 2 + 20. */
  task('add', z.object({ calls: z.number() }), async ({ options, infer, measure }) => {
    const found: Observation[] = [];
    for (let i = 0; i < options.calls; i++) {
      const feeds = await measure('preprocess', () => ({ a: vector(1, 2), b: vector(10, 20) }));
      const sum = floats(await infer(feeds), 'c');
      found.push({ score: 1, label: `${sum[0]}, ${sum[1]}` });
    }
    return found;
  }),
  { ...task('count', z.object({}), async ({ each }) => (each ?? []).map((_, of) => ({ score: 1, of }))), takesEach: true },
];
