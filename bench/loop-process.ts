/** A child that is given one piece of work at a time, answers it, and is idle in between. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface LoopProcess<Work, Reply> {
  run(work: Work): Promise<Reply>;
  stop(): void;
}

/** `script` is a built module beside this one; `env` is added to this process's environment. */
export async function startLoop<Work extends number | object, Reply>(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<LoopProcess<Work, Reply>> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), args, { env: { ...process.env, ...env } });
  const reply = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`${script} ended with exit code ${code}`));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message);
      });
    });
  await reply();
  return {
    run: (work) => {
      const answered = reply() as Promise<Reply>;
      child.send(work);
      return answered;
    },
    stop: () => {
      if (child.connected) child.disconnect();
    },
  };
}
