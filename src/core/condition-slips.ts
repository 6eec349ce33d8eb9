/**
 * What people write who know another language than CEL: the library's complaint in words, and what to write instead. Pure.
 */

export interface Slip {
  readonly summary: string;
  readonly hint: string | null;
}

const words: Readonly<Record<string, string>> = { and: '&&', or: '||', not: '!' };
const tokens: Readonly<Record<string, string>> = { RPAREN: ')', LPAREN: '(', RBRACKET: ']', RBRACE: '}', COMMA: ',', DOT: '.' };
const macros = new Set(['exists', 'all', 'exists_one', 'filter', 'map']);
const ofStages = 'of a stage: size(), exists(o, ...), all(o, ...), exists_one(o, ...), filter(o, ...), map(o, ...)';
const ofTexts = 'of a text: size(), contains(), startsWith(), endsWith(), lowerAscii()';

/** Zones are an input's, and known where results are reported. */
export const zonesElsewhere: Slip = {
  summary: 'in_zone() can be asked in report only',
  hint: 'ask it in report.when or report.track.where: what a pipeline runs does not depend on zones',
};

/** `summary` is what the library said at `offset` of the condition. */
export function slipOf(summary: string, text: string, offset: number): Slip {
  return syntaxSlip(summary, text, offset) ?? typeSlip(summary) ?? { summary: summary.slice(0, 200), hint: null };
}

/** The hint for a word that names nothing here; null where there is none to give. */
export function wordHint(word: string, text: string, offset: number): string | null {
  const before = text.slice(0, offset);
  const [, called = ''] = /\.(\w+)\(\s*$/.exec(before) ?? [];
  if (macros.has(called)) return `name first what it looks at: ${called}(${word}, ...)`;
  if (called !== '') return ofStages;
  return /([=!]=|,)\s*$/.test(before) ? `a text stands in quotes: '${word}'` : null;
}

function syntaxSlip(summary: string, text: string, offset: number): Slip | null {
  if (/(token: |got )EOF$/.test(summary)) {
    return { summary: 'the condition ends too early', hint: summary.includes('RPAREN') ? 'a bracket is not closed' : null };
  }
  if (!/^(Unexpected|Expected)/.test(summary)) return null;
  if (/^=~/.test(text.slice(offset))) return { summary: 'there is no =~', hint: 'use ==, contains(), startsWith() or endsWith()' };
  if (text[offset] === '=') return { summary: 'a single = compares nothing', hint: 'write ==' };
  const [, word = ''] = /^(and|or)\b/.exec(text.slice(offset)) ?? /\b(and|or|not)\s+$/.exec(text.slice(0, offset)) ?? [];
  if (word !== '') return { summary: `there is no "${word}"`, hint: `write ${words[word]}` };
  const [, token = ''] = /^Unexpected token: (\w+)$/.exec(summary) ?? [];
  return tokens[token] === undefined ? null : { summary: `"${tokens[token]}" is out of place`, hint: null };
}

function typeSlip(summary: string): Slip | null {
  if (summary.startsWith('List index must be int')) {
    return { summary: 'a stage is a list of observations, which has no fields', hint: 'ask of each: faces.exists(f, f.score >= 0.8)' };
  }
  const [, called] = /^found no matching overload for '(.+)'$/.exec(summary) ?? [];
  if (called !== undefined) {
    if (called === 'in_zone(Box, string)') return zonesElsewhere;
    if (called.startsWith('in_zone')) return { summary: `in_zone() needs a box and a name, got ${called}`, hint: "in_zone(f.box, 'door')" };
    return { summary: `there is no ${called}`, hint: called.startsWith('string.') ? ofTexts : ofStages };
  }
  const [, left = '', operator = '', right = ''] = /^no such overload: (\S+) (\S+) (\S+)$/.exec(summary) ?? [];
  if ((left === 'string') === (right === 'string') || operator === '') return null;
  return { summary: `a text and something else: ${left} ${operator} ${right}`, hint: 'numbers stand without quotes, texts with' };
}
