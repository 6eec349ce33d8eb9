/** An inspection for a person: facts first, then inputs and outputs, operators by cost, and what deserves a look. */
import type { Inspection, ValueReport } from '../compile/inspect/inspect-model.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

/** Rows shown of a table; a file nobody vouches for may name thousands. */
const rowsMax = 40;

export function inspectionText(file: string, sha256: string, report: Inspection): string {
  const facts = [
    ['file', `${printable(file)}, ${bytesText(report.bytes)}`],
    ['sha256', sha256],
    ['made by', printable(report.producer).slice(0, 100) || 'it does not say'],
    ['format', `ONNX IR ${report.irVersion}, opset ${opsetsText(report.opsets)}`],
    ['parameters', parametersText(report.weights)],
    ['operations', workText(report)],
    [
      'quantized',
      `${percent(report.weights.quantizedShare)} of the weights, ${percent(report.work.quantizedShare)} of the multiply-accumulates`,
    ],
    ['tensors', tensorsText(report.activations)],
  ];
  const width = Math.max(...facts.map(([name = '']) => name.length));
  const blocks = [
    facts.map(([name = '', text]) => `${name.padEnd(width)}  ${text}`).join('\n'),
    valuesText('INPUT', report.inputs),
    valuesText('OUTPUT', report.outputs),
    operatorsText(report),
    findingsText(report.findings),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function opsetsText(opsets: Inspection['opsets']): string {
  const all = Object.entries(opsets).slice(0, 10);
  const texts = all.map(([domain, version]) => (domain === 'ai.onnx' ? String(version) : `${printable(domain).slice(0, 60)} ${version}`));
  return texts.join(', ') || 'not stated';
}

function parametersText({ parameters, byType }: Inspection['weights']): string {
  const types = byType
    .slice(0, 8)
    .map(({ type, tensors, bytes }) => `${type} ${bytesText(bytes)} in ${tensors === 1 ? '1 tensor' : `${tensors} tensors`}`);
  return parameters === 0 ? 'none' : `${count(parameters)}: ${types.join(', ')}`;
}

function workText({ work, dimensions }: Inspection): string {
  const at = dimensions
    .slice(0, 8)
    .map(({ name, size, assumed }) => `${printable(name).slice(0, 60)}=${size}${assumed ? ' (assumed)' : ''}`);
  const uncounted = Object.entries(work.uncounted)
    .slice(0, 8)
    .map(([operator, nodes]) => `${printable(operator).slice(0, 60)} ${nodes}`);
  return [
    `${work.atLeast ? 'at least ' : ''}${count(work.macs)} multiply-accumulates and ${count(work.others)} element operations a run`,
    ...(at.length > 0 ? [`with ${at.join(', ')}`] : []),
    ...(uncounted.length > 0 ? [`not counted: ${uncounted.join(', ')}`] : []),
  ].join('\n            ');
}

function tensorsText({ tensors, unknown, largest }: Inspection['activations']): string {
  const size =
    largest === null
      ? ''
      : `, the largest ${bytesText(largest.bytes)}: ${printable(largest.name).slice(0, 60)} ${largest.type} ${shapeText(largest.shape)}`;
  return `${tensors} computed${size}${unknown > 0 ? `; ${unknown} of unknown size` : ''}`;
}

function valuesText(title: string, values: readonly ValueReport[]): string {
  const rows = values
    .slice(0, rowsMax)
    .map(({ name, type, stated, shape }) => [printable(name), type, statedText(stated), shapeText(shape)]);
  return renderTable([title, 'TYPE', 'STATED', 'SHAPE'], rows) + more(values.length);
}

function statedText(stated: ValueReport['stated']): string {
  return stated === null
    ? 'nothing'
    : `[${stated
        .slice(0, 16)
        .map((size) => (size === '' ? '?' : printable(String(size)).slice(0, 40)))
        .join(', ')}]`;
}

function shapeText(shape: ValueReport['shape']): string {
  return shape === null ? 'unknown' : `[${shape.map((size) => size ?? '?').join(', ')}]`;
}

function operatorsText({ operators, work }: Inspection): string {
  const rows = operators
    .slice(0, rowsMax)
    .map(({ operator, count: nodes, macs }) => [
      printable(operator),
      String(nodes),
      macs === 0 ? '' : count(macs),
      macs === 0 ? '' : percent(macs / work.macs),
    ]);
  return renderTable(['OPERATOR', 'COUNT', 'MACS', 'SHARE'], rows) + more(operators.length);
}

function findingsText(findings: Inspection['findings']): string {
  if (findings.length === 0) return 'Nothing suspicious.';
  return findings.map(({ level, message }) => `${level.padEnd(7)}  ${printable(message)}`).join('\n');
}

function more(all: number): string {
  return all > rowsMax ? `\n... and ${all - rowsMax} more; --json has them all` : '';
}

function percent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 1 ? '<1' : value < 100 && value > 99 ? '>99' : Math.round(value)} %`;
}

const steps: readonly (readonly [number, string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

function count(value: number): string {
  const [size, unit] = steps.find(([from]) => value >= from) ?? [1, ''];
  return unit === '' ? String(value) : `${(value / size).toPrecision(3)} ${unit}`;
}

function bytesText(bytes: number): string {
  const [size, unit] = steps.find(([from]) => bytes >= from) ?? [1, ''];
  return unit === '' ? `${bytes} B` : `${(bytes / size).toPrecision(3)} ${unit}B`;
}
