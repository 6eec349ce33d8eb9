/**
 * `shoal doctor --inputs`: what each configured input sees, or what to do.
 *
 * Guarantees: an input that a running daemon has is not touched: the daemon is asked what that input says of itself. All others are tried one after
 * the other, since two may be on one device.
 */
import { join } from 'node:path';
import { loadConfig } from '../../config/load-config.js';
import type { BroughtContext, ConnectionKind, InputKind, Surroundings } from '../../core/contracts.js';
import { ShoalError } from '../../core/errors.js';
import type { Check } from '../board-checks.js';
import type { CommandContext } from '../command-context.js';
import { askDaemon } from '../daemon-client.js';
import { tryInput } from './try-input.js';

interface ToldPart {
  readonly part: string;
  readonly state: string;
  readonly reason?: string;
  readonly for_s: number;
}

/** Throws CONFIG_INVALID. */
export async function checkInputs(context: CommandContext, config: string, waitMs: number): Promise<Check[]> {
  const { settings } = await loadConfig(config, context.parts, { purpose: 'check' });
  const socket = join(settings.paths.run_dir, 'shoal.sock');
  const told = await askInputs(context, socket);
  if (told instanceof ShoalError)
    return [{ check: 'inputs', state: 'fail', found: 'a daemon runs that cannot be asked', advice: told.message }];
  // The program's own list; a command that only reads configurations needs less of it.
  const kinds = context.parts.inputs as unknown as readonly InputKind<never, BroughtContext>[];
  const connections = context.parts.connections as unknown as readonly ConnectionKind<Readonly<Record<string, unknown>>>[];
  const connect = (name: string, surroundings: Surroundings) => {
    const { type, options } = settings.connections[name] ?? {};
    const kind = connections.find((each) => each.type === type);
    if (kind === undefined) throw new ShoalError('SHOAL_INTERNAL', `there is no connection "${name}", which the configuration has checked`);
    // A trial leaves nothing behind: the retained status is the daemon's.
    const { id: deviceId } = settings.device;
    return kind.create(
      name,
      { ...(options as Readonly<Record<string, unknown>>), retain: false },
      { ...surroundings, deviceId, statusTopic: `shoal/${deviceId}/doctor` },
    );
  };
  const checks: Check[] = [];
  for (const [name, { type, options }] of Object.entries(settings.inputs)) {
    const part = told?.find((each) => each.part === `input:${name}`);
    const kind = kinds.find((each) => each.type === type);
    if (part !== undefined) checks.push(toldCheck(name, type, part));
    else if (kind !== undefined) checks.push(await tryInput({ name, kind, options, stateDir: settings.paths.state_dir, connect }, waitMs));
  }
  return checks;
}

/** What the running daemon's inputs say; null where none runs. */
async function askInputs(context: CommandContext, socket: string): Promise<readonly ToldPart[] | null | ShoalError> {
  try {
    return (await askDaemon<{ inputs?: readonly ToldPart[] }>(context, socket, '/v1/status')).inputs ?? [];
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ECONNREFUSED' ? null : error;
  }
}

function toldCheck(name: string, type: string, { state, reason, for_s: seconds }: ToldPart): Check {
  const check = `input ${name}`;
  const found = `${type}, the daemon has it: ${state} for ${seconds} s`;
  if (state === 'ok') return { check, state: 'ok', found };
  return { check, state: state === 'down' ? 'fail' : 'warn', found, advice: reason ?? 'It gives no reason.' };
}
