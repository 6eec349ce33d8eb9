/**
 * `shoal compare`: the same captures through two configurations, or through one with another model in it, and what would change.
 *
 * Stores, delivers and moves nothing, and asks no daemon. One engine a side, kept open over all captures; they never run at the same time.
 */
import { Command, InvalidArgumentError } from 'commander';
import { ShoalError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { Parts } from '../parts.js';
import type { CommandContext } from './command-context.js';
import { type Captures, collectCaptures } from './compare/captures.js';
import { type Comparison, compare } from './compare/comparison.js';
import { comparisonText } from './compare/comparison-text.js';
import { openSide, type Side } from './compare/side.js';
import { Exit, exitCodes } from './exit.js';
import { PlanRunner, quietSurroundings } from './plan-runner.js';

interface Options {
  readonly config?: string;
  readonly against: string;
  readonly pipeline?: string;
  readonly input?: string;
  readonly model?: string;
  readonly variant?: string;
  readonly limit: number;
  readonly json?: true;
  readonly failOnChange?: true;
}

export function compareCommand(context: CommandContext<Parts>): Command {
  return new Command('compare')
    .description('run captures through two configurations, or with another model, and show what would change and cost')
    .argument('<files...>', "files, or folders of them, such as the done folder of an input's")
    .option('-c, --config <file>', 'the configuration to try; without it the one of --against, with --model')
    .option('--against <file>', 'the configuration to compare it with', context.defaults.configPath)
    .option('-p, --pipeline <name>', 'compare this pipeline only')
    .option('--input <name>', 'as captures of this input: only its pipelines, and its zones')
    .option('--model <name@version>', 'in the new one, every stage of its task runs this model')
    .option('--variant <name>', 'with --model: and this variant of it')
    .option('--limit <count>', `look at so many files at most, 1 .. ${limits.compareFilesMax}`, fileCount, 200)
    .option('--json', 'print the answer as JSON')
    .option('--fail-on-change', 'exit code 1 where something would change')
    .action(async (files: readonly string[], options: Options) => {
      const sides = await openSides(context.parts, options);
      const captures = await collectCaptures(files, options.limit, options.input ?? 'file');
      const comparison = await run(context, sides, captures, options);
      context.stdout.write(
        options.json ? `${JSON.stringify(asJson(sides, captures, comparison))}\n` : comparisonText(sides, captures, comparison),
      );
      const isChanged = Object.values(comparison.pipelines).some(({ changes }) => changes.length > 0);
      if (options.failOnChange && (isChanged || !sameNames(sides))) throw new Exit(exitCodes.failed);
    });
}

async function openSides(parts: Parts, { config, against, pipeline, input, model, variant }: Options): Promise<[Side, Side]> {
  if (variant !== undefined && model === undefined)
    throw new ShoalError('USAGE', '--variant NAME needs --model NAME, which it is a variant of');
  if (config === undefined && model === undefined)
    throw new ShoalError('USAGE', 'there is nothing to compare with: name a configuration with --config, a model with --model, or both');
  const narrowed = { ...(pipeline === undefined ? {} : { pipeline }), ...(input === undefined ? {} : { input }) };
  const override = model === undefined ? {} : { override: { model, ...(variant === undefined ? {} : { variant }) } };
  return [
    await openSide(parts, { file: against, ...narrowed }),
    await openSide(parts, { file: config ?? against, ...narrowed, ...override }),
  ];
}

async function run(
  context: CommandContext<Parts>,
  sides: readonly [Side, Side],
  captures: Captures,
  options: Options,
): Promise<Comparison> {
  const surroundings = quietSurroundings();
  const input = options.input ?? 'file';
  const runners: PlanRunner[] = [];
  try {
    const [old, now] = [
      await PlanRunner.of(sides[0].plan, surroundings, input, true),
      await PlanRunner.of(sides[1].plan, surroundings, input, true),
    ];
    runners.push(old, now);
    for (const runner of runners) await runner.open();
    let saidAt = performance.now();
    return await compare(sides, [old, now], captures, (done) => {
      if (performance.now() - saidAt < limits.compareTellMs) return;
      saidAt = performance.now();
      context.stderr.write(`${done} of ${captures.captures.length} captures\n`);
    });
  } finally {
    await Promise.all(runners.map((runner) => runner.stop()));
  }
}

function sameNames([old, now]: readonly [Side, Side]): boolean {
  return old.names.length === now.names.length && old.names.every((name) => now.names.includes(name));
}

function asJson(sides: readonly [Side, Side], { unreadable, leftOut }: Captures, comparison: Comparison): Record<string, unknown> {
  const [old, now] = sides.map(({ label, configHash, names, problems }) => ({
    label,
    config_hash: configHash,
    pipelines: names,
    problems,
  }));
  return { schema: 'shoal/compare/1', old, new: now, ...comparison, unreadable, left_out: leftOut };
}

function fileCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > limits.compareFilesMax)
    throw new InvalidArgumentError(`need a whole number, 1 .. ${limits.compareFilesMax}`);
  return count;
}
