/**
 * `node dist/tools/make-models-page.js` writes docs/models.md: every model there is, by task, as its card and its golden capture tell it.
 *
 * Nothing on the page is written by hand but its opening words and the examples of use (model-uses.ts); a test compares it with what this makes.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { observationText } from '../src/cli/result-text.js';
import type { Task } from '../src/core/task.js';
import type { Card } from '../src/registry/card.js';
import { isPictured, type KnownCard, knownCards, pictureOf } from './known-cards.js';
import { exampleOf, learnedBy, tasksInOrder } from './model-uses.js';

export const modelsPageFile = 'docs/models.md';

const intro = `# Models

*Generated from the cards by \`npm run docs:build\`; do not edit.*

Every task Shoal has, and the models for it. A **bundled** model comes with Shoal; the command in its row fetches any other, which is verified by hash
([what is fetched, from where, and without a network](variants.md#getting-more-models)). To see what a model finds in a file of yours, no daemon is needed:

\`\`\`
shoal models add yolox-nano
shoal infer photo.jpg --task detect-objects
\`\`\`

A running daemon takes a new model when it reads its models anew: \`systemctl reload shoal\`.
`;

const explanation = `## How to read this page

- **What it finds** is the model's answer for its golden capture, to which the tests hold it. One capture shows that a model works, not how well.
- **Accuracy** stands on the card with who measured it: a script of this repository (\`npm run bench -- NAME\`) on small sets, or the makers of
  the model, whose figures were not repeated here. *Not evaluated* means that there is no figure at all: try it on your own data before you rely on it.
- **A run** is the processor time of one run of the model, on the machine named. Where the card does not tell it, \`shoal models tune NAME\`
  measures what its golden capture costs on your board. What a whole photo costs is in [vision](vision.md#what-the-models-find), sound and files are in [hearing](hearing.md).
- **An example** goes into a pipeline of the [configuration](config.md). The name of the model may be left out where there is one for the task, or the
  bundled one is meant.

What a card is, which of several variants runs, how versions are pinned: [variants](variants.md). A model of your own: [import](import.md).
`;

/** The whole page. Throws when a task has no model, or a card cannot be read. */
export async function modelsPage(): Promise<string> {
  const known = await knownCards();
  const groups = tasksInOrder().map((task) => ({ task, models: known.filter(({ card }) => card.task === task.name) }));
  const bare = groups.find(({ task, models }) => models.length === 0 && learnedBy(task.name) === null);
  if (bare !== undefined) throw new Error(`no model for ${bare.task.name} in models/ or catalogue/`);
  const overview = table(
    ['task', 'model', 'how to get it', 'licence', 'bytes'],
    groups.flatMap(({ task, models }) => (models.length === 0 ? [learnedRow(task)] : models.map((model) => overviewRow(task, model)))),
  );
  const sections = groups.map(({ task, models }) =>
    [
      `## ${task.name}\n`,
      `${task.summary}\n`,
      ...(models.length === 0 ? [learnedSection(task)] : models.map((model) => section(task, model))),
    ].join('\n'),
  );
  return [intro, overview, explanation, ...sections].join('\n');
}

function overviewRow(task: Task, { card, bundled }: KnownCard): string[] {
  const variants = Object.entries(card.variants).map(([name, { bytes }]) => `${name} ${grouped(bytes)}`);
  return [
    `[\`${task.name}\`](#${task.name})`,
    `[${card.name}](#${anchorOf(card)})`,
    bundled ? 'bundled' : `\`shoal models add ${card.name}\``,
    licenceOf(card),
    variants.join('; '),
  ];
}

/** What is learned on a board cannot be shown here: a name, and where to read on. */
function learnedRow({ name }: Task): string[] {
  return [`[\`${name}\`](#${name})`, 'your own', `\`${learnedBy(name)}\``, 'yours', ''];
}

function learnedSection(task: Task): string {
  const words = `No model is shipped: \`${learnedBy(task.name)}\` makes one of your own on the board, with its figures on its card ([learning](learn.md)).`;
  return `${words}\n\n\`\`\`yaml\n${exampleOf(task, 'pump')}\n\`\`\`\n`;
}

