/** Options that `learn` commands share. */
import path from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Settings } from '../../config/config-parts.js';
import type { CommandContext } from '../command-context.js';

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `500ms`, `1s`, `10m`, `4w`; seconds without a unit. */
export function span(text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/.exec(text) ?? [];
  const seconds = Number(number) * (units[unit] ?? Number.NaN);
  if (!(seconds > 0)) throw new InvalidArgumentError('need a number with ms, s, m, h, d or w, such as 500ms or 4w.');
  return seconds;
}

/** An option that takes a `span`; help shows its default as it is written here. */
export function spanOption(flags: string, description: string, usual: string): Option {
  return new Option(flags, description).argParser(span).default(span(usual), usual);
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('need a number above 0.');
  return value;
}

/** The daemon's socket: the one named, that of the configuration, or the usual one. */
export function socketOf({ defaults }: Pick<CommandContext, 'defaults'>, settings: Settings | null, named: string | undefined): string {
  return named ?? (settings === null ? defaults.socketPath : path.join(settings.paths.run_dir, 'shoal.sock'));
}
