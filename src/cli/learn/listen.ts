/**
 * Listens to an input for a while: what `learn` commands share.
 *
 * Guarantees: Ctrl-C ends the listening, not the command, which goes on with what was heard; a second one ends it at once. What was missed is told.
 */
import type { TapFrame, TapHead } from '../../core/tap.js';
import { duration } from '../../tasks/anomaly-words.js';
import type { CommandContext } from '../command-context.js';
import { watchInput } from './tap-client.js';

type Shown = Extract<TapHead, { kind: 'capture' }>;

export interface Listening {
  readonly socketPath: string;
  readonly input: string;
  readonly seconds: number;
  /** Of each capture; when that was enough, why, for a person. */
  onCapture(head: Shown, content: TapFrame['content']): string | null | Promise<string | null>;
  /** What was heard so far, for a person. */
  progress(): string;
}

export interface Heard {
  readonly seconds: number;
  /** Captures that were offered and not shown, or shown without their content. */
  readonly missed: number;
  /** Why it ended before its time; null when it did not. */
  readonly cut: string | null;
}

/** On a terminal a line that is written over, elsewhere one now and then. */
const tellMs = { terminal: 1_000, elsewhere: 30_000 };

export async function listen(context: CommandContext, listening: Listening): Promise<Heard> {
  const terminal = 'isTTY' in context.stderr && context.stderr.isTTY === true;
  const { input, seconds, socketPath } = listening;
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.once('SIGINT', interrupt);
  const startedMs = performance.now();
  const passedS = (): number => (performance.now() - startedMs) / 1000;
  let missed = 0;
  let leftOut = 0;
  let cut: string | null = null;
  const tell = (): void => {
    const line = `${listening.progress()}, ${duration(Math.max(0, seconds - passedS()))} to go${missed + leftOut > 0 ? `, ${missed + leftOut} missed` : ''}`;
    context.stderr.write(terminal ? `\r\x1b[K${line}` : `shoal: ${line}\n`);
  };
  context.stderr.write(`shoal: listening to ${input} for ${duration(seconds)}; Ctrl-C goes on with what was heard until then\n`);
  const timer = setInterval(tell, terminal ? tellMs.terminal : tellMs.elsewhere);
  try {
    cut = 'the daemon ended';
    for await (const { head, content } of watchInput({ socketPath, input, seconds, signal: controller.signal })) {
      missed = head.missed;
      if (head.kind === 'end') cut = head.reason === 'time' ? null : 'the daemon stops';
      if (head.kind !== 'capture') continue;
      if (head.left_out !== undefined) leftOut += 1;
      else {
        const enough = await listening.onCapture(head, content);
        if (enough === null) continue;
        cut = enough;
        break;
      }
    }
    if (controller.signal.aborted) cut = 'interrupted';
  } finally {
    clearInterval(timer);
    process.off('SIGINT', interrupt);
    if (terminal) context.stderr.write('\r\x1b[K');
  }
  const heard = { seconds: passedS(), missed: missed + leftOut, cut };
  if (cut !== null) context.stderr.write(`shoal: ${cut} after ${duration(heard.seconds)} of ${duration(seconds)}\n`);
  if (heard.missed > 0) context.stderr.write(`shoal: ${heard.missed} captures were missed meanwhile\n`);
  return heard;
}
