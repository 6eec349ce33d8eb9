/**
 * `shoal models pin`: which version or variant of a model this board runs where a stage names none, kept in the state folder.
 */
import { mkdir } from 'node:fs/promises';
import { Command } from 'commander';
import { writeDurably } from '../../config/write-durably.js';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { modelRef } from '../../core/model.js';
import { type Pin, type Pins, pinOf, pinsFileIn } from '../../registry/pins.js';
import { type ModelsPlaceContext, openModelsSetting, type PlaceOptions } from '../models-setting.js';
import { readAtStart } from './read-at-start.js';

interface PinOptions extends PlaceOptions {
  readonly variant?: string;
  readonly clear?: true;
  readonly json?: true;
}

export function pinCommand(context: ModelsPlaceContext): Command {
  return new Command('pin')
    .description('keep a version or a variant of a model on this board, through upgrades, where a stage names none')
    .argument('[model]', 'name@version, or name with --variant; without it the pins are listed')
    .option('--variant <name>', 'run this variant, whatever "variants" in the configuration says')
    .option('--clear', 'take the pin of this model away')
    .option('-c, --config <file>', 'configuration whose folders count')
    .option('--state-dir <folder>', 'where the daemon keeps its data')
    .option('--json', 'print the pins as JSON')
    .action(async (ref: string | undefined, options: PinOptions) => {
      const { registry, stateDir } = await openModelsSetting(context, options);
      if (ref === undefined) {
        if (options.variant !== undefined || options.clear) throw new ShoalError('USAGE', 'name the model to pin');
        context.stdout.write(options.json ? `${JSON.stringify(registry.pins.models)}\n` : listText(registry.pins, registry.pinProblems));
        return;
      }
      const [name = '', version] = ref.split('@', 2);
      const pin = options.clear ? null : chosen(ref, options.variant, registry);
      if (options.clear && (version !== undefined || options.variant !== undefined))
        throw new ShoalError('USAGE', '--clear takes the whole pin of a model away: name the model only');
      if (options.clear && pinOf(registry.pins, name) === undefined) throw new ShoalError('USAGE', `"${name}" is not pinned`);
      const { [name]: _, ...others } = registry.pins.models;
      const models = pin === null ? others : { ...others, [name]: pin };
      if (registry.pins.problem !== undefined) context.stderr.write(`shoal: ${registry.pins.problem}; it is written anew\n`);
      await save(stateDir, models);
      const said = pin === null ? `${name} is no longer pinned` : pinText(name, pin);
      context.stdout.write(options.json ? `${JSON.stringify(models)}\n` : `${said}.\n${readAtStart}\n`);
    });
}

/** Throws USAGE for what is not installed: a pin that cannot be kept helps nobody. */
function chosen(ref: string, variant: string | undefined, registry: Parameters<typeof findExactly>[0]): Pin {
  const [name = '', version] = ref.split('@', 2);
  if (version === undefined && variant === undefined)
    throw new ShoalError('USAGE', `name a version to pin, such as ${versionsText(registry, name)}, or --variant`);
  const model = findExactly(registry, name, version);
  if (model === null) throw new ShoalError('USAGE', `"${ref}" is not installed; there is ${versionsText(registry, name)}`);
  if (variant !== undefined && !model.variants.some((each) => each.name === variant)) {
    const there = model.variants.map((each) => each.name).join(', ');
    throw new ShoalError('USAGE', `${modelRef(model)} has no variant "${variant}", only ${there}`);
  }
  return { ...(version === undefined ? {} : { version }), ...(variant === undefined ? {} : { variant }) };
}

function findExactly(
  registry: Pick<Awaited<ReturnType<typeof openModelsSetting>>['registry'], 'versions' | 'list'>,
  name: string,
  version?: string,
) {
  return registry.versions(name).find((model) => version === undefined || model.version === version) ?? null;
}

function versionsText(registry: Parameters<typeof findExactly>[0], name: string): string {
  const known = registry.versions(name);
  return (known.length > 0 ? known : registry.list()).map(modelRef).join(', ') || 'no model at all';
}

function listText({ models }: Pins, problems: readonly string[]): string {
  const lines = Object.entries(models).map(([name, pin]) => `${pinText(name, pin)}.\n`);
  const troubles = problems.map((problem) => `Not kept: ${problem}.\n`);
  return lines.length + troubles.length === 0 ? 'Nothing is pinned on this board.\n' : [...lines, ...troubles].join('');
}

export function pinText(name: string, { version, variant }: Pin): string {
  const what = [...(version === undefined ? [] : [`version ${version}`]), ...(variant === undefined ? [] : [`variant ${variant}`])];
  return `${name} is pinned to ${what.join(', ')}`;
}

async function save(stateDir: string, models: Pins['models']): Promise<void> {
  const file = pinsFileIn(stateDir);
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o750 });
    // Readable by the daemon's user, whoever ran the command.
    await writeDurably(file, `${JSON.stringify({ schema: 'shoal/pins/1', models }, null, 1)}\n`, 0o644);
  } catch (error) {
    throw new ShoalError('STORE_UNAVAILABLE', `${file} cannot be written: ${reasonOf(error)}; run this as the daemon's user or as root`);
  }
}
