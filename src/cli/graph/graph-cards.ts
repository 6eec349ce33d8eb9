/** The cards of a drawing: what stands on a stage and on a report, how high that is, and its shapes. */
import type { DrawnPipeline, DrawnStage } from './graph.js';
import { at, charWidth, edge, lineHeight, rect, text, wrapped } from './svg-parts.js';

export const cardWidth = 244;
const padding = 10;
const stripPadding = 5;
/** From a card to its second look. */
const drop = 18;
const chars = Math.floor((cardWidth - 2 * padding) / charWidth);

/** Lines of text on one ground. */
interface Strip {
  readonly ground: 'card' | 'gate' | 'good' | 'stop';
  readonly lines: readonly string[];
  /** Whether its first line is the card's title. */
  readonly titled?: boolean;
}

export interface Block {
  readonly above: readonly Strip[];
  readonly middle: readonly Strip[];
  readonly below: readonly Strip[];
  /** Hangs under the card. */
  readonly second: readonly Strip[];
  readonly badge: string | null;
  readonly broken: boolean;
}

export function stageBlock({ name, task, model, each, crop, when, accept, escalate, stop, shared, problems }: DrawnStage): Block {
  const looksAt = each.length === 0 ? [] : wrapped(`each of ${each.join(' and ')}${crop ? ' cut out' : ''}`, chars, 2);
  const title = [...wrapped(name, chars - 4, 1), ...wrapped(task, chars, 1), ...wrapped(model, chars, 2), ...looksAt];
  return {
    above: when === null ? [] : [strip('gate', `when ${when}`)],
    middle: [{ ground: 'card', lines: title, titled: true }],
    below: [
      ...problems.map((problem) => strip('stop', problem)),
      ...(accept === null ? [] : [strip('good', `accept ${accept}`)]),
      ...(stop === null ? [] : [strip('stop', `stop when ${stop.when}: ${stop.reason}`)]),
    ],
    second: escalate === null ? [] : [{ ground: 'card', lines: wrapped(escalate, chars - 6, 2) }],
    badge: shared,
    broken: problems.length > 0,
  };
}

export function reportBlock({ report, abstain, problems }: DrawnPipeline): Block {
  const said = report.length === 0 ? ['every result'] : report;
  return {
    above: abstain === null ? [] : [strip('gate', `abstain when ${abstain}`)],
    middle: [{ ground: 'card', lines: ['report', ...said.flatMap((line) => wrapped(line, chars))], titled: true }],
    below: problems.map((problem) => strip('stop', problem)),
    second: [],
    badge: null,
    broken: problems.length > 0,
  };
}

function strip(ground: Strip['ground'], words: string): Strip {
  return { ground, lines: wrapped(words, chars) };
}

/** In pixels. */
export function blockHeight(...parts: readonly (readonly Strip[])[]): number {
  return parts.flat().reduce((sum, { lines }) => sum + lines.length * lineHeight + 2 * stripPadding, 0);
}

/** `middle`: upper edge of its middle. */
export function drawBlock(block: Block, x: number, middle: number): string[] {
  const strips = [...block.above, ...block.middle, ...block.below];
  const top = middle - blockHeight(block.above);
  const height = blockHeight(strips);
  const frame = { x, y: top, width: cardWidth, height };
  const shapes = [rect(frame, 'card'), ...drawStrips(strips, x, top, cardWidth)];
  shapes.push(`<g fill="none">${rect(frame, block.broken ? 'none broken' : 'none box')}</g>`);
  if (block.badge !== null) {
    const width = 10 + block.badge.length * charWidth;
    shapes.push(rect({ x: x + cardWidth - width - 6, y: middle + 5, width, height: 18 }, 'badge', 9));
    shapes.push(`<g fill="#fff">${text(x + cardWidth - width - 1, middle + 18, block.badge, 'bold')}</g>`);
  }
  if (block.second.length > 0) {
    const y = top + height + drop;
    const area = { x: x + 24, y, width: cardWidth - 58, height: blockHeight(block.second) };
    shapes.push(edge(`M${at(x + 44)},${at(top + height)}V${at(y)}`), text(x + 52, y - 5, 'not accepted', 'faint small'));
    shapes.push(rect(area, 'card box'), ...drawStrips(block.second, area.x, y, area.width));
  }
  return shapes;
}

function drawStrips(strips: readonly Strip[], x: number, top: number, width: number): string[] {
  let y = top;
  return strips.flatMap(({ ground, lines, titled = false }) => {
    const height = lines.length * lineHeight + 2 * stripPadding;
    const shapes = ground === 'card' ? [] : [rect({ x, y, width, height }, ground, 3)];
    for (const [i, line] of lines.entries()) {
      const classes = titled ? (i === 0 ? 'ink bold' : 'faint') : 'ink';
      shapes.push(text(x + padding, y + stripPadding + 13 + i * lineHeight, line, classes));
    }
    y += height;
    return shapes;
  });
}
