/**
 * One YAML 1.2 text -> a tree of plain values in which each value knows where it was written.
 *
 * Guarantees: never throws on any text; duplicate keys, tabs, unknown tags and alias bombs are problems with a position; the size,
 * depth and number of aliases are bounded before anything is expanded. Keys are strings; keys that JavaScript could mistake for
 * something else are refused.
 */
import { Composer, type CST, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type ParsedNode, Parser } from 'yaml';
import { limits } from '../core/limits.js';
import { formatPath, type PathSegment, type Place, type Problem, printable } from './problem.js';
import type { SourceFile } from './source-file.js';

export type TreeValue = string | number | boolean | null | TreeNode[] | Map<string, TreeNode>;

export interface TreeNode {
  value: TreeValue;
  /** Where the value was written. */
  readonly place: Place;
  /** Where its key was written; the value's place in a list. */
  readonly keyPlace: Place;
  /** A text in which variables were filled in: may stand for a number where a number is needed. */
  filled?: boolean;
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

const yamlMessages: Readonly<Record<string, { message: string; hint: string | null }>> = {
  TAB_AS_INDENT: { message: 'a tab is used to indent', hint: 'YAML wants spaces' },
  TAG_RESOLVE_FAILED: { message: 'tags (!...) are not supported', hint: 'remove the tag' },
  BAD_INDENT: { message: 'the indentation does not fit the lines above', hint: null },
  MULTILINE_IMPLICIT_KEY: { message: 'a key may not go over several lines', hint: 'is a colon or a quote missing?' },
  BAD_SCALAR_START: { message: 'a plain text may not start with this character', hint: 'put the text in quotes' },
  MISSING_CHAR: { message: 'a closing quote, bracket or colon is missing', hint: 'look at the lines above, too' },
  UNEXPECTED_TOKEN: { message: 'YAML cannot go on here', hint: 'put text that holds a { } [ ] , : # & or * in quotes' },
  BLOCK_AS_IMPLICIT_KEY: { message: 'a block may not start on the same line as its key', hint: 'is there a second colon in this line?' },
};

/** The tree of a file, or null when it has none worth looking at; what was wrong goes to `problems`. */
export function parseTree(file: SourceFile, problems: Problem[]): TreeNode | null {
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file: file.path, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const fault = (offset: number | null, message: string, hint: string | null = null) => {
    const at = offset === null ? { file: file.path } : place(offset);
    problems.push({ severity: 'error', place: at, path: '', message, hint });
    return null;
  };
  const tokens = tokenize(file.text, lines);
  if (!Array.isArray(tokens)) return fault(tokens.offset, tokens.message);
  const options = { version: '1.2', uniqueKeys: false, prettyErrors: false, logLevel: 'silent' } as const;
  const [document, second] = [...new Composer(options).compose(tokens, true, file.text.length)];
  if (second) return fault(second.range[0], 'the file holds more than one document', 'remove the --- line');
  if (!document) return null;
  const faults = [...document.errors, ...document.warnings];
  const seen = new Set<number>();
  for (const { pos, code, message } of faults) {
    const { line } = lines.linePos(pos[0]);
    // The first fault causes others, in its line and after it.
    if (seen.has(line) || (code === 'UNEXPECTED_TOKEN' && seen.size > 0) || seen.size >= limits.configProblemsMax) continue;
    seen.add(line);
    const known = yamlMessages[code] ?? { message: `YAML: ${printable(message.split('\n', 1)[0] ?? '', 100)}`, hint: null };
    fault(pos[0], known.message, known.hint);
  }
  if (faults.length > 0 || document.contents === null) return null;
  return new Converter(file, place, problems).convert(document.contents as ParsedNode);
}

/**
 * The text as the composer wants it, or why not. Depth is bounded here, before anything recurses: a text nested deeply enough ends the
 * composer's stack, and with it, inside a regular expression, the process.
 */
function tokenize(text: string, lines: LineCounter): CST.Token[] | { offset: number; message: string } {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let offset = 0;
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // One per level at least, two or three at most.
    if (parser.stack.length > 4 * limits.configDepthMax) return { offset, message: `nested more than ${limits.configDepthMax} deep` };
    if (++lexemes > limits.configTokensMax) return { offset, message: 'the file goes on for too long: it cannot be a configuration' };
    offset += lexeme.length;
  }
  return [...tokens, ...parser.end()];
}

/** Thrown inside only, to leave a recursion. */
class TooMuch extends Error {}

class Converter {
  readonly #place: (offset: number) => Place;
  readonly #problems: Problem[];
  readonly #anchors = new Map<string, ParsedNode>();
  readonly #file: SourceFile;
  #values = 0;
  #aliases = 0;

