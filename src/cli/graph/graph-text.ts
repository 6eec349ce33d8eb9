/** The pipelines as a terminal shows them: one below the other, each from its inputs down to its sinks, in seven bits. */
import type { DrawnPipeline, DrawnStage, Graph } from './graph.js';

/** Lines with a newline at the end. */
export function graphText(graph: Graph): string {
  const types = new Map([...graph.inputs, ...graph.sinks].map(({ name, type }) => [name, `${name} (${type})`]));
  const labelled = (names: readonly string[]) => names.map((name) => types.get(name) ?? name);
  const blocks = graph.pipelines.map((pipeline) => pipelineLines(pipeline, labelled(pipeline.from), labelled(pipeline.sinks)));
  const shared = graph.shared.map(
    ({ letter, stages }) => `  [${letter}] ${stages.map(({ pipeline, stage }) => `${pipeline}.${stage}`).join(', ')}`,
  );
  if (shared.length > 0) blocks.push(['Shared: on one capture it runs once, and its answer is taken for all of', ...shared]);
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`.replace(/[^\P{Cc}\n]/gu, '?');
}

function pipelineLines(pipeline: DrawnPipeline, inputs: readonly string[], sinks: readonly string[]): string[] {
  const { name, stages, abstain, report, degrade, notes, problems, runs } = pipeline;
  return [
    `${name}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}${runs ? '' : ': does not run'}`,
    ...problems.map((problem) => `  ! ${problem}`),
    `  ${inputs.join(', ')}`,
    ...stages.flatMap(stageLines),
    '    |',
    ...(abstain === null ? [] : [`    |  abstain when ${abstain}`]),
    '    v',
    `  report ${report.length === 0 ? 'every result' : report.join(', ')}`,
    ...(sinks.length === 0 ? ['    +--> no sink: results are stored only'] : sinks.map((sink) => `    +--> ${sink}`)),
    ...degrade.map((step, i) => `  under pressure ${i + 1}. ${step}`),
  ];
}

function stageLines({ name, task, model, each, crop, when, accept, escalate, stop, shared, problems }: DrawnStage): string[] {
  const looksAt = each.length === 0 ? '' : `, each of ${each.join(' and ')}${crop ? ' cut out' : ''}`;
  return [
    '    |',
    ...(when === null ? [] : [`    |  when ${when}`]),
    '    v',
    `  ${name}${shared === null ? '' : ` [${shared}]`}: ${task}${looksAt}${model === '' ? '' : `, by ${model}`}`,
    ...problems.map((problem) => `    |  ! ${problem}`),
    ...(accept === null ? [] : [`    |  accept ${accept}`]),
    ...(escalate === null ? [] : [`    |  else +--> ${escalate}`]),
    ...(stop === null ? [] : [`    |  stop when ${stop.when}`, `    |       +--> report, "${stop.reason}"`]),
  ];
}
