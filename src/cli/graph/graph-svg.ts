/**
 * The pipelines as a picture: a lane each, from the inputs on the left over the stages to the report and the sinks on the right.
 *
 * A stage is a card with its `when` above and its `accept` and `stop` below; its second look hangs under it, and where it stops a dashed line
 * leads to the report. Stages that run once for several pipelines have a letter in common.
 */

import type { DrawnPipeline, Graph } from './graph.js';
import { type Block, blockHeight, cardWidth, drawBlock, reportBlock, stageBlock } from './graph-cards.js';
import { at, charWidth, edge, lineHeight, rect, svgPage, text } from './svg-parts.js';

const margin = 20;
const gap = 58;
const endWidth = 150;
const endHeight = 42;
const laneGap = 18;
const laneHead = 30;
const channel = 18;
/** Where the flow enters a card, below the upper edge of its middle. */
const flowAt = 26;

interface Lane {
  readonly pipeline: DrawnPipeline;
  readonly blocks: readonly Block[];
  readonly report: Block;
  readonly y: number;
  readonly height: number;
  /** Upper edge of the middle of its cards. */
  readonly middle: number;
}

interface End {
  readonly name: string;
  readonly type: string;
  readonly x: number;
  readonly y: number;
}

export function graphSvg(graph: Graph): string {
  const lanes = lanesOf(graph);
  const columns = Math.max(...graph.pipelines.map(({ stages }) => stages.length), 1);
  const first = margin + endWidth + gap;
  const reportX = first + columns * (cardWidth + gap);
  const sinkX = reportX + cardWidth + gap;
  const width = sinkX + endWidth + margin;
  const flows = lanes.map(({ pipeline, middle }) => ({ pipeline, y: middle + flowAt }));
  const inputs = ends(graph.inputs, margin, (name) => flows.filter(({ pipeline }) => pipeline.from.includes(name)).map(({ y }) => y));
  const sinks = ends(graph.sinks, sinkX, (name) => flows.filter(({ pipeline }) => pipeline.sinks.includes(name)).map(({ y }) => y));
  const bottom = Math.max(...lanes.map(({ y, height }) => y + height), ...[...inputs, ...sinks].map(({ y }) => y + endHeight));
  const legend = graph.shared.map(({ letter, stages }, i) => {
    const names = stages.map(({ pipeline, stage }) => `${pipeline}.${stage}`).join(', ');
    return text(first, bottom + 24 + i * lineHeight, `${letter}  runs once on a capture, for ${names}`, 'faint');
  });
  const legendWidth = Math.max(
    ...graph.shared.map(({ stages }) => stages.reduce((sum, { pipeline, stage }) => sum + pipeline.length + stage.length + 3, 34)),
    0,
  );
  const body = [
    ...lanes.flatMap((lane) => drawLane(lane, first, reportX)),
    ...[...inputs, ...sinks].flatMap(drawEnd),
    ...lanes.flatMap((lane) => joins(lane, inputs, sinks, first, reportX)),
    ...legend,
  ];
  const total = Math.max(width, first + legendWidth * charWidth + margin);
  return svgPage(Math.ceil(total), bottom + margin + (legend.length === 0 ? 0 : 8 + legend.length * lineHeight), 'The pipelines', body);
}

function lanesOf({ pipelines }: Graph): Lane[] {
  const lanes: Lane[] = [];
  let y = margin;
  for (const pipeline of pipelines) {
    const blocks = pipeline.stages.map(stageBlock);
    const report = reportBlock(pipeline);
    const above = Math.max(...[...blocks, report].map((block) => blockHeight(block.above)));
    const below = Math.max(
      ...[...blocks, report].map(({ middle, below: under, second }) => blockHeight(middle, under) + secondHeight(second)),
    );
    const arcs = pipeline.stages.some(({ each }, i) => each.some((name) => name !== pipeline.stages[i - 1]?.name)) ? channel : 0;
    const stops = pipeline.stages.some(({ stop }) => stop !== null) ? channel : 0;
    const middle = y + laneHead + arcs + above;
    const height = middle + below + stops + pipeline.degrade.length * lineHeight + 14 - y;
    lanes.push({ pipeline, blocks, report, y, height, middle });
    y += height + laneGap;
  }
  return lanes;
}

function secondHeight(second: Block['second']): number {
  return second.length === 0 ? 0 : blockHeight(second) + channel;
}