  constructor(file: SourceFile, place: (offset: number) => Place, problems: Problem[]) {
    this.#file = file;
    this.#place = place;
    this.#problems = problems;
  }

  convert(root: ParsedNode): TreeNode | null {
    try {
      return this.#node(root, [], this.#place(root.range[0]));
    } catch (error) {
      if (error instanceof TooMuch || error instanceof RangeError) return null;
      throw error;
    }
  }

  #node(node: ParsedNode | null, path: readonly PathSegment[], keyPlace: Place): TreeNode {
    const place = node === null ? keyPlace : this.#place(node.range[0]);
    this.#values++;
    if (this.#values > limits.configValuesMax) this.#giveUp(place, path, `more than ${limits.configValuesMax} values, aliases expanded`);
    if (path.length > limits.configDepthMax) this.#giveUp(place, path, `nested more than ${limits.configDepthMax} deep`);
    if (node === null) return { value: null, place, keyPlace };
    if (isAlias(node)) return { ...this.#node(this.#resolve(node.source, place, path), path, keyPlace), place };
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return { value: this.#scalar(node.value), place, keyPlace };
    if (isSeq(node)) {
      const items = node.items as (ParsedNode | null)[];
      return { value: items.map((item, i) => this.#node(item, [...path, i], item ? this.#place(item.range[0]) : place)), place, keyPlace };
    }
    if (isMap(node))
      return { value: this.#map(node.items as { key: ParsedNode; value: ParsedNode | null }[], path, place), place, keyPlace };
    return this.#giveUp(place, path, 'is no YAML value');
  }

  #map(
    items: readonly { key: ParsedNode; value: ParsedNode | null }[],
    path: readonly PathSegment[],
    mapPlace: Place,
  ): Map<string, TreeNode> {
    const map = new Map<string, TreeNode>();
    for (const { key, value } of items) {
      const keyPlace = key?.range ? this.#place(key.range[0]) : mapPlace;
      if (!isScalar(key)) {
        this.#add(keyPlace, path, 'a key is a word, not a list or map', 'is a brace or a quote missing?');
        continue;
      }
      const name = String(key.value);
      const before = map.get(name);
      // Looked for here and not by the parser, whose own search is quadratic in the keys of a map.
      if (before !== undefined) {
        this.#add(keyPlace, [...path, name], 'this key is written twice', `keep one of them; the first is in line ${before.keyPlace.line}`);
      } else if (forbiddenKeys.has(name)) this.#add(keyPlace, [...path, name], 'this key is reserved', 'choose another name');
      else map.set(name, this.#node(value, [...path, name], keyPlace));
    }
    return map;
  }

  #scalar(value: unknown): TreeValue {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    return String(value);
  }

  #resolve(name: string, place: Place, path: readonly PathSegment[]): ParsedNode {
    this.#aliases++;
    if (this.#aliases > limits.configAliasesMax) {
      this.#giveUp(place, path, `more than ${limits.configAliasesMax} aliases (*name), nested ones counted each time`);
    }
    return this.#anchors.get(name) ?? this.#giveUp(place, path, `*${printable(name)} has no anchor &${printable(name)} before it`);
  }

  #add(place: Place, path: readonly PathSegment[], message: string, hint: string | null): void {
    this.#problems.push({ severity: 'error', place, path: formatPath(path.slice(0, 8)), message, hint });
  }

  #giveUp(place: Place, path: readonly PathSegment[], message: string): never {
    this.#add({ ...place, file: this.#file.path }, path, message, null);
    throw new TooMuch(message);
  }
}

/** Plain data for validation. Maps become objects without a prototype. */
export function plainValue(node: TreeNode): unknown {
  const { value } = node;
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [key, child] of value) object[key] = plainValue(child);
    return object;
  }
  return value;
}

/** The node at a path, or null. */
export function nodeAt(root: TreeNode | null, path: readonly PathSegment[]): TreeNode | null {
  let node: TreeNode | null = root;
  for (const segment of path) {
    const value: TreeValue | undefined = node?.value;
    if (value instanceof Map) node = value.get(String(segment)) ?? null;
    else if (Array.isArray(value)) node = value[Number(segment)] ?? null;
    else return null;
  }
  return node;
}

/** Where a path was written, or the nearest thing around it. */
export function placeOf(root: TreeNode | null, path: readonly PathSegment[], file: string): Place {
  for (let length = path.length; length >= 0; length--) {
    const node = nodeAt(root, path.slice(0, length));
    if (node !== null && (length > 0 || path.length === 0)) return length === path.length ? node.place : node.keyPlace;
  }
  return { file };
}
