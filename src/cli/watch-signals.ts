/**
 * Ctrl-C and its like end a piece of work, not this process, which has still to see that nothing stays behind.
 */
import { Exit, exitCodes } from './exit.js';

/** `end` gives the signals back. `left` says what state things are in after an interruption. */
export function watchSignals(left: string): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const interrupt = (): void => controller.abort(new Exit(exitCodes.failed, `interrupted; ${left}`));
  for (const signal of signals) process.on(signal, interrupt);
  return {
    signal: controller.signal,
    end: () => {
      for (const signal of signals) process.off(signal, interrupt);
    },
  };
}