function drawLane({ pipeline, blocks, report, y, height, middle }: Lane, first: number, reportX: number): string[] {
  const { name, notes, runs, stages, degrade } = pipeline;
  const left = first - gap / 2;
  const area = { x: left, y, width: reportX + cardWidth + gap / 2 - left, height };
  const said = notes.length === 0 ? '' : `  ${notes.join(', ')}`;
  const x = (i: number) => first + i * (cardWidth + gap);
  const flow = middle + flowAt;
  const top = (i: number) => middle - blockHeight(blocks[i]?.above ?? []);
  const steps = stages.map(({ each }, i) => {
    const label = each.some((source) => source === stages[i - 1]?.name) ? text(x(i) - gap + 6, flow - 6, 'each', 'faint small') : '';
    return i === 0 ? '' : edge(`M${at(x(i) - gap)},${flow}H${at(x(i))}`) + label;
  });
  const arcs = stages.flatMap(({ each }, i) =>
    each.flatMap((source) => {
      const from = stages.findIndex((stage) => stage.name === source);
      if (from < 0 || from === i - 1) return [];
      const high = Math.min(...stages.slice(from, i + 1).map((_, k) => top(from + k))) - channel + 6;
      const [start, end] = [x(from) + cardWidth - 30, x(i) + 30];
      const label = text(end - 40, high - 4, 'each', 'faint small');
      return [edge(`M${at(start)},${at(top(from))}V${at(high)}H${at(end)}V${at(top(i))}`), label];
    }),
  );
  const foot = y + height - degrade.length * lineHeight;
  const low = foot - channel + 4;
  const ways = degrade.map((step, i) => text(first, foot + 5 + i * lineHeight, `under pressure ${i + 1}. ${step}`, 'faint small'));
  const stops = blocks.flatMap((block, i) => {
    if (stages[i]?.stop === null) return [];
    const under = middle + blockHeight(block.middle, block.below);
    const report0 = middle + blockHeight(report.middle, report.below);
    return [edge(`M${at(x(i) + cardWidth - 14)},${at(under)}V${at(low)}H${at(reportX + 20)}V${at(report0)}`, 'stopped', true)];
  });
  return [
    rect(area, 'lane', 8),
    text(first, y + 20, name, 'ink bold'),
    text(first + (name.length + 1) * charWidth, y + 20, `${said}${runs ? '' : '  does not run'}`, runs ? 'faint' : 'stopped'),
    ...steps,
    edge(`M${at(x(stages.length) - gap)},${flow}H${at(reportX)}`),
    ...arcs,
    ...ways,
    ...stops,
    ...blocks.flatMap((block, i) => drawBlock(block, x(i), middle)),
    ...drawBlock(report, reportX, middle),
  ];
}

/** Each at the mean height of what it is joined with, one below the other. */
function ends(list: Graph['inputs'], x: number, heights: (name: string) => readonly number[]): End[] {
  const wished = list.map(({ name, type }) => {
    const ys = heights(name);
    return { name, type, x, y: ys.reduce((sum, y) => sum + y, 0) / Math.max(1, ys.length) - endHeight / 2 };
  });
  let free = margin;
  return wished
    .sort((a, b) => a.y - b.y)
    .map((end) => {
      const y = Math.max(end.y, free);
      free = y + endHeight + 12;
      return { ...end, y };
    });
}

function drawEnd({ name, type, x, y }: End): string[] {
  return [
    rect({ x, y, width: endWidth, height: endHeight }, 'card box', 20),
    text(x + 16, y + 18, shortened(name), 'ink bold'),
    text(x + 16, y + 34, type, 'faint'),
  ];
}

/** A name may be wider than its box. */
function shortened(name: string): string {
  return name.length <= 16 ? name : `${name.slice(0, 13)}...`;
}

function joins({ pipeline, middle }: Lane, inputs: readonly End[], sinks: readonly End[], first: number, reportX: number): string[] {
  const flow = middle + flowAt;
  const curve = (x1: number, y1: number, x2: number, y2: number) => {
    const half = (x1 + x2) / 2;
    return edge(`M${at(x1)},${at(y1)}C${at(half)},${at(y1)} ${at(half)},${at(y2)} ${at(x2)},${at(y2)}`);
  };
  return [
    ...inputs.flatMap(({ name, x, y }) => (pipeline.from.includes(name) ? [curve(x + endWidth, y + endHeight / 2, first, flow)] : [])),
    ...sinks.flatMap(({ name, x, y }) => (pipeline.sinks.includes(name) ? [curve(reportX + cardWidth, flow, x, y + endHeight / 2)] : [])),
  ];
}
