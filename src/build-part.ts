/**
 * From a part of the configuration to the part itself, by its type. Part of the composition root.
 */
import type { PartSettings } from './config/config-parts.js';
import type { Kind } from './core/contracts.js';
import { ShoalError } from './core/errors.js';
import { parts } from './parts.js';

type Buildable<Part> = Pick<Kind<never, never, Part>, 'type' | 'create'>;

/** The config room has matched type and options against the same list. */
export function build<Part>(kinds: readonly Buildable<Part>[], name: string, settings: PartSettings, context: unknown): Part {
  const kind = kinds.find(({ type }) => type === settings.type);
  if (kind === undefined) throw new ShoalError('SHOAL_INTERNAL', `"${settings.type}" is no type here, which the configuration has checked`);
  return kind.create(name, settings.options as never, context as never);
}

/** Inputs to which callers bring captures. */
export function intakesOf(inputs: Readonly<Record<string, PartSettings>>): readonly string[] {
  return Object.keys(inputs).filter((name) => parts.inputs.some(({ type, byHttp }) => byHttp && type === inputs[name]?.type));
}