function section(task: Task, known: KnownCard): string {
  const { card, bundled, directory } = known;
  const where = bundled ? 'bundled' : `\`shoal models add ${card.name}\``;
  return [
    `### ${card.name} ${card.version}\n`,
    `${card.title}; ${where}.\n`,
    isPictured(known) ? picture(known) : printed(known),
    `\`\`\`yaml\n${exampleOf(task, card.name)}\n\`\`\`\n`,
    accuracyOf(card),
    variantsOf(card),
    `- **Licence**: ${licenceOf(card)}, ${link('its text', path.join(directory, 'LICENSE'))}. ${sentence(card.licence_note ?? '')}`.trimEnd(),
    `- **To be named**: ${card.attribution ?? 'see the licence'}`,
    `- **From**: <${card.source.upstream}>. ${sentence(card.source.note ?? '')} ${link('Its card', path.join(directory, 'card.yaml'))}.\n`,
  ].join('\n');
}

function picture(known: KnownCard): string {
  const { card, golden } = known;
  const told = golden.found.map((observation) => observationText(observation).trim().replace(/\s+/g, ' '));
  const file = path.relative(path.dirname(modelsPageFile), pictureOf(known));
  return `![${card.name} finds: ${told.join('; ').replace(/[[\]"]/g, '')}](${file})\n\nWhat it finds in its golden capture: ${creditOf(golden.credit)}\n`;
}

function printed({ golden }: KnownCard): string {
  const lines = golden.found.map((observation) => observationText(observation).trim());
  return `What it finds in its golden capture, ${creditOf(golden.credit).replace(/\.$/, '')}:\n\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n`;
}

/** Names of files mean nothing on the page. */
function creditOf(credit: string): string {
  return credit.replace(/`input\.\w+`: /, '').replace(/`each\.json`: /, 'It was given ');
}

function accuracyOf({ quality }: Card): string {
  if (quality.length === 0) return '**Accuracy: not evaluated.** Its golden capture is all that is tested.\n';
  const rows = quality.map(({ metric, value, data, measured_by }) => [metric, `${value}`, data, byOf(measured_by)]);
  return table(['accuracy', 'figure', 'on what', 'told by'], rows);
}

/** A command or a script of this repository is set as code. */
function byOf(measuredBy: string): string {
  return /^(npm run |bench\/)/.test(measuredBy) ? `\`${measuredBy}\`` : measuredBy;
}

function variantsOf(card: Card): string {
  const all = Object.entries(card.variants);
  const [[name, variant] = []] = all;
  if (all.length === 1 && variant !== undefined) {
    const run = costOf(variant) || `not on its card; \`shoal models tune ${card.name}\` measures your board`;
    return `- **Bytes**: ${grouped(variant.bytes)}, as ${name}. A run: ${run}.`;
  }
  // As the registry chooses it: the first that states no accuracy.
  const original = (all.find(([, { accuracy }]) => accuracy === undefined) ?? all[0])?.[0];
  const rows = all.map(([name, variant], index) => [
    name,
    grouped(variant.bytes),
    index === 0 ? (Object.keys(card.pinned).length === 0 ? 'all boards' : 'all other boards') : boardsOf(card, name),
    costOf(variant) || 'not on its card',
    name === original ? 'it is the original' : lossOf(variant),
  ]);
  return table(['variant', 'bytes', 'runs on', 'a run', 'errors against the original'], rows);
}

type Variant = Card['variants'][string];

/** Classes of board that run it unless a configuration says otherwise. */
function boardsOf({ pinned }: Card, name: string): string {
  const boards = Object.entries(pinned).flatMap(([board, variant]) => (variant === name ? [board] : []));
  return boards.join(', ') || 'where it is named';
}

function costOf({ cost }: Variant): string {
  const told = cost.map(
    ({ cpu_ms, cpu_ratio, run, machine, measured_by }) =>
      `${cpu_ms} ms, ${cpu_ratio} of the original: ${run}; ${machine} (${byOf(measured_by)})`,
  );
  return told.join('<br>');
}

function lossOf({ accuracy = [] }: Variant): string {
  const told = accuracy.map(
    ({ metric, loss, bound, budget, data, machine, measured_by }) =>
      `${metric}: ${loss} more, at most ${bound}, allowed ${budget}: ${data}; ${machine} (${byOf(measured_by)})`,
  );
  return told.join('<br>') || 'not measured';
}

function licenceOf({ licence, commercial_use }: Card): string {
  return commercial_use ? licence : `${licence} (no commercial use)`;
}

/** As GitHub makes them of headings. */
function anchorOf({ name, version }: Card): string {
  return `${name} ${version}`
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

function link(words: string, file: string): string {
  return `[${words}](${path.relative(path.resolve(path.dirname(modelsPageFile)), file)})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.trim().replaceAll('|', '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return `${[line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')}\n`;
}

function grouped(bytes: number): string {
  return bytes.toLocaleString('en-US');
}

function sentence(text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  return words === '' || /[.!?]$/.test(words) ? words : `${words}.`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await writeFile(modelsPageFile, await modelsPage());
