/**
 * From parts of the configuration to the parts themselves, by their type, and to their end. Part of the composition root.
 */
import type { PartSettings } from './config/config-parts.js';
import type { Kind, Log } from './core/contracts.js';
import { reasonOf, ShoalError } from './core/errors.js';
import { parts } from './parts.js';

type Buildable<Part> = Pick<Kind<never, never, Part>, 'type' | 'create'>;

/** The config room has matched type and options against the same list. */
export function build<Part>(kinds: readonly Buildable<Part>[], name: string, settings: PartSettings, context: unknown): Part {
  const kind = kinds.find(({ type }) => type === settings.type);
  if (kind === undefined) throw new ShoalError('SHOAL_INTERNAL', `"${settings.type}" is no type here, which the configuration has checked`);
  return kind.create(name, settings.options as never, context as never);
}

/** Side by side: what one waits for is no reason for another to wait. Never rejects. */
export async function stopAll(kind: string, all: ReadonlyMap<string, { stop(): Promise<void> }>, log: Log): Promise<void> {
  const stops = [...all].map(([name, part]) =>
    part.stop().catch((error: unknown) => log.warn({ part: `${kind}:${name}`, err: reasonOf(error) }, 'did not stop cleanly')),
  );
  await Promise.all(stops);
}

/** Inputs to which callers bring captures. */
export function intakesOf(inputs: Readonly<Record<string, PartSettings>>): readonly string[] {
  return Object.keys(inputs).filter((name) => parts.inputs.some(({ type, byHttp }) => byHttp && type === inputs[name]?.type));
}
