/**
 * Has the running daemon take up what was learned, or taken back: a reload, and a look at which pipelines run it then.
 *
 * Guarantees: answers when the new start has decided about every pipeline that means the model, or says that it has not in time. A pipeline that
 * ran and does not run any more because of what was learned is not left so: `takeUpOrUndo`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ShoalError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { undoLearned } from '../../learn/write-learned.js';
import { ask } from '../daemon-client.js';
import { Exit, exitCodes } from '../exit.js';

export type TakenUp =
  /** No daemon answers: it takes the model up when it starts. */
  | { readonly kind: 'absent'; readonly socket: string }
  /** It was not reloaded, or is not ready yet: why. */
  | { readonly kind: 'unsure'; readonly reason: string }
  | {
      readonly kind: 'reloaded';
      /** That run the model now. */
      readonly pipelines: readonly string[];
      /** That mean the model and do not run; `ours`: since the reload. */
      readonly down: readonly { readonly pipeline: string; readonly reason: string; readonly ours: boolean }[];
    };

interface Status {
  readonly boot: number;
  readonly uses: Readonly<Record<string, readonly string[]>>;
}

interface Report {
  readonly parts: readonly { readonly part: string; readonly state: string; readonly reason?: string }[];
}

/** `ref`: `name@version` that should run. */
export async function takeUp(socketPath: string, ref: string): Promise<TakenUp> {
  try {
    const before = await troubles(socketPath);
    const { status, body } = await ask(socketPath, '/v1/reload', { method: 'POST', body: '{}', answerMs: limits.reloadMs });
    if (status !== 202) return { kind: 'unsure', reason: errorOf(body) };
    return await awaitStart(socketPath, ref, (body as { boot: number }).boot, before);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ECONNREFUSED'
      ? { kind: 'absent', socket: socketPath }
      : { kind: 'unsure', reason: error.message };
  }
}

/** As `takeUp`; where a pipeline does not run with the model, takes it back from `folder`, reloads again, and throws an Exit that says why. */
export async function takeUpOrUndo(socketPath: string, folder: string, ref: string): Promise<TakenUp> {
  const takenUp = await takeUp(socketPath, ref);
  const ours = takenUp.kind === 'reloaded' ? takenUp.down.filter((each) => each.ours) : [];
  if (ours.length === 0) return takenUp;
  const { now } = await undoLearned(folder, ref);
  const again = await takeUp(socketPath, now ?? ref);
  const back = again.kind === 'reloaded' ? 'the daemon runs as before' : `the daemon was not reloaded again: ${sentenceOfUndo(again, now)}`;
  const why = ours.map(({ pipeline, reason }) => `pipeline ${pipeline}: ${reason}`).join('; ');
  throw new Exit(exitCodes.failed, `${ref} was learned, but does not run (${why}). It is taken back, and ${back}.`);
}

/** What an operator is told of it. */
export function sentenceOf(takenUp: TakenUp, ref: string): string {
  if (takenUp.kind === 'absent') return `No daemon answers on ${takenUp.socket}; it is taken up when one starts.`;
  if (takenUp.kind === 'unsure')
    return `Whether the daemon has taken it up is not known (${takenUp.reason}): "systemctl reload shoal", and "journalctl -u shoal" says how it went.`;
  const { pipelines, down } = takenUp;
  const names = pipelines.join(', ');
  const runs =
    pipelines.length === 0
      ? `The daemon knows ${ref} now, but none of its pipelines runs it yet: write it into the configuration, then "systemctl reload shoal".`
      : `The running daemon has taken it up: ${pipelines.length === 1 ? `pipeline ${names} runs` : `pipelines ${names} run`} ${ref}.`;
  return [runs, ...downLines(down)].join('\n');
}

/** As `sentenceOf`, after something was taken back; `now`: the version that is the newest again, null where none is left. */
export function sentenceOfUndo(takenUp: TakenUp, now: string | null): string {
  if (takenUp.kind === 'absent') return `No daemon answers on ${takenUp.socket}; there is nothing to reload.`;
  if (takenUp.kind === 'unsure')
    return `Whether the daemon has dropped it is not known (${takenUp.reason}): "systemctl reload shoal", and "journalctl -u shoal" says how it went.`;
  const { pipelines, down } = takenUp;
  const runs =
    now === null || pipelines.length === 0
      ? 'The daemon has dropped it.'
      : `The daemon runs ${now} again: ${pipelines.length === 1 ? 'pipeline' : 'pipelines'} ${pipelines.join(', ')}.`;
  return [runs, ...downLines(down)].join('\n');
}

function downLines(down: Extract<TakenUp, { kind: 'reloaded' }>['down']): string[] {
  return down.map(({ pipeline, reason }) => `Pipeline ${pipeline} does not run: ${reason}.`);
}

async function awaitStart(socketPath: string, ref: string, boot: number, before: ReadonlyMap<string, string>): Promise<TakenUp> {
  const endMs = performance.now() + limits.reloadMs;
  let reason = 'it did not start again in time';
  while (performance.now() < endMs) {
    await sleep(150);
    const found = await look(socketPath, ref, boot, before).catch((error: unknown) => {
      if (!(error instanceof ShoalError)) throw error;
      return error.message;
    });
    if (typeof found !== 'string') return found;
    reason = found;
  }
  return { kind: 'unsure', reason };
}

/** What the new start came to, or why that is not known yet. */
async function look(socketPath: string, ref: string, boot: number, before: ReadonlyMap<string, string>): Promise<TakenUp | string> {
  const { status, body } = await ask(socketPath, '/v1/status');
  if (status !== 200) return errorOf(body);
  const { boot: now, uses } = body as Status;
  if (now <= boot) return 'it has not started again yet';
  const after = await troubles(socketPath);
  const engine = after.get('engine') ?? '';
  if (after.get('engine:state') !== 'settled') return `its engines are not ready: ${engine}`;
  const pipelines: string[] = [];
  const down: { pipeline: string; reason: string; ours: boolean }[] = [];
  for (const [pipeline, models] of Object.entries(uses)) {
    if (!models.some((model) => means(model, ref))) continue;
    const own = after.get(`pipeline:${pipeline}`);
    const unopened = engine.includes(`model ${ref},`) ? engine : undefined;
    const reason = own ?? unopened;
    if (reason === undefined) pipelines.push(pipeline);
    else down.push({ pipeline, reason, ours: own === undefined || before.get(`pipeline:${pipeline}`) !== own });
  }
  return { kind: 'reloaded', pipelines, down };
}

/** Whether `model`, as resolved or as written in a stage, is `ref`: `pump`, `pump@2` and `pump@2.0.0` mean `pump@2.0.0`. */
function means(model: string, ref: string): boolean {
  return model === ref || ref.startsWith(model.includes('@') ? `${model}.` : `${model}@`);
}

/** By part, why it is down; of the engines also what else is amiss. */
async function troubles(socketPath: string): Promise<ReadonlyMap<string, string>> {
  const { body } = await ask(socketPath, '/healthz');
  const found = new Map<string, string>();
  for (const { part, state, reason = state } of (body as Report).parts) {
    if (state === 'down' || (part === 'engine' && state !== 'ok')) found.set(part, reason);
    if (part === 'engine' && (state === 'ok' || state === 'degraded')) found.set('engine:state', 'settled');
  }
  return found;
}

function errorOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : 'no reason given';
}
