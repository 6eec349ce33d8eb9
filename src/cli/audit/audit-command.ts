/**
 * `shoal audit`: how many of a pipeline's hits are right here, by a sample of them and a person who says yes or no.
 *
 * Guarantees: hits are drawn by chance and answers kept as they are given, so that an audit can be left and taken up again; what the answers
 * do not show is not said. Asks the daemon over its socket, sends nothing anywhere.
 */
import { randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { reasonOf, ShoalError } from '../../core/errors.js';
import { idPattern } from '../../core/id.js';
import { limits } from '../../core/limits.js';
import type { CommandContext } from '../command-context.js';
import { askDaemon } from '../daemon-client.js';
import { namedOrUsual, usualStateDir } from '../models-setting.js';
import { askPerson } from './ask-person.js';
import { type Answer, type Audit, auditFileIn, type Hit, readAnswers, readAudit, saveAudit } from './audit-file.js';
import { hitText, listText, reportOf, reportText } from './audit-text.js';
import { drawSample } from './draw-sample.js';

interface AuditOptions {
  readonly input?: string;
  readonly count: number;
  readonly since?: number;
  readonly seed?: number;
  readonly precision: number;
  readonly new?: true;
  readonly list?: true;
  readonly answers?: string;
  readonly json?: true;
  readonly config?: string;
  readonly stateDir?: string;
  readonly socket: string;
}

interface Place {
  readonly file: string;
  readonly fileOf: (hit: Hit) => string | null;
}

const help = `
A hit is a result that was told and found something. Hits are drawn by chance, shown one by one with the file where it is kept
(a folder with "done: keep"), and judged as a whole: is what it tells right? Answers are kept; the next "shoal audit" of
the pipeline goes on where this one was left, until --new.

Elsewhere than on a terminal: "--list" prints the hits, "--answers FILE" takes lines such as

  8J1svPrRSLw35WXRaDuSXh,yes
  DIC8LxSVThsVOfLrRvKw0t,no

Examples:
  shoal audit signs
  shoal audit signs --input dock-cam --since 7d --count 200`;

export function auditCommand(context: CommandContext): Command {
  return new Command('audit')
    .description('ask about a sample of what a pipeline told, and say how precise it is here')
    .argument('<pipeline>', 'a pipeline of the running daemon', name)
    .option('--input <name>', 'hits of this input only', name)
    .option('-n, --count <hits>', `how many are drawn, 1..${limits.auditCountMax}`, count, 100)
    .option('--since <time>', 'nothing older: 90m, 24h, 7d, or a date', since)
    .option('--seed <number>', 'draws the same hits from the same results', wholeNumber)
    .addOption(
      new Option('--precision <percent>', 'name the score from which on this precision is shown').argParser(percent).default(0.95, '95'),
    )
    .option('--new', 'draw another sample; the kept one and its answers are given up')
    .option('--list', 'print the hits and ask nothing')
    .option('--answers <file>', 'take answers from a file instead of the terminal')
    .option('--json', 'print hits and figures as JSON; asks nothing')
    .option('-c, --config <file>', 'configuration that says where inputs keep their files')
    .option('--state-dir <folder>', 'where the answers are kept (in audits/)')
    .option('--socket <path>', "the daemon's unix socket", context.defaults.socketPath)
    .addHelpText('after', help)
    .action((pipeline: string, options: AuditOptions) => audit(context, pipeline, options));
}

async function audit(context: CommandContext, pipeline: string, options: AuditOptions): Promise<void> {
  const asks = !options.list && !options.json && options.answers === undefined;
  checkOptions(options, asks);
  const place = await placeOf(context, pipeline, options);
  const kept = options.new ? null : await readAudit(place.file);
  if (kept === null && options.answers !== undefined)
    throw new ShoalError('USAGE', `no hits of ${pipeline} are drawn yet, so there is nothing to answer: draw them with --list`);
  const drawn = kept ?? (await draw(context, pipeline, options));
  if (kept !== null) tellKept(context, kept);
  const keep = keeper(place.file, asks, context);
  if (kept === null) await keep(drawn);
  const answered = asks ? await askAll(context, drawn, place, keep) : await withAnswers(drawn, options.answers, keep);
  if (options.json) context.stdout.write(`${jsonOf(answered, place, options)}\n`);
  else if (options.list) context.stdout.write(`${listText(answered, place.fileOf)}\n`);
  else context.stdout.write(`${reportText(answered, reportOf(answered, options.precision), options.precision)}\n`);
}

/** Throws USAGE. */
function checkOptions({ list, new: anew, answers }: AuditOptions, asks: boolean): void {
  if (list && answers !== undefined) throw new ShoalError('USAGE', 'name --list or --answers, not both');
  if (anew && answers !== undefined)
    throw new ShoalError('USAGE', '--new draws hits that nobody has answered: name --new or --answers, not both');
  if (asks && process.stdin.isTTY !== true) {
    throw new ShoalError(
      'USAGE',
      'nobody can be asked here: stdin is no terminal. Print the hits with --list, then name a file of answers with --answers',
    );
  }
}

function tellKept({ stderr }: CommandContext, { drawn_at, sample, answers }: Audit): void {
  const done = sample.filter(({ id }) => answers[id] !== undefined).length;
  stderr.write(
    `shoal: goes on with the ${sample.length} hits drawn at ${drawn_at}, ${done} of them answered; --new draws others, by --count, --since and --seed\n`,
  );
}

async function draw(context: CommandContext, pipeline: string, { input, count, since, seed, socket }: AuditOptions): Promise<Audit> {
  const ask = <Body>(wanted: string): Promise<Body> => askDaemon<Body>(context, socket, wanted);
  return drawSample(ask, { pipeline, input, count, sinceMs: since, seed: seed ?? randomInt(2 ** 31) });
}

type Keep = (audit: Audit) => Promise<void>;

/** A person can go through an audit that cannot be kept, which is said once; answers that come from elsewhere belong to kept hits only. */
function keeper(file: string, asks: boolean, { stderr }: CommandContext): Keep {
  let works = true;
  return async (audit) => {
    if (!works) return;
    await saveAudit(file, audit).catch((error: unknown) => {
      if (!asks) throw error;
      works = false;
      stderr.write(`shoal: the answers are not kept: ${reasonOf(error)}\n`);
    });
  };
}

async function withAnswers(drawn: Audit, file: string | undefined, keep: Keep): Promise<Audit> {
  if (file === undefined) return drawn;
  const answered = { ...drawn, answers: { ...drawn.answers, ...(await readAnswers(file, drawn)) } };
  await keep(answered);
  return answered;
}

async function askAll({ stdout }: CommandContext, drawn: Audit, { fileOf }: Place, keep: Keep): Promise<Audit> {
  let audit = drawn;
  const { sample } = drawn;
  const left = sample.filter(({ id }) => drawn.answers[id] === undefined);
  const done = sample.length - left.length;
  const text = (hit: Hit, index: number) => hitText(hit, fileOf(hit), done + index + 1, sample.length);
  const answered = async (hit: Hit, answer: Answer): Promise<void> => {
    audit = { ...audit, answers: { ...audit.answers, [hit.id]: answer } };
    await keep(audit);
  };
  await askPerson(left, text, answered, stdout);
  if (left.length > 0) stdout.write('\n');
  return audit;
}

function jsonOf(audit: Audit, { fileOf }: Place, { precision }: AuditOptions): string {
  const sample = audit.sample.map((hit) => ({ ...hit, file: fileOf(hit), answer: audit.answers[hit.id] ?? null }));
  const { answers: _, ...rest } = audit;
  return JSON.stringify({ ...rest, sample, wanted: precision, report: reportOf(audit, precision) });
}

async function placeOf(context: CommandContext, pipeline: string, { config, stateDir, input }: AuditOptions): Promise<Place> {
  const settings = (await namedOrUsual(context, config))?.settings;
  const state = stateDir ?? settings?.paths.state_dir ?? usualStateDir();
  const folders = new Map(
    Object.entries(settings?.inputs ?? {}).flatMap(([name, { options }]) => {
      const { path: folder } = options as { readonly path?: unknown };
      return typeof folder === 'string' ? [[name, folder] as const] : [];
    }),
  );
  return {
    file: auditFileIn(state, pipeline, input),
    fileOf: (hit) => keptFile(folders.get(hit.input), hit),
  };
}

/** Where a folder keeps what it has done, if it is still there: a later file of the same name has another size, as a rule. */
function keptFile(folder: string | undefined, { capture, bytes }: Hit): string | null {
  if (folder === undefined || capture.includes('/')) return null;
  const file = path.join(path.resolve(folder), 'done', capture);
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size === bytes ? file : null;
}

function name(text: string): string {
  if (idPattern.test(text)) return text;
  throw new InvalidArgumentError('A name is 1 to 64 letters, digits, - and _.');
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Need a whole number of at most 9 digits.');
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= limits.auditCountMax) return value;
  throw new InvalidArgumentError(`Need a whole number, 1 to ${limits.auditCountMax}.`);
}

function percent(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 99.9) return value / 100;
  throw new InvalidArgumentError('Need a number of percent, 1 to 99.9, such as 95.');
}

/** Milliseconds since 1970. */
function since(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const minutes = unit === undefined ? Number.NaN : { m: 1, h: 60, d: 1440 }[unit as 'm' | 'h' | 'd'];
  const at = amount === undefined ? Date.parse(text) : Date.now() - Number(amount) * minutes * 60_000;
  if (Number.isFinite(at)) return at;
  throw new InvalidArgumentError('Need a time such as 90m, 24h, 7d or 2026-11-23T06:00:00Z.');
}
